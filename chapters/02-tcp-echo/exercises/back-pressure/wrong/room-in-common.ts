import { createServer, type Socket } from 'node:net'

/** So many bytes may wait in memory, for all clients together. */
const ROOM_BYTES = 2 ** 19
const clients = new Set<Socket>()
const waiting = () => [...clients].reduce((sum, { writableLength }) => sum + writableLength, 0)

/** Where there is room, all are read; where there is none, nobody is. */
function look(): void {
  const full = waiting() > ROOM_BYTES
  for (const client of clients) {
    if (full) client.pause()
    else if (!client.writableNeedDrain) client.resume()
  }
}

createServer({ allowHalfOpen: true }, socket => {
  clients.add(socket)
  socket.on('data', chunk => {
    if (!socket.write(chunk)) socket.pause()
    look()
  })
  socket.on('drain', look)
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
  socket.on('close', () => {
    clients.delete(socket)
    look()
  })
}).listen(Number(process.env.PORT), '127.0.0.1')
