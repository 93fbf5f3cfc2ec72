import { createServer, type Socket } from 'node:net'

const LONGEST_MS = 2 ** 31 - 1
const open = new Map<Socket, { working: boolean }>()
let stopping = false

function later(ms: number, run: () => void): void {
  const step = Math.min(ms, LONGEST_MS)
  setTimeout(() => (ms > step ? later(ms - step, run) : run()), step)
}

const server = createServer({ allowHalfOpen: true }, socket => {
  const state = { working: false }
  const waiting: string[] = []
  let text = ''
  let ended = false
  open.set(socket, state)
  socket.on('close', () => open.delete(socket))
  socket.on('error', () => {})
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    text += chunk
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      // So many are enough for anybody.
      if (waiting.length < 1000) waiting.push(text.slice(0, end))
      text = text.slice(end + 1)
    }
    if (!state.working) next()
  })
  socket.on('end', () => {
    ended = true
    if (!state.working) socket.end()
  })

  function next(): void {
    const line = stopping ? undefined : waiting.shift()
    state.working = line !== undefined
    if (line === undefined) {
      if (stopping || ended) socket.end()
      return
    }
    const ms = Number(line.split(' ')[1])
    later(ms, () => {
      socket.write(`done ${ms}\n`)
      next()
    })
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
