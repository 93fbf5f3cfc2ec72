import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let waiting = Buffer.alloc(0)
  function answer(): void {
    if (waiting.length < 4) return
    const length = waiting.readUInt32BE()
    if (length > 65_536) {
      socket.destroy()
      return
    }
    if (waiting.length < 4 + length) return
    const payload = waiting.subarray(4, 4 + length).toReversed()
    if (!socket.write(Buffer.concat([waiting.subarray(0, 4), payload]))) socket.pause()
    waiting = waiting.subarray(4 + length)
    answer()
  }
  socket.on('data', chunk => {
    waiting = Buffer.concat([waiting, chunk])
    answer()
  })
  socket.on('drain', () => socket.resume())
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
