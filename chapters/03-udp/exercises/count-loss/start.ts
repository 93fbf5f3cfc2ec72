/**
 * Count what is lost. The README of this exercise says what the datagrams look like, and what will
 * be checked.
 */
import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')

socket.on('message', (message, { address, port }) => {
  // A numbered datagram, or a question? The first byte says it, and the length has to fit.
  if (message[0] === 0x51) {
    // What do you have to know of a sender to answer this? Where do you keep it?
    socket.send(Buffer.from('A'), port, address)
  }
})

socket.bind(Number(process.env.PORT), '127.0.0.1')
