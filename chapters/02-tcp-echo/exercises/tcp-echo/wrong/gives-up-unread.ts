import { createServer } from 'node:net'

/** Nobody needs so long to read. */
const UNREAD_MS = 9000

createServer({ allowHalfOpen: true }, socket => {
  let timer: NodeJS.Timeout | undefined
  socket.on('data', chunk => {
    if (socket.write(chunk)) return
    timer ??= setTimeout(() => socket.destroy(), UNREAD_MS)
  })
  socket.on('drain', () => {
    clearTimeout(timer)
    timer = undefined
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
  socket.on('close', () => clearTimeout(timer))
}).listen(Number(process.env.PORT), '127.0.0.1')
