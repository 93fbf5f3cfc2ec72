/**
 * Five values name a connection. The README of this exercise says what will be checked.
 */
import { createServer } from 'node:net'

const server = createServer(socket => {
  // This function runs once for each connection. What is local, and what is remote, seen from here?
  socket.on('data', chunk => {
    // How many questions are in `chunk`?
    console.log(`${chunk.length} bytes`)
    socket.write('tcp\n')
  })
})

server.listen(Number(process.env.PORT), '127.0.0.1')
