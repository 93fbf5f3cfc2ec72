/**
 * Writing after a FIN: the first write succeeds, the second fails.
 *
 *   npm run 02:write-after-fin:client
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitWhenSilent,
  type SocketError,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 02:write-after-fin:client',
  does: 'Writes twice to a server that has closed.',
  flags: { host, port: { ...port(7026), min: 1 } },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 02:write-after-fin:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
// allowHalfOpen: Node would otherwise end our side by itself when the server's FIN arrives.
const socket = connect({ port: options.port, host: options.host, allowHalfOpen: true })
await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
exitWhenSilent(socket, where, serverCommand)
socket.on('error', () => {}) // each write reports its own error below
socket.write('hello')
socket.resume()
await once(socket, 'end').catch(error => exitLost(error, where))
console.log('end: the server sends nothing more; whether it still reads, a FIN does not say')

const outcome = (error?: SocketError | null) => (error ? error.code : 'ok')
const first = await new Promise<SocketError | null | undefined>(done => socket.write('1', done))
console.log(`first write: ${outcome(first)}`)
const second = await new Promise<SocketError | null | undefined>(done => socket.write('2', done))
console.log(`second write: ${outcome(second)}`)
// #endregion client
