/**
 * UDP echo: one socket for everybody, and no connection to anybody.
 *
 *   npm run 03:server                    in one terminal
 *   echo hi | npm run -s 03:client       in another
 */
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 03:server'
const options = readOptions({
  command,
  does: 'UDP echo server: every datagram goes back to where it came from.',
  flags: { host, port: port(7030, 'UDP port') },
})

// #region server
const socket = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')

// There is nothing to accept and nobody to remember: each datagram names its sender.
// That name is a claim. Whoever forges it makes us answer to somebody who never asked: one reason
// to listen on the loopback interface only, and never to answer more bytes than came.
socket.on('message', (message, { address, port }) => {
  const peer = endpoint(address, port)
  console.log(`received ${peer} ${plural(message.length, 'byte')}`)
  // A sender may leave its port out, as 0 (RFC 768): it wants no answer, and send() would throw.
  if (port === 0) return
  // The callback says that the kernel has taken the datagram. It says nothing about the peer.
  socket.send(message, port, address, error => {
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
