import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  // From our own port: an answer of ours, which must not be answered again and again.
  if (port === socket.address().port) return
  socket.send(message, port, address, () => {})
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
