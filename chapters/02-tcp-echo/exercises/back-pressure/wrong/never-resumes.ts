import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    if (!socket.write(chunk)) socket.pause()
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
