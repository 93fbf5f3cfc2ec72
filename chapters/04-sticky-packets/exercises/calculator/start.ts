/**
 * A calculator. The README of this exercise has the protocol, and says what will be checked.
 */
import { createServer } from 'node:net'

/** One request, without its LF, to one answer: this part knows no socket, and is easily tried. */
function answer(request: string): string {
  const [command] = request.split(' ')
  switch (command) {
    // What can the command be, and what follows it?
    default:
      return 'error unknown command'
  }
}

const server = createServer({ allowHalfOpen: true }, socket => {
  socket.on('data', chunk => {
    // How many requests are in a chunk? And who waits for whom, once `wait` works?
    socket.write(`${answer(chunk.toString())}\n`)
  })
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
})

server.listen(Number(process.env.PORT), '127.0.0.1')
