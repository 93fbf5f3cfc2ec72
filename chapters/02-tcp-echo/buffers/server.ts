/**
 * Buffers: a server that accepts and does not read, until it is told to.
 *
 *   npm run 02:buffers:server     in one terminal
 *   npm run 02:buffers:client     in another
 */
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 02:buffers:server'
const options = readOptions({
  command,
  does: 'Does not read from its first connection until a second one comes.',
  flags: { host, port: port(7024) },
})

// #region server
let first: Socket | undefined
// pauseOnConnect: nobody calls read(2) for a new connection, so the bytes stay in the kernel.
const server = createServer({ pauseOnConnect: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer} not reading`)
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => {
    console.log(`closed ${peer} ${plural(socket.bytesRead, 'byte')}`)
    if (socket === first) first = undefined
  })
  if (first) {
    console.log('reading now')
    first.resume()
    socket.resume()
  } else {
    first = socket
  }
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
