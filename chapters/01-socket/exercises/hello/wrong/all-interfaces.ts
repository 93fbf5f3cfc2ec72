import { createServer } from 'node:net'

createServer(socket => {
  socket.end(`hello ${socket.remoteAddress} port ${socket.remotePort}\n`)
  socket.resume()
  socket.on('error', () => {})
}).listen(Number(process.env.PORT))
