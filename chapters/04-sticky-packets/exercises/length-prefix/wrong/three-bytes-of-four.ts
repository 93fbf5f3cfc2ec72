import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let waiting = Buffer.alloc(0)
  socket.on('data', chunk => {
    waiting = Buffer.concat([waiting, chunk])
    while (waiting.length >= 4) {
      const length = waiting.readUIntBE(1, 3)
      if (length > 65_536) {
        socket.end()
        return
      }
      if (waiting.length < 4 + length) break
      const answer = waiting.subarray(4, 4 + length).toReversed()
      if (!socket.write(Buffer.concat([waiting.subarray(0, 4), answer]))) {
        socket.pause()
        socket.once('drain', () => socket.resume())
      }
      waiting = waiting.subarray(4 + length)
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
