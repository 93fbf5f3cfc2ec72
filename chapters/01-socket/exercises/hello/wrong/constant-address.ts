import { createServer } from 'node:net'

createServer(socket => {
  socket.end(`hello 127.0.0.1 port ${socket.remotePort}\n`)
  socket.resume()
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
