import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  const answering = createSocket('udp4')
  answering.send(message, port, address, () => answering.close())
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
