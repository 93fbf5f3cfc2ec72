import { createServer, type Socket } from 'node:net'

const answerOf = (socket: Socket) =>
  `tcp ${socket.remoteAddress} port ${socket.remotePort} to ${socket.localAddress} port ${socket.localPort}\n`

createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    const questions = chunk.filter(byte => byte === 0x0a).length
    socket.write(answerOf(socket).repeat(questions))
  })
  socket.on('end', () => {
    socket.end()
    setTimeout(() => socket.destroy(), 8000).unref()
  })
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
