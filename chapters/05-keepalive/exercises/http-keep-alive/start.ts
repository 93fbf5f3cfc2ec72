/**
 * An HTTP server that keeps its connections. The README of this exercise says what will be checked.
 */
import { createServer } from 'node:net'

const server = createServer(socket => {
  // For this connection only: what has come, and is no complete request yet.
  let waiting = Buffer.alloc(0)

  socket.on('data', chunk => {
    waiting = Buffer.concat([waiting, chunk])
    // Is there a request at the beginning of `waiting`? Perhaps two? Where does it end?
    const head = 'HTTP/1.1 200 OK\r\n\r\n'
    // How does the client know where this answer ends?
    socket.write(head)
  })
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
