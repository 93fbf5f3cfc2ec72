/**
 * Graceful shutdown over TCP, seen by four clients; one of them never closes.
 *
 *   npm run 06:graceful-tcp:client     with npm run 06:graceful-tcp:server -- --stop-after 3
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { lines } from '#lib/framing/lines.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitUnknown, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

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
const serverCommand = 'npm run 06:graceful-tcp:server'
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const idle = await open()
const stubborn = await open({ allowHalfOpen: true }) // never calls end()
const short = await open()
const long = await open()
const limit = setTimeout(() => exitUnknown(where, serverCommand), 10_000)
await stubborn.ask(0)
if (!(await stubborn.answered)) exitUnknown(where, serverCommand)
clearTimeout(limit)
await long.ask(options['long-ms'])
await short.ask(options['short-ms'])
const late = short.answered.then(connectLate) // the server has long stopped to listen

console.log(`idle:     ${await idle.over}`)
console.log(`late:     ${await late}`)
console.log(`short:    ${await short.over}`)
console.log(`stubborn: ${await stubborn.over}, and does not close`)
console.log(`long:     ${await long.over}`)
process.exit(0) // the stubborn one would keep us here
// #endregion client

async function open({ allowHalfOpen = false } = {}) {
  const socket = connect({ port: options.port, host: options.host, allowHalfOpen })
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  const { frames, send } = framed(socket, lines())
  let heard = (_: boolean): void => {}
  /** Whether an answer has come; false when the conversation is over without one. */
  const answered = new Promise<boolean>(resolve => {
    heard = resolve
  })
  const listen = async (): Promise<string> => {
    const seen: string[] = []
    try {
      for await (const line of frames) {
        if (!/^(done|bye) \d+$/.test(line)) exitUnknown(where, serverCommand)
        seen.push(`"${line}"`)
        heard(true)
      }
      // An end without a goodbye is no end of the conversation: something was cut off.
      seen.push(seen.at(-1)?.startsWith('"bye ') ? 'end' : 'end without bye')
    } catch (error) {
      seen.push(`${(error as SocketError).code}`)
    }
    heard(false)
    return seen.join(', ')
  }
  const ask = (ms: number) => send(`work ${ms}`).catch(() => exitUnknown(where, serverCommand))
  return { over: listen(), ask, answered }
}

async function connectLate(): Promise<string> {
  try {
    await once(connect(options.port, options.host), 'connect')
  } catch (error) {
    return `cannot connect: ${(error as SocketError).code}`
  }
  console.error(
    `late:   connected: the server has not stopped (${serverCommand} -- --stop-after 3)`,
  )
  process.exit(1)
}
