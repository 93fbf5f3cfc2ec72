import { createServer } from 'node:net'

createServer(socket => {
  socket.on('error', () => {})
  const address = socket.remoteAddress!.replace('::ffff:', '')
  socket.end(`hello ${address} port ${socket.remotePort}\n`)
  socket.resume()
}).listen(Number(process.env.PORT), '127.0.0.1')
