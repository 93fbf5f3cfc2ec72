/**
 * Graceful shutdown of an HTTP server, seen on four connections: idle, silent, short and long work.
 *
 *   npm run 06:graceful-http:client     with flags of the server: --stop-after 3
 */
import { once } from 'node:events'
import { Agent, get, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { endpoint } from '../../../lib/program/endpoint.ts'
import { exitCannotConnect, type SocketError } from '../../../lib/program/failures.ts'
import { host, port, readOptions } from '../../../lib/program/options.ts'

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
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))

// #region client
const silent = connect(options.port, options.host) // as browsers do, to have one in store
await once(silent, 'connect').catch(error =>
  exitCannotConnect(error, where, 'npm run 06:graceful-http:server'),
)
await ask('idle', 0) // its connection is kept for a next request
const startMs = performance.now()
tellEnd('silent', silent.resume())
await Promise.all([
  ask('long', options['long-ms']),
  ask('short', options['short-ms']).then(refused), // by then the listener has closed
])
// #endregion client

/** Asks on a connection of its own, which the agent would keep. */
async function ask(name: string, ms: number): Promise<void> {
  const agent = new Agent({ keepAlive: true })
  const request = get({ ...options, agent, path: `/work/${ms}` })
  request.on('socket', socket => tellEnd(name, socket))
  try {
    const [response]: IncomingMessage[] = await once(request, 'response')
    const answer = (await text(response!)).trimEnd()
    console.log(`${name.padEnd(6)} "${answer}", Connection: ${response!.headers.connection}`)
  } catch (error) {
    console.log(`${name.padEnd(6)} no answer: ${(error as SocketError).code}`)
  }
}

function tellEnd(name: string, socket: Socket): void {
  socket.on('error', () => {}) // the request tells of it
  socket.on('close', () => {
    console.log(`${name.padEnd(6)} closed after ${Math.round(performance.now() - startMs)} ms`)
  })
}

async function refused(): Promise<void> {
  const [error]: SocketError[] = await once(connect(options.port, options.host), 'error')
  console.log(`late   cannot connect: ${error?.code}`)
}
