/**
 * Graceful shutdown, seen by three clients: one idle, one with short work, one with endless work.
 *
 *   npm run 02:graceful:client     with npm run 02:graceful:server -- --stop-after 2
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitUnknown,
  noticeWhenSilent,
  type SocketError,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 02:graceful:client',
  does: 'Opens three conversations and reports how each of them ends.',
  flags: {
    host,
    port: { ...port(7023), min: 1 },
    'short-ms': { default: 300, help: 'work that fits into the deadline' },
    'long-ms': { default: 60_000, help: 'work that does not' },
  },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 02:graceful:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const idle = await open('idle')
const short = await open('short')
const long = await open('long')
long.write(`work ${options['long-ms']}\n`)
short.write(`work ${options['short-ms']}\n`)

if (!idle.closed) await new Promise(closed => idle.once('close', closed))
const late = connect(options.port, options.host)
late.once('connect', () => exitUnknown(where, serverCommand))
const [error]: SocketError[] = await once(late, 'error')
console.log(`late  cannot connect: ${error?.code}`)
// #endregion client

async function open(name: string): Promise<Socket> {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  const label = name.padEnd(5)
  noticeWhenSilent(socket, where, serverCommand)
  socket.setEncoding('utf8')
  socket.on('data', text => console.log(`${label} got "${String(text).trimEnd()}"`))
  socket.on('end', () => console.log(`${label} connection ended by the server`))
  socket.on('error', (error: SocketError) => console.log(`${label} lost: ${error.code}`))
  return socket
}
