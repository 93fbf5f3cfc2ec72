/**
 * A socket with two owners: the peer, who sees when the FIN really comes.
 *
 *   npm run 06:shared-socket:client
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown, exitWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 06:shared-socket:client',
  does: 'Asks the server to close, and to shut down, a socket that a child shares.',
  flags: { host, port: { ...port(7065), min: 1 } },
})
const serverCommand = 'npm run 06:shared-socket:server'
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
for (const way of ['close', 'shutdown']) {
  const socket = connect({ port: options.port, host: options.host, allowHalfOpen: true })
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  socket.on('error', error => exitLost(error, where))
  exitWhenSilent(socket, where, serverCommand)
  const seen: string[] = []
  socket.on('data', text => seen.push(`"${text}"`))
  socket.write(way)
  await once(socket, 'end')
  const expected = way === 'close' ? '"the child speaks"' : ''
  if (seen.join() !== expected) exitUnknown(where, serverCommand)
  console.log(`${way} by the parent: ${[...seen, 'end'].join(', then ')}`)
  socket.end()
  await once(socket, 'close')
}
// #endregion client
