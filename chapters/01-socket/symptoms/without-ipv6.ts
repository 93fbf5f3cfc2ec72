/**
 * Symptom: EADDRNOTAVAIL for ::1, on a machine without IPv6.
 *
 *   node --import tsx chapters/01-socket/symptoms/without-ipv6.ts
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { continueInPrivateNetwork } from '#lib/kernel/private-network.ts'

continueInPrivateNetwork(import.meta.url)
execFileSync('sysctl', ['-qw', 'net.ipv6.conf.all.disable_ipv6=1'])
console.log('net.ipv6.conf.all.disable_ipv6 is 1')

await attempt("listen(0, '::1')", '::1')
await attempt("listen(0, '::')", '::')
await attempt("listen(0, '127.0.0.1')", '127.0.0.1')

/** Listens, and then connects to the server, over IPv4 and over IPv6. */
async function attempt(what: string, host: string): Promise<void> {
  const server = createServer(socket => socket.on('error', () => {}).end())
  try {
    await once(server.listen(0, host), 'listening')
  } catch (error) {
    console.log(`${what}: ${(error as Error).message}`)
    return
  }
  console.log(`${what}: listening`)
  const { port } = server.address() as AddressInfo
  for (const address of ['127.0.0.1', '::1']) {
    const socket = connect(port, address)
    const outcome = await once(socket, 'connect').then(
      () => `connected to ${socket.remoteAddress}`,
      (error: Error) => error.message,
    )
    console.log(`  connect to ${address}: ${outcome}`)
    socket.destroy()
  }
  server.close()
}
