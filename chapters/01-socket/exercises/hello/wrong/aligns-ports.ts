import { createServer } from 'node:net'

createServer(socket => {
  const port = String(socket.remotePort).padStart(5)
  socket.end(`hello ${socket.remoteAddress} port ${port}\n`)
  socket.resume()
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
