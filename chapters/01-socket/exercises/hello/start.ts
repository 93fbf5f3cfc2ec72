/**
 * A server that says hello. The README of this exercise says what will be checked.
 */
import { createServer } from 'node:net'

const server = createServer(socket => {
  // One client has connected. `socket` knows both ends of the connection: which one is the client's?
  console.log('somebody has connected')
  socket.write('hello\n')
})

server.listen(Number(process.env.PORT), '127.0.0.1')
