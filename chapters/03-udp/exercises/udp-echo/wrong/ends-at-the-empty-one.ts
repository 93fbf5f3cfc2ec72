import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  if (message.length === 0) {
    socket.close()
    return
  }
  socket.send(message, port, address)
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
