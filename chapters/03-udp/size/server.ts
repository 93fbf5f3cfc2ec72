/**
 * Size: says of each datagram how many bytes came, and whether they are the ones that were sent.
 *
 *   npm run 03:size:server     in one terminal
 *   npm run 03:size:client     in another
 */
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 03:size:server'
const options = readOptions({
  command,
  does: 'Answers each datagram with its length and a hash of its bytes.',
  flags: { host, port: port(7034, 'UDP port') },
})

// #region server
// Node reads with a buffer of 64 KiB, so no datagram is cut. A C program that offers recv(2) a
// smaller buffer gets the beginning, and the rest is gone: there is no second read for it.
const socket = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')

socket.on('message', (message, { address, port }) => {
  const peer = endpoint(address, port)
  console.log(`received ${peer} ${plural(message.length, 'byte')}`)
  if (port === 0) return // a sender without a port wants no answer: see `echo`
  const hash = createHash('sha256').update(message).digest('hex')
  socket.send(`${message.length} ${hash}`, port, address, error => {
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
