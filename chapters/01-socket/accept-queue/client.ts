/** Accept queue: connects and writes while the server is busy. `npm run 01:accept-queue:client` */
import { connect } from 'node:net'
import { describeRow, readTcpTable } from '#lib/kernel/tcp-table.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotConnect, exitLost, noticeWhenSilent } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const options = readOptions({
  command: 'npm run 01:accept-queue:client',
  does: 'Connects to a busy server, writes, and looks at the kernel’s table (Linux).',
  flags: { host, port: { ...port(7015), min: 1 } },
})
const where = endpoint(options.host, options.port)

// #region client
const startMs = performance.now()
const after = () => `after ${(performance.now() - startMs).toFixed(0)} ms`

const socket = connect(options.port, options.host, () => {
  console.log(`connected ${where} ${after()}`)
  socket.write('hello', () => {
    console.log(`written 5 bytes ${after()}`)
    if (process.platform !== 'linux') return
    // inode 0: no process owns the server's end yet, because nobody has accepted it.
    for (const row of readTcpTable()) {
      // The listening row, and the server's end of this connection.
      const isServers = row.localPort === options.port
      if (isServers && (row.state === 'LISTEN' || row.remotePort === socket.localPort)) {
        console.log(`row ${describeRow(row)}`)
      }
    }
  })
})
socket.on('data', chunk => console.log(`answer ${plural(chunk.length, 'byte')} ${after()}`))
// #endregion client

noticeWhenSilent(socket, where, 'npm run 01:accept-queue:server')

let connected = false
socket.once('connect', () => {
  connected = true
})
socket.on('error', error => {
  if (!connected) exitCannotConnect(error, where, 'npm run 01:accept-queue:server')
  exitLost(error, where)
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
