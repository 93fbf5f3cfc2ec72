/**
 * Errors: a server that is just there, so that the client has a port that is taken.
 *
 *   npm run 01:errors:server     in one terminal
 *   npm run 01:errors:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 01:errors:server'
const options = readOptions({
  command,
  does: 'Accepts connections and keeps its port busy.',
  flags: { host, port: port(7013) },
})

const server = createServer(socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer}`))
  socket.resume()
})

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
