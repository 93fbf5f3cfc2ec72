import { createServer, type Socket } from 'node:net'

/** Who sleeps, the longest first. */
const asleep = new Set<Socket>()
const MOST = 8

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    if (socket.write(chunk)) return
    socket.pause()
    asleep.add(socket)
    const [longest] = asleep
    if (asleep.size > MOST) longest?.destroy()
  })
  socket.on('drain', () => {
    asleep.delete(socket)
    socket.resume()
  })
  socket.on('end', () => socket.end())
  socket.on('close', () => asleep.delete(socket))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
