import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')
const senders = new Set<string>()

socket.on('message', (message, { address, port }) => {
  const sender = `${address}:${port}`
  if (!senders.has(sender) && senders.size === 100) return
  senders.add(sender)
  socket.send(message, port, address, () => {})
})

socket.bind(Number(process.env.PORT), '127.0.0.1')
