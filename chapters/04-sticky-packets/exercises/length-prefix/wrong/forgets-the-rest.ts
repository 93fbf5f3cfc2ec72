import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    const answers: Uint8Array[] = []
    let bytes = chunk
    while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE()) {
      const end = 4 + bytes.readUInt32BE()
      answers.push(bytes.subarray(0, 4), bytes.subarray(4, end).toReversed())
      bytes = bytes.subarray(end)
    }
    socket.write(Buffer.concat(answers))
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
