/**
 * Simultaneous close: does what the server does, and watches the states of both ends.
 *
 *   npm run 06:simultaneous:client
 */
import { once } from 'node:events'
import { connect } from 'node:net'
import { readTcpTable } from '#lib/kernel/tcp-table.ts'
import { waitUntil } from '#lib/lab/wait-until.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, exitUnknown } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 06:simultaneous:client',
  does: 'Closes a connection while the server closes it, and shows both states (Linux).',
  flags: { host, port: { ...port(7068), min: 1 } },
})
const serverCommand = 'npm run 06:simultaneous:server'
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const BYTES = Buffer.alloc(2 ** 19)
const limit = setTimeout(() => exitUnknown(where, serverCommand), 9000)
const socket = connect({ port: options.port, host: options.host, allowHalfOpen: true })
socket.pause() // nothing of what the server sends gets past our kernel: its FIN does not get here
await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
socket.on('error', error => exitLost(error, where))
const { localPort: ours, remotePort: theirs } = socket
const see = async (wanted: string) => {
  await waitUntil(`states ${wanted}`, () => {
    const table = readTcpTable()
    const state = (local?: number, remote?: number) =>
      table.find(row => row.localPort === local && row.remotePort === remote)?.state
    const here = state(ours, theirs)
    // Its FIN has come before it could: this server has not sent what fills our buffer.
    if (here === 'CLOSE-WAIT' || here === 'LAST-ACK') exitUnknown(where, serverCommand)
    return `${here} here, ${state(theirs, ours)} there` === wanted
  })
  console.log(wanted)
}

socket.end(BYTES)
await once(socket, 'finish') // our FIN waits behind our bytes, as the server's does
// The server has read our FIN while nobody has acknowledged its own.
await see('FIN-WAIT-2 here, CLOSING there')
socket.resume()
await once(socket, 'close')
await see('TIME-WAIT here, TIME-WAIT there')
clearTimeout(limit)
// #endregion client
