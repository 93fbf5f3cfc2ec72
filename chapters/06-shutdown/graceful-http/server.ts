/**
 * Graceful shutdown of an HTTP server: why server.close() hangs, and what to do beside it.
 *
 *   npm run 06:graceful-http:server     in one terminal; Ctrl-C starts the shutdown
 *   npm run 06:graceful-http:client     in another
 */
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 06:graceful-http:server'
const options = readOptions({
  command,
  does: 'Answers /work/MS after MS milliseconds. SIGTERM or SIGINT starts a graceful shutdown.',
  flags: {
    host,
    port: port(7066),
    'deadline-ms': { default: 5000, max: 600_000, help: 'how long running work may take' },
    'stop-after': { default: 0, help: 'SIGTERM to myself after N requests; 0: never' },
    'leave-silent': { default: false, help: 'leave connections that never asked to the deadline' },
  },
})

// #region server
let stopping = false
let requests = 0
/** Connections that have not asked anything yet. Before Node 26, close() does not end these. */
const silent = new Set<Socket>()

const server = createServer((request, response) => {
  const peer = endpoint(request.socket.remoteAddress, request.socket.remotePort)
  silent.delete(request.socket)
  console.log(`request ${peer} ${request.url?.slice(0, 40)}`)
  const ms = Math.min(60_000, Number(/^\/work\/(\d+)$/.exec(request.url ?? '')?.[1] ?? 0))
  setTimeout(() => {
    // Otherwise the client would keep the connection for its next request, and close() would wait.
    if (stopping) response.setHeader('Connection', 'close')
    response.end(`done ${ms}\n`)
  }, ms).unref()
  if (++requests === options['stop-after']) process.kill(process.pid, 'SIGTERM')
})
server.on('connection', socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  silent.add(socket)
  socket.on('error', (error: NodeJS.ErrnoException) => console.error(`error ${peer} ${error.code}`))
  socket.on('close', () => {
    silent.delete(socket)
    console.log(`closed ${peer}`)
  })
})

// #region shutdown
function shutDown(): void {
  if (stopping) return
  stopping = true
  console.log(`stopping ${silent.size} silent, deadline ${options['deadline-ms']} ms`)
  // No new connections; those that are idle between two requests are closed. The callback comes
  // when all others are gone as well: that is what hangs.
  server.close(() => clearTimeout(deadline))
  // A browser opens a connection in advance, and asks later or never. (A request that is on its
  // way right now is lost: the closing race of chapter 05.)
  if (!options['leave-silent']) {
    for (const socket of silent) if (socket.bytesRead === 0) socket.end()
  }
  const deadline = setTimeout(() => {
    server.getConnections((_, left) => console.log(`cut ${plural(left, 'connection')}`))
    server.closeAllConnections()
  }, options['deadline-ms'])
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, shutDown)
// No process.exit(): the process ends when nothing is left, so that nothing is cut by accident.
process.once('beforeExit', () => console.log('stopped'))
// #endregion shutdown
// #endregion server

server.on('error', error => exitCannotListen(error, endpoint(options.host, options.port), command))
server.listen(options.port, options.host, () => {
  const { address, port } = server.address() as AddressInfo
  console.log(`listening ${endpoint(address, port)}`)
})
