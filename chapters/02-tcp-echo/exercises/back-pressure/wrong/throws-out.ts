import { createServer } from 'node:net'

const MAX_WAITING_BYTES = 2 ** 20

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    socket.write(chunk)
    if (socket.writableLength > MAX_WAITING_BYTES) socket.destroy()
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
