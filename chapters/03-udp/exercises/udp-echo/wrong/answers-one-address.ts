import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
socket.on('message', (message, { port }) => {
  socket.send(message, port, '127.0.0.1')
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
