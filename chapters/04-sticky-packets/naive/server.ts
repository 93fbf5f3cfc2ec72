/**
 * Naive: takes every `data` event for one request. It is wrong, and often works.
 *
 *   npm run 04:server     in one terminal
 *   npm run 04:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 04:server'
const options = readOptions({
  command,
  does: 'Shouts back what it hears, one answer per data event.',
  flags: { host, port: port(7040) },
})

// #region server
/** Small letters become capitals, all other bytes stay what they are. */
const shout = (request: Uint8Array): Uint8Array =>
  request.map(byte => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte))

const server = createServer(socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('data', request => {
    console.log(`request ${peer} ${plural(request.length, 'byte')}`)
    if (!socket.write(shout(request))) socket.pause() // back-pressure: chapter 02
  })
  socket.on('drain', () => socket.resume())
  socket.on('error', (error: SocketError) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer}`))
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
