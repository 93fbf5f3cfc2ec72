import { createServer } from 'node:net'

let clients = 0
const server = createServer(socket => {
  if (clients === 100) {
    socket
      .on('error', () => {})
      .resume()
      .end()
    return
  }
  clients++
  socket.on('close', () => clients--)
  socket.end(`hello ${socket.remoteAddress} port ${socket.remotePort}\n`)
  socket.resume()
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
