import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  socket.setTimeout(10_000, () => socket.destroy())
  socket.on('data', chunk => socket.write(chunk))
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
