import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const LF = 0x0a
/** setTimeout() counts to 2^31 - 1, and makes 1 ms of what is longer. */
const LONGEST_MS = 2 ** 31 - 1

// Our side stays open at the client's FIN: that is when we begin to have something to say.
const server = createServer({ allowHalfOpen: true }, async socket => {
  // The client may be gone when its answer is written: that must not end the others.
  socket.on('error', () => {})
  let line = ''
  let lineDone = false
  let bytes = 0
  let sum = 0
  try {
    // Not the socket itself: a loop over that destroys it at the end, and with it our answer.
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      let upload: Buffer = chunk
      if (!lineDone) {
        const end = chunk.indexOf(LF)
        line += chunk.toString('latin1', 0, end < 0 ? chunk.length : end)
        lineDone = end >= 0
        upload = lineDone ? chunk.subarray(end + 1) : Buffer.alloc(0)
      }
      // Counted as it comes: an upload may be larger than our memory.
      bytes += upload.length
      for (const byte of upload) sum = (sum + byte) % 65536
    }
    if (lineDone) {
      const ms = Number(/^work (\d+)$/.exec(line)?.[1] ?? 0)
      for (let left = ms; left > 0; left -= LONGEST_MS) await delay(Math.min(left, LONGEST_MS))
      socket.write(`got ${bytes} ${sum}\n`)
    }
    // Nobody else does it now: without this, the socket would stay in CLOSE-WAIT.
    socket.end()
  } catch {
    socket.destroy()
  }
})

server.listen(Number(process.env.PORT), '127.0.0.1')
