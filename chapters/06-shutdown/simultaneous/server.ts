/**
 * Simultaneous close: both ends send their FIN before the other's arrives, and both have to wait.
 *
 *   npm run 06:simultaneous:server     in one terminal
 *   npm run 06:simultaneous:client     in another
 */
import { type AddressInfo, createServer } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 06:simultaneous:server'
const options = readOptions({
  command,
  does: 'Fills the connection, ends it, and only then reads.',
  flags: { host, port: port(7068) },
})

// #region server
/** More than a receive buffer holds, less than a send buffer does. */
const BYTES = Buffer.alloc(2 ** 19)

const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  console.log(`accepted ${peer}`)
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => console.log(`closed ${peer} ${plural(socket.bytesRead, 'byte')} read`))
  socket.on('end', () => console.log(`end ${peer}`))
  // Nobody reads yet, so the bytes fill the client's buffer, the rest waits in ours, and the FIN
  // behind it. For the kernel we have closed: FIN-WAIT-1.
  socket.end(BYTES)
  socket.on('finish', () => {
    console.log(`ended ${peer} ${plural(socket.bytesWritten, 'byte')} written`)
    socket.resume() // lets the client's bytes in, and its FIN
  })
})
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
