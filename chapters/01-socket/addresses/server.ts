/**
 * Addresses: the five values that name a connection, seen from the server.
 *
 *   npm run 01:addresses:server     in one terminal
 *   npm run 01:addresses:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 01:addresses:server'
const options = readOptions({
  command,
  does: 'Prints the five-tuple of every connection, and keeps it open until the client ends.',
  flags: { host, port: port(7012) },
})

// #region server
const server = createServer(socket => {
  // RFC 9293 §3.4.1: a connection is a pair of sockets, each an address with a port. The accepted
  // socket has the listener's port. Only the client's half tells connections apart.
  const here = endpoint(socket.localAddress, socket.localPort)
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted tcp ${here} <- ${peer} ${socket.remoteFamily}`)
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer}`))
  socket.resume()
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
