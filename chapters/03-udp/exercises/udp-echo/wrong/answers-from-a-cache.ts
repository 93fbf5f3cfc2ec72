import { createSocket } from 'node:dgram'

/** What begins like an earlier message of the same sender has come again: so has its answer. */
const SAME_BYTES = 16
const answers = new Map<string, Buffer>()

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  const begin = message.toString('hex', 0, SAME_BYTES)
  const key = `${address} ${port} ${message.length} ${begin}`
  const answer = answers.get(key) ?? message
  answers.set(key, answer)
  socket.send(answer, port, address, () => {})
})
socket.bind(Number(process.env.PORT), '127.0.0.1')
