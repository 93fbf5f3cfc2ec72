import { createServer, type Socket } from 'node:net'

const clients = new Set<Socket>()

createServer({ allowHalfOpen: true }, socket => {
  if (clients.size === 64) {
    socket.resume().end()
    return
  }
  clients.add(socket)
  socket.on('close', () => clients.delete(socket))
  let waiting = Buffer.alloc(0)
  socket.on('data', chunk => {
    waiting = Buffer.concat([waiting, chunk])
    while (waiting.length >= 4) {
      const length = waiting.readUInt32BE()
      if (length > 65_536) {
        socket.end()
        return
      }
      if (waiting.length < 4 + length) break
      const answer = waiting.subarray(4, 4 + length).toReversed()
      if (!socket.write(Buffer.concat([waiting.subarray(0, 4), answer]))) {
        socket.pause()
        socket.once('drain', () => socket.resume())
      }
      waiting = waiting.subarray(4 + length)
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
