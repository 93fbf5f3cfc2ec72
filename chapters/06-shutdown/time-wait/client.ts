/**
 * TIME-WAIT: looks who has to wait; then restarts a server of its own, and meets EADDRINUSE.
 *
 *   npm run 06:time-wait:client
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { readTcpTable } from '#lib/kernel/tcp-table.ts'
import { waitUntil } from '#lib/lab/wait-until.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitUnknown,
  type SocketError,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 06:time-wait:client',
  does: 'Shows on which side TIME-WAIT is, and that it keeps no server from restarting (Linux).',
  flags: { host, port: { ...port(7063), min: 1 } },
})
const serverCommand = 'npm run 06:time-wait:server'
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region who
const limit = setTimeout(() => exitUnknown(where, serverCommand), 9000)
for (const first of ['client', 'server']) {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  socket.on('error', error => exitLost(error, where))
  const ports = [socket.localPort, socket.remotePort].sort().join()
  const closed = once(socket, 'close')
  socket.on('data', () => exitUnknown(where, serverCommand)) // the server only reads
  if (first === 'client') socket.end('hello\n')
  else socket.write('you close\n') // Node answers the server's FIN for us
  await closed
  const row = await waitUntil('one side waits', () =>
    readTcpTable().find(
      ({ state, localPort, remotePort }) =>
        state === 'TIME-WAIT' && [localPort, remotePort].sort().join() === ports,
    ),
  )
  const side = row.localPort === options.port ? 'server' : 'client'
  if (side !== first) exitUnknown(where, serverCommand)
  console.log(`the ${first} closed first: the ${side} is in TIME-WAIT, port ${row.localPort}`)
}
clearTimeout(limit)
// #endregion who

// #region restart
const old = await listen(0)
const { port: own } = old.address() as AddressInfo
old.once('connection', socket => socket.end()) // a server that closes first
const visitor = connect(own, '127.0.0.1').resume()
await once(visitor, 'close')
old.close()
await once(old, 'close')
const waiting = readTcpTable().filter(row => row.localPort === own && row.state === 'TIME-WAIT')
const again = await listen(own)
console.log(`port ${own}: ${waiting.length} in TIME-WAIT, listens again: ok`)
await listen(own).catch(({ code }: SocketError) =>
  console.log(`port ${own}: somebody still listens there: ${code}`),
)
again.close()

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}
// #endregion restart
