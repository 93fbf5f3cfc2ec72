/**
 * A mirror for SLIP frames. The README of this exercise says what will be checked.
 *
 * Write the decoder yourself: `lib/framing` has one, and copying it would teach you little.
 */
import { createServer } from 'node:net'

const END = 0xc0
const ESC = 0xdb

const server = createServer({ allowHalfOpen: true }, socket => {
  // What must be known about a client from one chunk to the next stands here.

  socket.on('data', chunk => {
    for (const byte of chunk) {
      // What does this byte mean? That depends on the one before it.
      if (byte === END) console.log('the end of a frame')
      else if (byte === ESC) console.log('the next byte means something else')
    }
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
