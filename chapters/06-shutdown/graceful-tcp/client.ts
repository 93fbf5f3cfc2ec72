/**
 * Graceful shutdown over TCP, seen by four clients; one of them never closes.
 *
 *   npm run 06:graceful-tcp:client     with npm run 06:graceful-tcp:server -- --stop-after 3
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { lines } from '../../../lib/framing/lines.ts'
import { framed } from '../../../lib/framing/stream.ts'
import { endpoint } from '../../../lib/program/endpoint.ts'
import { exitCannotConnect, type SocketError } from '../../../lib/program/failures.ts'
import { host, port, readOptions } from '../../../lib/program/options.ts'

const options = readOptions({
  command: 'npm run 06:graceful-tcp:client',
  does: 'Opens four conversations and reports how each of them ends.',
  flags: {
    host,
    port: { ...port(7067), min: 1 },
    'short-ms': { default: 300, help: 'work that fits into the deadline' },
    'long-ms': { default: 60_000, help: 'work that does not' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))

// #region client
const idle = await open('idle')
const stubborn = await open('stubborn', { allowHalfOpen: true }) // never calls end()
const short = await open('short')
const long = await open('long')
await stubborn.ask(0)
await long.ask(options['long-ms'])
await short.ask(options['short-ms'])

await idle.over
const [error]: SocketError[] = await once(connect(options.port, options.host), 'error')
console.log(`late     cannot connect: ${error?.code}`)
await Promise.all([short.over, long.over])
process.exit(0) // or the stubborn one would keep us here
// #endregion client

async function open(name: string, { allowHalfOpen = false } = {}) {
  const socket = connect({ port: options.port, host: options.host, allowHalfOpen })
  await once(socket, 'connect').catch(error =>
    exitCannotConnect(error, where, 'npm run 06:graceful-tcp:server'),
  )
  const { frames, send } = framed(socket, lines())
  const label = name.padEnd(8)
  const listen = async () => {
    let goodbye = false
    try {
      for await (const line of frames) {
        console.log(`${label} got "${line}"`)
        if (line.startsWith('bye ')) goodbye = true
      }
      console.log(`${label} ended ${goodbye ? 'after bye' : 'without bye: the rest was not done'}`)
    } catch (error) {
      console.log(`${label} lost: ${(error as SocketError).code}`)
    }
  }
  return { over: listen(), ask: (ms: number) => send(`work ${ms}`) }
}
