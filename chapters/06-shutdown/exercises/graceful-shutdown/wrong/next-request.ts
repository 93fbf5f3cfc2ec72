import { createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'

const open = new Map<Socket, { working: boolean }>()
let stopping = false

const server = createServer({ allowHalfOpen: true }, async socket => {
  const state = { working: false }
  open.set(socket, state)
  const gone = new AbortController()
  socket.on('close', () => {
    open.delete(socket)
    gone.abort()
  })
  socket.on('error', () => {})
  try {
    for await (const line of readFrames(socket, lines())) {
      state.working = true
      const ms = Number(line.split(' ')[1])
      await delay(ms, undefined, { signal: gone.signal })
      socket.write(`done ${ms}\n`)
      state.working = false
    }
    socket.end()
    socket.resume()
  } catch {
    socket.destroy()
  }
})

process.on('SIGTERM', () => {
  if (stopping) return
  stopping = true
  server.close()
  for (const [socket, { working }] of open) if (!working) socket.end()
  setTimeout(() => process.exit(1), 3000).unref()
})

server.listen(Number(process.env.PORT), '127.0.0.1')
