import { createServer } from 'node:net'

createServer(socket => {
  socket.on('data', chunk => socket.write(chunk))
}).listen(Number(process.env.PORT), '127.0.0.1')
