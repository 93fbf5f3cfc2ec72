import { createServer } from 'node:net'

/** Room for those that are slow. */
const QUEUE_BYTES = 48 * 1024 * 1024

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    socket.write(chunk)
    if (socket.writableLength > QUEUE_BYTES) socket.pause()
  })
  socket.on('drain', () => socket.resume())
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
