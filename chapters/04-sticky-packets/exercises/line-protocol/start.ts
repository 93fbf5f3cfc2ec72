/**
 * Lines of text, cut anywhere. The README of this exercise says what will be checked.
 */
import { createServer } from 'node:net'

const server = createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    // Is this a line? Or two, or the first half of the last character of one?
    const text = chunk.toString()
    console.log(text)
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
