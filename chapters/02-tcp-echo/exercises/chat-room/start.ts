/**
 * A chat room. The README of this exercise says what will be checked.
 */
import { createServer, type Socket } from 'node:net'

const members = new Set<Socket>()

const server = createServer(socket => {
  members.add(socket)
  socket.write('welcome\n')
  socket.on('data', chunk => {
    // Which lines are in `chunk`: none, one, many, or a part of one? And who is to hear them?
    console.log(`${chunk.length} bytes for ${members.size - 1} others`)
  })
  // When does a member leave?
})

server.listen(Number(process.env.PORT), '127.0.0.1')
