import { createServer, type Socket } from 'node:net'

const clients = new Set<Socket>()

createServer({ allowHalfOpen: true }, socket => {
  clients.add(socket)
  socket.on('data', chunk => {
    if (socket.write(chunk)) return
    for (const client of clients) client.pause()
  })
  socket.on('drain', () => {
    for (const client of clients) client.resume()
  })
  socket.on('end', () => socket.end())
  socket.on('close', () => clients.delete(socket))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
