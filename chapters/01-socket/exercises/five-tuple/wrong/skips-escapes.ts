import { createServer, type Socket } from 'node:net'

const ESCAPE = 0x1b
const NEWLINE = 0x0a

const answerOf = (socket: Socket) =>
  `tcp ${socket.remoteAddress} port ${socket.remotePort} to ${socket.localAddress} port ${socket.localPort}\n`

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    for (let at = 0; at < chunk.length; at++) {
      // The key that follows belongs to it.
      if (chunk[at] === ESCAPE) at++
      else if (chunk[at] === NEWLINE) socket.write(answerOf(socket))
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
