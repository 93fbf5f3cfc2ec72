import { createServer, type Socket } from 'node:net'

/** What waits for those that do not read: in the order in which it came. */
const room: { socket: Socket; bytes: Buffer }[] = []
let waiting: Socket | undefined

/** One is served; what comes for others meanwhile waits behind it. */
function serve(): void {
  for (let next = room[0]; next && !waiting; next = room[0]) {
    room.shift()
    if (next.socket.destroyed || next.socket.write(next.bytes)) continue
    waiting = next.socket
    const goOn = () => {
      waiting = undefined
      serve()
    }
    next.socket.once('drain', goOn)
    next.socket.once('close', goOn)
  }
}

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', bytes => {
    room.push({ socket, bytes })
    serve()
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
