import { createServer } from 'node:net'

createServer({ allowHalfOpen: true }, socket => {
  socket.pipe(socket)
}).listen(Number(process.env.PORT), '127.0.0.1')
