import { createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'

const DEADLINE_MS = 3000
/** setTimeout() counts to 2^31 - 1, and makes 1 ms of what is longer. */
const LONGEST_MS = 2 ** 31 - 1

/** The open connections, and whether they work. */
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
      // Its FIN has been sent already: this one came too late.
      if (stopping) break
      state.working = true
      const ms = Number(line.split(' ')[1])
      // The timer keeps the process alive: a socket whose FIN has been read does not. When the
      // connection is reset, the work on it ends.
      for (let left = ms; left > 0; left -= LONGEST_MS) {
        await delay(Math.min(left, LONGEST_MS), undefined, { signal: gone.signal })
      }
      state.working = false
      // The answer arrives, and behind it a RST: as when close(2) finds bytes that nobody has read.
      if (stopping) return void socket.write(`done ${ms}\n`, () => socket.resetAndDestroy())
      socket.write(`done ${ms}\n`)
    }
    socket.end()
    // Read on, or the client's FIN would never be seen.
    socket.resume()
  } catch {
    socket.destroy()
  }
})

// on(), not once(): without a listener, a second signal would end the process.
process.on('SIGTERM', () => {
  if (stopping) return
  stopping = true
  server.close()
  // What works looks at `stopping` when it is done.
  for (const [socket, { working }] of open) if (!working) socket.end()
  // When the last connection is gone nothing keeps the process, and it ends by itself, with code 0.
  setTimeout(() => process.exit(1), DEADLINE_MS).unref()
})

server.listen(Number(process.env.PORT), '127.0.0.1')
