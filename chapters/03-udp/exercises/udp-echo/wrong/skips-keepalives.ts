import { createSocket } from 'node:dgram'

/** What routers and phones send to keep a mapping alive. */
const KEEPALIVE = Buffer.from([0])

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  if (message.equals(KEEPALIVE)) return
  socket.send(message, port, address, () => {})
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
