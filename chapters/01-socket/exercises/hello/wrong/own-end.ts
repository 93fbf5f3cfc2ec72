import { createServer } from 'node:net'

createServer(socket => {
  socket.end(`hello ${socket.localAddress} port ${socket.localPort}\n`)
  socket.resume()
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
