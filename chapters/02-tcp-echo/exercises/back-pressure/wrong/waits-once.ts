import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let hasWaited = false
  socket.on('data', chunk => {
    if (socket.write(chunk) || hasWaited) return
    hasWaited = true
    socket.pause()
    socket.once('drain', () => socket.resume())
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
