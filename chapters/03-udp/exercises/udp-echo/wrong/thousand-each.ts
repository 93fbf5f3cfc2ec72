import { createSocket } from 'node:dgram'

/** More than this is an attack. */
const MOST = 1000
const counts = new Map<string, number>()

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  const sender = `${address} ${port}`
  const count = (counts.get(sender) ?? 0) + 1
  counts.set(sender, count)
  if (count <= MOST) socket.send(message, port, address, () => {})
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
