/**
 * A mirror for frames. The README of this exercise says what will be checked.
 *
 * Write the decoder yourself: `lib/framing` has one, and copying it would teach you little.
 */
import { createServer } from 'node:net'

const server = createServer({ allowHalfOpen: true }, socket => {
  // What belongs to one client, and must outlive a data event, stands here.

  socket.on('data', chunk => {
    // How many frames are in a chunk? Not even one may be; or three and a half.
    console.log(`${chunk.length} bytes`)
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
