/**
 * Accept queue: the kernel completes the handshake, and takes data, while this program is busy.
 *
 *   npm run 01:accept-queue:server     in one terminal
 *   npm run 01:accept-queue:client     in another, within two seconds
 */
import { type AddressInfo, createServer } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 01:accept-queue:server'
const options = readOptions({
  command,
  does: 'Listens, then does nothing at all for a while: it accepts only after that.',
  flags: {
    host,
    port: port(7015),
    'busy-ms': { default: 3000, max: 60_000, help: 'how long to block after listening' },
  },
})

// #region server
const server = createServer(socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('data', chunk => {
    console.log(`received ${peer} ${plural(chunk.length, 'byte')}`)
    socket.end('here you are\n')
  })
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer}`))
})

server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
  console.log(`blocked ${options['busy-ms']} ms`)
  // Blocks the whole thread, as a long computation would: no callback runs, nothing is accepted.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, options['busy-ms'])
  console.log('awake')
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
