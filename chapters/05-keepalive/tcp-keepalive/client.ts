/**
 * TCP keepalive: asks for it in five ways, and looks what the kernel has made of that.
 *
 *   npm run 05:client
 *   npm run 05:client -- --vanish     the peer vanishes, in a private network (Linux)
 */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isolation } from '../../../lib/lab/isolation.ts'
import { endpoint } from '../../../lib/program/endpoint.ts'
import { exitCannotConnect, exitLost } from '../../../lib/program/failures.ts'
import { host, port, readOptions } from '../../../lib/program/options.ts'
import { keepaliveTimer } from './timer.ts'

const options = readOptions({
  command: 'npm run 05:client',
  does: 'Shows what setKeepAlive() really sets.',
  flags: {
    host,
    port: { ...port(7050), min: 1 },
    'hold-ms': { default: 1500, max: 600_000, help: 'how long to keep the connections idle' },
    vanish: { default: false, help: 'cut a line of our own instead, and wait for the error' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))

if (options.vanish) process.exit(vanish())

// #region client
let events = 0

await show('nothing', () => {})
await show('setKeepAlive(true)', socket => socket.setKeepAlive(true))
await show('setKeepAlive(true, 500)', socket => socket.setKeepAlive(true, 500))
await show('setKeepAlive(true, 1000)', socket => socket.setKeepAlive(true, 1000))
await show('setKeepAlive(true, 60_000)', socket => socket.setKeepAlive(true, 60_000))

// One of the five is probed in this time. Both kernels know; neither program does.
await setTimeout(options['hold-ms'])
console.log(`idle for ${options['hold-ms']} ms: ${events} data events`)
process.exit(0)

async function show(call: string, ask: (socket: Socket) => void): Promise<void> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, 'npm run 05:server'))
  socket.on('error', error => exitLost(error, where))
  socket.on('data', () => {
    events++
  })
  ask(socket)
  console.log(`${call}: ${keepaliveTimer(socket)}`)
}
// #endregion client

/** Runs `vanish.ts` in a network of its own, which goes when that program does. */
function vanish(): number {
  const inside = isolation()
  if (inside === undefined) {
    console.error('--vanish needs a private network: Linux, and root or a user namespace')
    return 1
  }
  const program = fileURLToPath(new URL('./vanish.ts', import.meta.url))
  const args = [...inside.args, process.execPath, '--import', 'tsx', program]
  return spawnSync(inside.command, args, { stdio: 'inherit' }).status ?? 1
}
