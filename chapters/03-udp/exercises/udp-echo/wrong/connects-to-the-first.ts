import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
socket.once('message', (first, { address, port }) => {
  socket.connect(port, address, () => {
    socket.send(first)
    socket.on('message', message => socket.send(message))
  })
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
