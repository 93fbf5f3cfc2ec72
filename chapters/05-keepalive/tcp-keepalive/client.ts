/**
 * TCP keepalive: asks for it in four ways, and looks what the kernel has made of that.
 *
 *   npm run 05:client
 *   npm run 05:client -- --vanish     the peer vanishes, in a private network (Linux)
 */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isolation } from '#lib/kernel/isolation.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitTooEarly, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'
import { TYPESCRIPT_FLAGS } from '#lib/program/typescript.ts'
import { keepaliveTimer } from './timer.ts'

const options = readOptions({
  command: 'npm run 05:client',
  does: 'Shows what setKeepAlive() really sets.',
  flags: {
    host,
    port: { ...port(7050), min: 1 },
    'hold-ms': { default: 1500, max: 600_000, help: 'how long to keep the connection idle' },
    vanish: { default: false, help: 'cut a line of our own instead, and wait for the error' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

if (options.vanish) process.exit(vanish())

// #region client
const socket = connect(options.port, options.host)
await once(socket, 'connect').catch(error => exitCannotConnect(error, where, 'npm run 05:server'))
socket.on('error', error => exitLost(error, where))
let events = 0
socket.on('data', () => {
  events++
})

console.log(`without a word: ${keepaliveTimer(socket)}`)
socket.setKeepAlive(true)
console.log(`setKeepAlive(true): ${keepaliveTimer(socket)}`)
socket.setKeepAlive(true, 500)
console.log(`setKeepAlive(true, 500): ${keepaliveTimer(socket)}`)
socket.setKeepAlive(true, 60_000)
console.log(`setKeepAlive(true, 60_000): ${keepaliveTimer(socket)}`)
socket.setKeepAlive(true, 1000)
console.log(`setKeepAlive(true, 1000): ${keepaliveTimer(socket)}`)

// In this time there is a probe, and its answer. Both kernels know; neither program does.
await setTimeout(options['hold-ms'])
if (socket.readyState !== 'open') exitTooEarly(where, 'npm run 05:server')
console.log(`idle for ${options['hold-ms']} ms: ${plural(events, 'data event')}`)
socket.end()
// #endregion client
exitWhenSilent(socket, where, 'npm run 05:server')

/** Runs `vanish.ts` in a network of its own, which goes when that program does. */
function vanish(): number {
  const inside = isolation()
  if (inside === undefined) {
    console.error('--vanish needs a private network: Linux, and root or a user namespace')
    return 1
  }
  const program = fileURLToPath(new URL('./vanish.ts', import.meta.url))
  const args = [...inside.args, process.execPath, ...TYPESCRIPT_FLAGS, program]
  return spawnSync(inside.command, args, { stdio: 'inherit' }).status ?? 1
}
