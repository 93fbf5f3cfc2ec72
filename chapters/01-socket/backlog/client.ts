/**
 * Backlog: many connections through a backlog of 1, then a few more than the queue can hold.
 *
 *   npm run 01:backlog:client
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { readTcpTable, type TcpState } from '#lib/kernel/tcp-table.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitWhenEnded,
  exitWhenSilent,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 01:backlog:client',
  does: 'Shows what the backlog limits and what it does not (Linux).',
  flags: {
    host,
    port: { ...port(7016), min: 1 },
    sequential: { default: 500, min: 1, max: 5000, help: 'connections opened one after the other' },
    burst: { default: 5, min: 1, max: 100, help: 'connections opened while the server is blocked' },
  },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 01:backlog:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region sequential
const open: Socket[] = []
for (let i = 0; i < options.sequential; i++) {
  const socket = connect(options.port, options.host)
  exitWhenEnded(socket, where, serverCommand)
  exitWhenSilent(socket, where, serverCommand)
  // Waits until the server has accepted it: the queue is empty again.
  await once(socket, 'data').catch(error => exitCannotConnect(error, where, serverCommand))
  socket.on('error', error => exitLost(error, where)).setTimeout(0)
  open.push(socket)
}
console.log(`connected ${open.length} at the same time, through a backlog of 1`)
// #endregion sequential

// #region burst
open[0]?.write('block\n')
await once(open[0]!, 'data')
const startMs = performance.now()
const burst = Array.from({ length: options.burst }, () => connect(options.port, options.host))
const times = burst.map(async socket => {
  await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
  socket.on('error', error => exitLost(error, where))
  return `${((performance.now() - startMs) / 1000).toFixed(1)} s`
})
await Promise.race(times)
// By now each of them has sent its SYN, and the server's kernel has answered or not.
console.log(`connecting ${burst.length} more: ${statesOfBurst()}`)
for (const [index, seconds] of (await Promise.all(times)).entries()) {
  console.log(`connected #${index + 1} after ${seconds}, without an error`)
}
// #endregion burst
for (const socket of [...open, ...burst]) socket.resume().end()

function statesOfBurst(): string {
  // Rows of this process' new sockets: a row without an inode belongs to nobody.
  const before = new Set(open.map(socket => socket.localPort))
  const rows = readTcpTable().filter(
    row => row.remotePort === options.port && row.inode !== 0 && !before.has(row.localPort),
  )
  const count = (state: TcpState) => rows.filter(row => row.state === state).length
  return `${count('ESTABLISHED')} ESTABLISHED, ${count('SYN-SENT')} in SYN-SENT without an answer`
}
