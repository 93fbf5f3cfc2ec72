/**
 * Writing after a FIN: a server that reads one message, and closes.
 *
 *   npm run 02:write-after-fin:server     in one terminal
 *   npm run 02:write-after-fin:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 02:write-after-fin:server'
const options = readOptions({
  command,
  does: 'Closes every connection as soon as it has read something.',
  flags: { host, port: port(7026) },
})

// #region server
const server = createServer(socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  // destroy() closes the descriptor: nobody is left to read. Nothing is unread, so it sends a FIN.
  socket.once('data', () => socket.destroy())
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer}`))
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
