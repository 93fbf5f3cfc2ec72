/**
 * Four segments or three: closes first, and watches the states of both ends meanwhile.
 *
 *   npm run 06:four-or-three:client
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { readTcpTable } from '#lib/kernel/tcp-table.ts'
import { waitUntil } from '#lib/lab/wait-until.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const command = 'npm run 06:four-or-three:client'
const options = readOptions({
  command,
  does: 'Closes two connections, and shows which states both ends go through (Linux).',
  flags: { host, port: { ...port(7061), min: 1 } },
})
const serverCommand = 'npm run 06:four-or-three:server'
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const unknown = () => exitUnknown(where, serverCommand)
const limit = setTimeout(unknown, 15_000)
const later = await open()
later.socket.once('end', unknown) // not yet
later.socket.end('later\n')
// The server's ACK has come, its FIN has not: no event says so, only the kernel's table.
await waitUntil('our FIN is acknowledged', () => later.states()[0] === 'FIN-WAIT-2')
console.log(`later: we are in FIN-WAIT-2, the server in ${later.states()[1]}`)

later.socket.off('end', unknown)
const atOnce = await open() // for the server it is now later
await later.closed('later')
atOnce.socket.end('at once\n')
await atOnce.closed('at once')
clearTimeout(limit)
// #endregion client

async function open() {
  const socket = connect(options.port, options.host)
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  socket.on('error', error => exitLost(error, where)).on('data', unknown)
  const ended = once(socket, 'end')
  const { localPort: ours, remotePort: theirs } = socket
  /** Our state, and the server's. */
  const states = () => {
    const rows = readTcpTable()
    const state = (local?: number, remote?: number) =>
      rows.find(row => row.localPort === local && row.remotePort === remote)?.state ?? 'gone'
    return [state(ours, theirs), state(theirs, ours)] as const
  }
  const closed = async (name: string) => {
    await ended
    await waitUntil('the server has our last ACK', () => states()[1] === 'gone')
    console.log(`${name}: we are in ${states()[0]}, the server’s socket is gone`)
  }
  return { socket, states, closed }
}
