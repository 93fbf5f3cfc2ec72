/**
 * Connected: answers each datagram twice, first from another port, then from its own.
 *
 *   npm run 03:connected:server     in one terminal
 *   npm run 03:connected:client     in another
 */
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 03:connected:server'
const options = readOptions({
  command,
  does: 'Answers from another port and from its own, so that a client can see which it hears.',
  flags: { host, port: port(7033, 'UDP port') },
})

// #region server
const type = isIPv6(options.host) ? 'udp6' : 'udp4'
const socket = createSocket(type)
const stranger = createSocket(type)
stranger.bind(0, options.host)

socket.on('message', (_message, { address, port }) => {
  const peer = endpoint(address, port)
  console.log(`received ${peer}`)
  if (port === 0) return // a sender without a port wants no answer: see `echo`
  const complain = (error: SocketError | null) => {
    if (error) console.error(`error ${peer} ${error.code}`)
  }
  stranger.send('from a port you never wrote to', port, address, error => {
    complain(error)
    socket.send('from the port you wrote to', port, address, complain)
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
stranger.on('error', (error: SocketError) => console.error(`error ${error.code}`))

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
