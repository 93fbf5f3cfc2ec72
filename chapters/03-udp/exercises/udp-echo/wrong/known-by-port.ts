import { createSocket } from 'node:dgram'

/** Where each port is: looked up once. */
const addresses = new Map<number, string>()

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  if (!addresses.has(port)) addresses.set(port, address)
  socket.send(message, port, addresses.get(port), () => {})
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
