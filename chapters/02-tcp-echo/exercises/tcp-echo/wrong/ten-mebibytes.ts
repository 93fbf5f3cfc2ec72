import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  let left = 10 * 2 ** 20
  socket.on('data', chunk => {
    socket.write(chunk)
    left -= chunk.length
    if (left < 0) socket.destroy()
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
