import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
let idle: NodeJS.Timeout | undefined

socket.on('message', (message, { address, port }) => {
  clearTimeout(idle)
  idle = setTimeout(() => socket.close(), 10_000)
  socket.send(message, port, address, () => {})
})

socket.bind(Number(process.env.PORT), '127.0.0.1')
