/**
 * Four segments or three: closes first, and watches the states of both ends meanwhile.
 *
 *   npm run 06:four-or-three:client
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { readTcpTable } from '../../../lib/lab/tcp-table.ts'
import { until } from '../../../lib/lab/until.ts'
import { endpoint } from '../../../lib/program/endpoint.ts'
import { exitCannotConnect, exitLost } from '../../../lib/program/failures.ts'
import { host, port, readOptions } from '../../../lib/program/options.ts'

const command = 'npm run 06:four-or-three:client'
const options = readOptions({
  command,
  does: 'Closes two connections, and shows which states both ends go through (Linux).',
  flags: { host, port: { ...port(7061), min: 1 } },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))

// #region client
for (const when of ['at once', 'later']) {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error =>
    exitCannotConnect(error, where, 'npm run 06:four-or-three:server'),
  )
  socket.on('error', error => exitLost(error, where))
  socket.resume()
  const { localPort: ours, remotePort: theirs } = socket
  const state = (local?: number, remote?: number) =>
    readTcpTable().find(row => row.localPort === local && row.remotePort === remote)?.state

  const ended = once(socket, 'end')
  socket.end(`${when}\n`)
  if (when === 'later') {
    // The server's ACK has come, its FIN has not: no event says so, only the kernel's table.
    await until('our FIN is acknowledged', () => state(ours, theirs) === 'FIN-WAIT-2')
    console.log(`${when}: we are in FIN-WAIT-2, the server in ${state(theirs, ours)}`)
  }
  await ended
  await until('the server has our last ACK', () => state(theirs, ours) === undefined)
  console.log(`${when}: we are in ${state(ours, theirs)}, the server’s socket is gone`)
}
// #endregion client
