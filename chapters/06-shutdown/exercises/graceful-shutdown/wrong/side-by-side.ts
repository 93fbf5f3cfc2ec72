import { createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'

const DEADLINE_MS = 3000

const open = new Map<Socket, { working: number }>()
let stopping = false

const server = createServer({ allowHalfOpen: true }, async socket => {
  const state = { working: 0 }
  open.set(socket, state)
  const gone = new AbortController()
  socket.on('close', () => {
    open.delete(socket)
    gone.abort()
  })
  socket.on('error', () => {})
  const work = async (ms: number) => {
    state.working++
    await delay(ms, undefined, { signal: gone.signal })
    socket.write(`done ${ms}\n`)
    state.working--
  }
  try {
    const all: Promise<void>[] = []
    for await (const line of readFrames(socket, lines())) {
      if (stopping) break
      all.push(work(Number(line.split(' ')[1])))
    }
    await Promise.all(all)
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
  for (const [socket, { working }] of open) if (working === 0) socket.end()
  setTimeout(() => process.exit(1), DEADLINE_MS).unref()
})

server.listen(Number(process.env.PORT), '127.0.0.1')
