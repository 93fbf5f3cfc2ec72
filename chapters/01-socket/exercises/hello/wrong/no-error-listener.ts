import { createServer } from 'node:net'

createServer(socket => {
  socket.end(`hello ${socket.remoteAddress} port ${socket.remotePort}\n`)
  socket.resume()
}).listen(Number(process.env.PORT), '127.0.0.1')
