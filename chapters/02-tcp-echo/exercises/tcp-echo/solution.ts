import { createServer } from 'node:net'

const server = createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    // false: the kernel takes no more from us for now. Take no more from the client either.
    if (!socket.write(chunk)) socket.pause()
  })
  socket.on('drain', () => socket.resume())
  // Behind everything that was written: the client gets its last byte, and then our FIN.
  socket.on('end', () => socket.end())
  // Without a listener, one client's reset would end the process, and with it all conversations.
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
