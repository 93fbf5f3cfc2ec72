/**
 * Naive echo: the five lines that many tutorials stop at. Two things are wrong with them.
 *
 *   npm run 02:echo-naive:server     in one terminal
 *   npm run 02:echo-naive:client     in another: shows both
 */
import { type AddressInfo, createServer } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 02:echo-naive:server'
const options = readOptions({
  command,
  does: 'Echo server in five lines. A reset ends it, a client that never reads fills its memory.',
  flags: { host, port: port(7021) },
})

// #region server
const server = createServer(socket => {
  socket.on('data', chunk => {
    socket.write(chunk)
  })
})
// #endregion server

// Shows where the bytes go: a line for every 8 MiB more that wait in this process.
server.on('connection', socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  let next = 8 * 2 ** 20
  socket.on('data', () => {
    if (socket.writableLength < next) return
    console.log(`holding ${peer} ${socket.writableLength} bytes`)
    next += 8 * 2 ** 20
  })
})

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
