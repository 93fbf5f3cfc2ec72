import { createServer } from 'node:net'

const MUCH = 4_000_000

createServer({ allowHalfOpen: true }, socket => {
  let bytes = 0
  socket.on('data', chunk => {
    socket.write(chunk)
    bytes += chunk.length
    if (bytes < MUCH) return
    // Too much for one client: it has to wait a little.
    bytes = 0
    socket.pause()
    setTimeout(() => socket.resume(), 2000)
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
