import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  // A frame that is not complete after eleven seconds never will be, it believes.
  let timer: NodeJS.Timeout | undefined
  let waiting = Buffer.alloc(0)
  socket.on('data', chunk => {
    waiting = Buffer.concat([waiting, chunk])
    while (waiting.length >= 4) {
      const length = waiting.readUInt32BE()
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
    clearTimeout(timer)
    if (waiting.length > 0 && !socket.isPaused()) timer = setTimeout(() => socket.destroy(), 11_000)
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
