import { createServer } from 'node:net'

const server = createServer(socket => {
  // "remote" is the other end: the client's. The last piece, and the FIN behind it, in one call.
  socket.end(`hello ${socket.remoteAddress} port ${socket.remotePort}\n`)
  // Reads what the client says and throws it away: the client's FIN comes behind it, and only then
  // is the connection over on both sides.
  socket.resume()
  // Without a listener, one client's reset would end the process.
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
