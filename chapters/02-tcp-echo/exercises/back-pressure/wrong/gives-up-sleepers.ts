import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  // Nothing moves for so long: it must be dead.
  socket.setTimeout(14_000, () => socket.destroy())
  socket.on('data', chunk => {
    if (!socket.write(chunk)) socket.pause()
  })
  socket.on('drain', () => socket.resume())
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
