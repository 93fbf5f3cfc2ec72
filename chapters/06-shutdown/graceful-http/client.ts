/**
 * Graceful shutdown of an HTTP server, seen on four connections: idle, silent, short and long work.
 *
 *   npm run 06:graceful-http:client     with npm run 06:graceful-http:server -- --stop-after 3
 */
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitUnknown, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 06:graceful-http:client',
  does: 'Opens four connections to an HTTP server that stops, and tells how each of them ends.',
  flags: {
    host,
    port: { ...port(7066), min: 1 },
    'short-ms': { default: 300, help: 'work that fits into the deadline' },
    'long-ms': { default: 60_000, help: 'work that does not' },
  },
})
const serverCommand = 'npm run 06:graceful-http:server'
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const silent = connect(options.port, options.host) // as browsers do, to have one in store
await once(silent, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
silent.on('error', () => {}).resume()
const limit = setTimeout(() => exitUnknown(where, serverCommand), 10_000)
const idle = await ask(0) // its connection is kept for a next request
if (!idle.said.startsWith('"done 0"')) exitUnknown(where, serverCommand)
clearTimeout(limit)
const startMs = performance.now()
const long = ask(options['long-ms'])
const short = ask(options['short-ms'])
const late = short.then(connectLate) // the server has long stopped to listen
const ends = { silent: closed(silent), idle: idle.closed }
console.log(`idle:   ${idle.said}; ${await ends.idle}`)
console.log(`short:  ${(await short).said}; ${await (await short).closed}`)
console.log(`late:   ${await late}`)
console.log(`silent: ${await ends.silent}`)
console.log(`long:   ${(await long).said}; ${await (await long).closed}`)
// #endregion client

/** Asks on a connection of its own, which the agent would keep. */
async function ask(ms: number): Promise<{ said: string; closed: Promise<string> }> {
  const request = get({ ...options, agent: new Agent({ keepAlive: true }), path: `/work/${ms}` })
  request.on('error', () => {})
  const [socket]: Socket[] = await once(request, 'socket')
  const end = { closed: closed(socket!) }
  try {
    const [response]: IncomingMessage[] = await once(request, 'response')
    const said = (await text(response!)).trimEnd()
    return { said: `"${said}", Connection: ${response!.headers.connection}`, ...end }
  } catch (error) {
    return { said: `no answer, ${(error as SocketError).code}`, ...end }
  }
}

async function closed(socket: Socket): Promise<string> {
  if (!socket.closed) await new Promise(resolve => socket.once('close', resolve))
  return `closed after ${Math.round(performance.now() - startMs)} ms`
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
