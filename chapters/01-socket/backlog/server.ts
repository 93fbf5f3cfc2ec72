/**
 * Backlog: how long the queue of connections that wait to be accepted may get.
 *
 *   npm run 01:backlog:server     in one terminal
 *   npm run 01:backlog:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 01:backlog:server'
const options = readOptions({
  command,
  does: 'Listens with a tiny backlog. Blocks for a while when a client says "block".',
  flags: {
    host,
    port: port(7016),
    backlog: { default: 1, min: 1, max: 65535, help: 'longest queue of unaccepted connections' },
    'busy-ms': { default: 2500, max: 60_000, help: 'how long to block when told to' },
  },
})

// #region server
let accepted = 0
const server = createServer(socket => {
  accepted++
  socket.write('accepted\n')
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  socket.once('data', () => {
    console.log(`blocked ${options['busy-ms']} ms after ${accepted} accepted`)
    socket.write('blocking\n', () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, options['busy-ms'])
      console.log('awake')
    })
  })
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('end', () => socket.end())
})

const { host: address, port: wanted, backlog } = options
server.listen({ host: address, port: wanted, backlog }, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
