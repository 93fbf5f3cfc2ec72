import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let waiting = Buffer.alloc(0)
  socket.on('data', chunk => {
    const answers: Buffer[] = []
    waiting = Buffer.concat([waiting, chunk])
    while (waiting.length >= 4) {
      const length = waiting.readUInt32BE()
      if (length > 65_536) {
        socket.destroy()
        return
      }
      if (waiting.length < 4 + length) break
      answers.push(waiting.subarray(0, 4), waiting.subarray(4, 4 + length).reverse())
      waiting = waiting.subarray(4 + length)
    }
    // One write for all answers of a chunk.
    if (!socket.write(Buffer.concat(answers))) {
      socket.pause()
      socket.once('drain', () => socket.resume())
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
