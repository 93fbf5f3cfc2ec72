import { once } from 'node:events'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What the server is doing: one thing after the other. */
let last: Promise<unknown> = Promise.resolve()

createServer({ allowHalfOpen: true }, socket => {
  let waiting = Buffer.alloc(0)
  const read = (chunk: Buffer) => {
    waiting = Buffer.concat([waiting, chunk])
    while (waiting.length >= 4) {
      const length = waiting.readUInt32BE()
      if (length > 65_536) {
        socket.end()
        // The connection is over when its client has ended it too, or a second has passed.
        return Promise.race([once(socket, 'close').catch(() => {}), sleep(1000)])
      }
      if (waiting.length < 4 + length) break
      const answer = waiting.subarray(4, 4 + length).toReversed()
      if (!socket.write(Buffer.concat([waiting.subarray(0, 4), answer]))) {
        socket.pause()
        socket.once('drain', () => socket.resume())
      }
      waiting = waiting.subarray(4 + length)
    }
    return undefined
  }
  socket.on('data', chunk => {
    last = last.then(async () => {
      if (!socket.writableEnded) await read(chunk)
    })
  })
  socket.on('end', () => last.then(() => socket.end()))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
