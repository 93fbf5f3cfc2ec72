import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'

const server = createServer({ allowHalfOpen: true }, async socket => {
  socket.on('error', () => {})
  try {
    for await (const line of readFrames(socket, lines())) {
      const ms = Number(line.split(' ')[1])
      await delay(ms)
      socket.write(`done ${ms}\n`)
    }
    socket.end()
  } catch {
    socket.destroy()
  }
})

process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
})

server.listen(Number(process.env.PORT), '127.0.0.1')
