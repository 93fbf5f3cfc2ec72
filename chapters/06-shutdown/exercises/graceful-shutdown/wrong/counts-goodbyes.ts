import { createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'

const LONGEST_MS = 2 ** 31 - 1
let clients = 0
const open = new Map<Socket, { working: boolean }>()
let stopping = false

const server = createServer({ allowHalfOpen: true }, async socket => {
  const state = { working: false }
  open.set(socket, state)
  clients++
  socket.on('end', () => {
    clients--
    if (stopping && clients === 0) socket.once('close', () => process.exit(0))
  })
  const gone = new AbortController()
  socket.on('close', () => {
    open.delete(socket)
    gone.abort()
  })
  socket.on('error', () => {})
  try {
    for await (const line of readFrames(socket, lines())) {
      if (stopping) break
      state.working = true
      const ms = Number(line.split(' ')[1])
      for (let left = ms; left > 0; left -= LONGEST_MS) {
        await delay(Math.min(left, LONGEST_MS), undefined, { signal: gone.signal })
      }
      socket.write(`done ${ms}\n`)
      state.working = false
      if (stopping) break
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
  if (clients === 0) process.exit(0)
  setTimeout(() => process.exit(1), 3000)
})

server.listen(Number(process.env.PORT), '127.0.0.1')
