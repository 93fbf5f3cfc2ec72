/**
 * A server that ends without losing anything. The README of this exercise says what will be checked.
 */
import { createServer } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { readFrames } from '#lib/framing/stream.ts'

const server = createServer({ allowHalfOpen: true }, async socket => {
  socket.on('error', () => {})
  try {
    for await (const line of readFrames(socket, lines())) {
      // "work MS": wait so long, then answer. And what if the signal comes meanwhile?
      console.log(line)
    }
    socket.end()
  } catch {
    socket.destroy()
  }
})

// Which connections are open when SIGTERM comes, and which of them have something to do?

server.listen(Number(process.env.PORT), '127.0.0.1')
