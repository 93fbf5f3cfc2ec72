import { createServer } from 'node:net'

createServer(socket => {
  socket.end(`hello ${socket.remoteAddress} port ${socket.remotePort}\n`)
  socket.resume()
  socket.setTimeout(10_000, () => socket.destroy())
  socket.on('error', () => {})
}).listen(Number(process.env.PORT), '127.0.0.1')
