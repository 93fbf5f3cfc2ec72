/**
 * Closing the listener: server.close() ends the listening, not the conversations.
 *
 *   npm run 01:close-listener:server     in one terminal
 *   npm run 01:close-listener:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 01:close-listener:server'
const options = readOptions({
  command,
  does: 'Stops listening after the first connection, and goes on echoing on that one.',
  flags: { host, port: port(7017) },
})

// #region server
const server = createServer(socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  server.close(() => console.log('closed the server: its last connection has ended'))
  socket.write('no longer listening\n')
  socket.pipe(socket)
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer} ${plural(socket.bytesRead, 'byte')}`))
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
