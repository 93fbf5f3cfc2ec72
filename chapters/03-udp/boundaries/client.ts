/**
 * Boundaries: five sends in a row, without waiting for anything in between.
 *
 *   npm run 03:boundaries:client
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitUnanswered, exitUnknown } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const serverCommand = 'npm run 03:boundaries:server'
const options = readOptions({
  command: 'npm run 03:boundaries:client',
  does: 'Sends five datagrams at once and prints what the server says of each.',
  flags: {
    host,
    port: { ...port(7031, 'UDP port'), min: 1 },
    'timeout-ms': { default: 1000, min: 1, max: 60_000, help: 'how long to wait for an answer' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const socket = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')
socket.on('error', error => exitCannotConnect(error, where, serverCommand))
socket.connect(options.port, options.host)
await once(socket, 'connect')

const messages = ['hello', '', 'x'.repeat(1000), 'y', 'żółw']
let answers = 0
socket.on('message', answer => {
  if (!/^message \d+: \d+ bytes?$/.test(`${answer}`)) exitUnknown(where, serverCommand)
  console.log(answer.toString())
  if (++answers === messages.length) socket.close()
})
for (const message of messages) socket.send(message)
// #endregion client

const patience = setTimeout(
  () => exitUnanswered(where, options['timeout-ms'], serverCommand),
  options['timeout-ms'],
)
socket.once('close', () => clearTimeout(patience))
