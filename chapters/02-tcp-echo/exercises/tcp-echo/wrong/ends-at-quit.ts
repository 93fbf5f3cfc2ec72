import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    socket.write(chunk)
    if (chunk.toString().trim().toLowerCase() === 'quit') socket.end()
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
