import { createServer } from 'node:net'

createServer(socket => {
  const { remoteAddress, remotePort } = socket
  socket.on('error', () => {})
  socket.on('end', () => socket.destroy())
  socket.resume()
  // Greeted when its name has been looked up.
  setTimeout(() => {
    if (!socket.destroyed) socket.end(`hello ${remoteAddress} port ${remotePort}\n`)
  }, 200)
}).listen(Number(process.env.PORT), '127.0.0.1')
