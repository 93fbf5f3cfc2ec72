import { createSocket } from 'node:dgram'

const socket = createSocket('udp4')

// One event is one datagram, whole, whatever its length: nothing to collect, nothing to cut.
// It names its sender, so there is nobody to remember, and nothing for two senders to mix up.
socket.on('message', (message, { address, port }) => {
  // From the socket that was asked: a client that is connected hears no other. The callback takes
  // the error of a datagram that cannot leave. It says nothing of whether it arrives.
  socket.send(message, port, address, error => {
    if (error) console.error(`error ${address}:${port} ${error.message}`)
  })
})

socket.bind(Number(process.env.PORT), '127.0.0.1')
