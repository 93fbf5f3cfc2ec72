import { createServer } from 'node:net'

createServer(socket => {
  socket.once('data', () => socket.end(`hello ${socket.remoteAddress} port ${socket.remotePort}\n`))
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
