import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.on('end', () => socket.end(Buffer.concat(chunks)))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
