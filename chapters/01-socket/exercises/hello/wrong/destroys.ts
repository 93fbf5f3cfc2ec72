import { createServer } from 'node:net'

createServer(socket => {
  socket.write(`hello ${socket.remoteAddress} port ${socket.remotePort}\n`, () => socket.destroy())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
