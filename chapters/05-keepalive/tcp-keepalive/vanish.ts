/**
 * Both ends of a connection in a private network, whose line is cut: for `client.ts --vanish`.
 *
 * It would cut the loopback of the machine: it refuses to run where other interfaces are.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { SocketError } from '#lib/program/failures.ts'

if (Object.keys(networkInterfaces()).length > 0) {
  console.error('not a private network: run npm run 05:client -- --vanish')
  process.exit(1)
}
// The first process of a PID namespace: a signal without a listener would be ignored.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
execFileSync('ip', ['link', 'set', 'lo', 'up'])

// #region vanish
const server = createServer().listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as AddressInfo

let startMs = 0
const since = () => `${((performance.now() - startMs) / 1000).toFixed(1)} s`
const watch = (name: string, socket: Socket) => {
  socket.on('error', (error: SocketError) => {
    console.log(`${name}: error ${error.code} after ${since()} (${error.syscall})`)
  })
}

const watching = connect(port, '127.0.0.1')
const [atServer] = (await once(server, 'connection')) as [Socket]
watch('with keepalive', watching)
watch('without', atServer)
watching.setKeepAlive(true, 1000)

execFileSync('ip', ['link', 'set', 'lo', 'down'])
startMs = performance.now()
console.log('the line is cut; no program hears of it')

await new Promise(resolve => watching.once('close', resolve))
console.log(`the other end after ${since()}: ${atServer.readyState}, and no event`)
// #endregion vanish
process.exit(0)
