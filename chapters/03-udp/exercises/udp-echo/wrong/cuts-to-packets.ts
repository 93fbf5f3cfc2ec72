import { createSocket } from 'node:dgram'

const PACKET = 1472

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  let at = 0
  do {
    socket.send(message.subarray(at, at + PACKET), port, address)
    at += PACKET
  } while (at < message.length)
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
