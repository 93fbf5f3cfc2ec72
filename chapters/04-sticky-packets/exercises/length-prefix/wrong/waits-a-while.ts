import { createServer } from 'node:net'

const MUCH = 500_000

createServer({ allowHalfOpen: true }, socket => {
  let waiting = Buffer.alloc(0)
  let bytes = 0
  socket.on('data', chunk => {
    waiting = Buffer.concat([waiting, chunk])
    while (waiting.length >= 4) {
      const length = waiting.readUInt32BE()
      if (length > 65_536) {
        socket.destroy()
        return
      }
      if (waiting.length < 4 + length) break
      const answer = waiting.subarray(4, 4 + length).toReversed()
      socket.write(Buffer.concat([waiting.subarray(0, 4), answer]))
      waiting = waiting.subarray(4 + length)
      bytes += length
    }
    if (bytes < MUCH) return
    // Too much for one client: it has to wait a little.
    bytes = 0
    socket.pause()
    setTimeout(() => socket.resume(), 2000)
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
