import { createServer, type Socket } from 'node:net'

const LONGEST_CHARACTERS = 1_000_000

const answerOf = (socket: Socket) =>
  `tcp ${socket.remoteAddress} port ${socket.remotePort} to ${socket.localAddress} port ${socket.localPort}\n`

createServer({ allowHalfOpen: true }, socket => {
  let line = ''
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    const lines = (line + text).split('\n')
    line = lines.pop() ?? ''
    for (const _ of lines) socket.write(answerOf(socket))
    if (line.length > LONGEST_CHARACTERS) socket.destroy()
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
