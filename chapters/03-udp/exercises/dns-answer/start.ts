/**
 * A name server for one garden. The README of this exercise says what the messages look like, and
 * what will be checked.
 */
import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')

socket.on('message', (message, { address, port }) => {
  if (message.length < 12) return
  // Behind the header of 12 bytes stands the question. Where does it end?
  const answer = Buffer.alloc(12)
  // The id: the client knows its answer by it. Which flags are set in an answer?
  message.copy(answer, 0, 0, 2)
  socket.send(answer, port, address)
})

socket.bind(Number(process.env.PORT), '127.0.0.1')
