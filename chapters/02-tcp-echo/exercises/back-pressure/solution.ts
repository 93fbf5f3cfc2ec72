import { createServer } from 'node:net'

const server = createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    // false: the kernel takes no more for this client, and Node keeps the rest in our memory. Nothing
    // is lost, but nothing more should come: unread bytes fill the kernel's receive buffer, and then
    // TCP tells the client's kernel to wait.
    if (!socket.write(chunk)) socket.pause()
  })
  // Our memory is empty again. The listener stays: this happens each time the client falls asleep.
  socket.on('drain', () => socket.resume())
  // Comes behind the last byte, also after a pause.
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
