/**
 * Symptom: EADDRINUSE, and no process has the port: a client had it, and left it in TIME-WAIT.
 *
 *   node --import tsx chapters/06-shutdown/symptoms/client-port.ts
 */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { missing } from '#lib/kernel/requirements.ts'
import { readSysctl } from '#lib/kernel/sysctl.ts'
import { readTcpTable } from '#lib/kernel/tcp-table.ts'

const lacks = missing('linux') ?? missing('socket tables')
if (lacks !== undefined) {
  console.log(`skipped: ${lacks}`)
  process.exit(0)
}

// A client that closes first. It named no local port, so connect() has picked one.
const patient = await listen(createServer(socket => socket.on('error', () => {}).resume()))
const client = connect(portOf(patient), '127.0.0.1').resume()
await once(client, 'connect')
const clientPort = client.localPort!
client.end()
await once(client, 'close')
console.log(`the client's port ${clientPort}: ${stateOf(clientPort)}`)
console.log(`  a server listens on it: ${await tryListen(clientPort)}`)
patient.close()

// A server that closes first, and then the same server again.
const hasty = await listen(createServer(socket => socket.on('error', () => {}).end()))
const serverPort = portOf(hasty)
const visitor = connect(serverPort, '127.0.0.1').resume()
await once(visitor, 'close')
await new Promise(resolve => hasty.close(resolve))
console.log(`the server's port ${serverPort}: ${stateOf(serverPort)}`)
console.log(`  a server listens on it: ${await tryListen(serverPort)}`)

const range = readSysctl('net.ipv4.ip_local_port_range').replaceAll(/\s+/g, ' to ')
console.log(`connect() picks ports from ${range} here (net.ipv4.ip_local_port_range)`)

async function listen(server: Server, port = 0): Promise<Server> {
  await once(server.listen(port, '127.0.0.1'), 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** What the kernel has at a port, in whichever state. */
function stateOf(port: number): string {
  return readTcpTable().find(row => row.localPort === port)?.state ?? 'no socket'
}

async function tryListen(port: number): Promise<string> {
  const server = createServer((socket: Socket) => socket.destroy())
  return listen(server, port).then(
    () => {
      server.close()
      return 'no error'
    },
    (error: Error) => error.message,
  )
}
