/**
 * Boundaries: each datagram is one `message` event, an empty one too.
 *
 *   npm run 03:boundaries:server     in one terminal
 *   npm run 03:boundaries:client     in another
 */
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 03:boundaries:server'
const options = readOptions({
  command,
  does: 'Says of each datagram how long it is.',
  flags: { host, port: port(7031, 'UDP port') },
})

// #region server
const socket = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')
let messages = 0

socket.on('message', (message, { address, port }) => {
  const peer = endpoint(address, port)
  console.log(`received ${peer} ${plural(message.length, 'byte')}`)
  if (port === 0) return // a sender without a port wants no answer: see `echo`
  const answer = `message ${++messages}: ${plural(message.length, 'byte')}`
  socket.send(answer, port, address, error => {
    if (error) console.error(`error ${peer} ${(error as SocketError).code}`)
  })
})
// #endregion server

socket.once('error', error =>
  exitCannotListen(error, endpoint(options.host, options.port), command),
)
socket.bind(options.port, options.host, () => {
  const { address, port } = socket.address()
  console.log(`listening ${endpoint(address, port)}`)
  socket.removeAllListeners('error')
  socket.on('error', (error: SocketError) => console.error(`error ${error.code}`))
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
