/**
 * An echo server that survives its clients. The README of this exercise says what will be checked.
 */
import { createServer } from 'node:net'

const server = createServer(socket => {
  socket.on('data', chunk => {
    // What has come is in `chunk`. Where does it go?
    console.log(`${chunk.length} bytes`)
  })
})

server.listen(Number(process.env.PORT), '127.0.0.1')
