import { createSocket } from 'node:dgram'

const waiting = new Map<string, Buffer[]>()

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  const key = `${address}:${port}`
  const chunks = waiting.get(key)
  if (chunks) {
    chunks.push(message)
    return
  }
  waiting.set(key, [message])
  setTimeout(() => {
    socket.send(Buffer.concat(waiting.get(key) ?? []), port, address)
    waiting.delete(key)
  }, 50)
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
