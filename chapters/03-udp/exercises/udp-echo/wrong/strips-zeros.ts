import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')

socket.on('message', (message, { address, port }) => {
  let length = message.length
  while (length > 0 && message[length - 1] === 0) length--
  socket.send(message.subarray(0, length), port, address, () => {})
})

socket.bind(Number(process.env.PORT), '127.0.0.1')
