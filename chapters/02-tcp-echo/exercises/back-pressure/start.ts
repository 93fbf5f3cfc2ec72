/**
 * An echo under back-pressure. The README of this exercise says what will be checked.
 */
import { createServer } from 'node:net'

const server = createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    // Where does `chunk` go, and what if its reader is asleep?
    console.log(`${chunk.length} bytes`)
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
