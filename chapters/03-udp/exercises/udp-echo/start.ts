/**
 * A UDP echo that keeps boundaries. The README of this exercise says what will be checked.
 */
import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')

socket.on('message', message => {
  // One datagram has come. Who has sent it? The event tells that too.
  console.log(`${message.length} bytes`)
})

socket.bind(Number(process.env.PORT), '127.0.0.1')
