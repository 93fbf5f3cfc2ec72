/**
 * Addresses: who chose which port, one local port used twice, and a port as bytes on the wire.
 *
 *   npm run 01:addresses:client -- --clients 1000
 */
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitWhenEnded } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 01:addresses:client',
  does: 'Opens connections and prints the five-tuple of each.',
  flags: {
    host,
    port: { ...port(7012), min: 1 },
    clients: { default: 3, min: 1, max: 5000, help: 'connections to open at the same time' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region ports
async function open(toPort: number, localPort?: number): Promise<Socket> {
  const local = localPort === undefined ? {} : { localPort }
  const socket = connect({ host: options.host, port: toPort, ...local })
  await once(socket, 'connect')
  socket.on('error', error => exitLost(error, where))
  exitWhenEnded(socket.resume(), where, 'npm run 01:addresses:server')
  return socket
}

const sockets: Socket[] = []
for (let i = 0; i < options.clients; i++) sockets.push(await open(options.port).catch(refused))
// Nobody bound these ports: the kernel picked each one when connect() was called.
for (const { localAddress, localPort } of sockets.slice(0, 3)) {
  console.log(`connected tcp ${endpoint(localAddress, localPort)} -> ${where}`)
}
const local = new Set(sockets.map(socket => socket.localPort))
const remote = new Set(sockets.map(socket => socket.remotePort))
console.log(`counted ${local.size} client ports, ${remote.size} server port`)
// #endregion ports

// #region twice
// One local port, two connections: the far ends differ, so the five-tuples differ.
const other = createServer(socket => socket.resume()).listen(0, options.host)
await once(other, 'listening')
const { port: otherPort } = other.address() as AddressInfo
const chosen = await freePort()
const first = await open(options.port, chosen)
const second = await open(otherPort, chosen)
console.log(`connected from port ${chosen} to ${where} and to ${endpoint(options.host, otherPort)}`)
const third = await open(otherPort, chosen).catch((error: NodeJS.ErrnoException) => error)
console.log(`refused the same five-tuple again: ${third instanceof Error ? third.code : 'no'}`)
// #endregion twice

// #region byte-order
const wire = Buffer.alloc(2)
wire.writeUInt16BE(options.port)
const hex = `0x${wire.toString('hex')}`
console.log(
  `port ${options.port} is ${hex} on the wire; read little-endian: ${wire.readUInt16LE()}`,
)
// #endregion byte-order

const names = await lookup('localhost', { all: true })
console.log(`localhost is ${names.map(name => name.address).join(' and ')} here`)

// The same port at the other family's loopback address is another address: who listens there?
const elsewhere = options.host.includes(':') ? '127.0.0.1' : '::1'
const there = connect(options.port, elsewhere)
const outcome = await once(there, 'connect').then(
  () => 'connected, somebody listens there too',
  (error: NodeJS.ErrnoException) => error.code,
)
there.destroy()
console.log(`connecting to ${endpoint(elsewhere, options.port)} instead: ${outcome}`)

for (const socket of [...sockets, first, second]) socket.destroy()
other.close()

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, options.host)
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function refused(error: NodeJS.ErrnoException): never {
  exitCannotConnect(error, where, 'npm run 01:addresses:server')
}
