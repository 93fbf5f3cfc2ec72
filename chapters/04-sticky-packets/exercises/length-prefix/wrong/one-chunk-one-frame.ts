import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    const payload = chunk.subarray(4).toReversed()
    const prefix = Buffer.alloc(4)
    prefix.writeUInt32BE(payload.length)
    socket.write(Buffer.concat([prefix, payload]))
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
