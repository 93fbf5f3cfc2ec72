/** Closing the listener: the old connection lives, a new one is refused. `npm run 01:close-listener:client` */
import { once } from 'node:events'
import { connect } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitUnknown,
  exitWhenEnded,
  exitWhenSilent,
  type SocketError,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 01:close-listener:client',
  does: 'Talks on a connection whose listener has closed, and tries to open another.',
  flags: { host, port: { ...port(7017), min: 1 } },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 01:close-listener:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const socket = connect(options.port, options.host)
socket.setEncoding('utf8')
await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
socket.on('error', error => exitLost(error, where))
exitWhenEnded(socket, where, serverCommand)
exitWhenSilent(socket, where, serverCommand)
// Once this line arrives, the listener is closed.
const [line] = await once(socket, 'data')
console.log(`received ${line.trimEnd()}`)

const second = connect(options.port, options.host)
second.once('connect', () => exitUnknown(where, serverCommand))
const [error]: SocketError[] = await once(second, 'error')
console.log(`refused  a new connection: ${error?.code}`)

socket.write('still there?')
const [echo] = await once(socket, 'data')
console.log(`echoed   ${echo}`)
socket.end()
// #endregion client
