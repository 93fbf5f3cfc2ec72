/**
 * An upload that is answered after its end. The README of this exercise says what will be checked.
 */
import { createServer } from 'node:net'

const server = createServer(socket => {
  let bytes = 0

  socket.on('data', chunk => {
    // The first line is in here, too, or a part of it.
    bytes += chunk.length
  })
  socket.on('end', () => {
    // The client has sent its FIN. Can you still answer?
    console.log(`${bytes} bytes, writable: ${socket.writable}`)
  })
})

server.listen(Number(process.env.PORT), '127.0.0.1')
