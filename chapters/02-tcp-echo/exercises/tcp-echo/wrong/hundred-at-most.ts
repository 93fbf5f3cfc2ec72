import { createServer } from 'node:net'

let clients = 0
const server = createServer({ allowHalfOpen: true }, socket => {
  if (clients === 100) {
    socket
      .on('error', () => {})
      .resume()
      .end()
    return
  }
  clients++
  socket.on('close', () => clients--)
  socket.on('data', chunk => socket.write(chunk))
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
