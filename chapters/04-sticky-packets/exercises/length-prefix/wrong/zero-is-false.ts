import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let waiting = Buffer.alloc(0)
  let length = 0
  socket.on('data', chunk => {
    const answers: Uint8Array[] = []
    waiting = Buffer.concat([waiting, chunk])
    for (;;) {
      if (!length && waiting.length >= 4) {
        length = waiting.readUInt32BE()
        if (length > 65_536) {
          socket.destroy()
          return
        }
        waiting = waiting.subarray(4)
      }
      if (!length || waiting.length < length) break
      const prefix = Buffer.alloc(4)
      prefix.writeUInt32BE(length)
      answers.push(prefix, waiting.subarray(0, length).toReversed())
      waiting = waiting.subarray(length)
      length = 0
    }
    socket.write(Buffer.concat(answers))
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
