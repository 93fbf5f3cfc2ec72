import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  socket.send(message.toString(), port, address)
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
