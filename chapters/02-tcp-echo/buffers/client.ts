/**
 * Buffers: what write() tells you while nobody reads, and where the bytes are.
 *
 *   npm run 02:buffers:client
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { readTcpTable } from '#lib/kernel/tcp-table.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitLost,
  exitWhenEnded,
  exitWhenSilent,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'

const options = readOptions({
  command: 'npm run 02:buffers:client',
  does: 'Writes to a server that does not read, and shows where the bytes wait.',
  flags: {
    host,
    port: { ...port(7024), min: 1 },
    'extra-mib': { default: 16, max: 256, help: 'one large write when the kernel is full, in MiB' },
  },
})
const where = endpoint(options.host, options.port)
const serverCommand = 'npm run 02:buffers:server'
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

const socket = connect(options.port, options.host)
await once(socket, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
socket.on('error', error => exitLost(error, where))
exitWhenEnded(socket.resume(), where, serverCommand)
if (process.platform === 'linux') {
  console.log(`receive buffer ${limits('tcp_rmem')}`)
  console.log(`send buffer ${limits('tcp_wmem')}`)
}

// #region writes
const chunk = Buffer.alloc(65536, 'x')
// The callback says that the kernel has the bytes. It says nothing about the peer.
await new Promise(resolve => socket.write(chunk, resolve))
console.log('written 65536 bytes: the callback came, and the server has read nothing')

let writes = 1
while (socket.write(chunk)) writes++
console.log(`write() returned false at write ${++writes}: the kernel has no more room`)

// A write that does not fit does not block: Node keeps the rest and sends it later.
const large = Buffer.alloc(options['extra-mib'] * 2 ** 20, 'y')
const beforeMs = performance.now()
socket.write(large)
const tookMs = (performance.now() - beforeMs).toFixed(1)
console.log(`write(${options['extra-mib']} MiB) came back after ${tookMs} ms`)
await kernelIsStill()
console.log(`waiting ${whereTheBytesAre()}`)
// #endregion writes

// #region reading
const drained = once(socket, 'drain')
const signal = connect(options.port, options.host)
await once(signal, 'connect').catch(error => exitCannotConnect(error, where, serverCommand))
exitWhenSilent(socket, where, serverCommand)
await drained
console.log('drain: the server reads, the queue has emptied')
const total = socket.bytesWritten
socket.end()
await once(socket, 'close')
console.log(`sent ${total} bytes in all; compare with what the server counted`)
signal.end()
// #endregion reading

/** Waits until the kernel's two queues have not changed for a moment. No event tells that. */
async function kernelIsStill(): Promise<void> {
  for (let before = ''; before !== whereTheBytesAre(); ) {
    before = whereTheBytesAre()
    await wait(100)
  }
}

function whereTheBytesAre(): string {
  const inNode = `${socket.writableLength} in Node`
  if (process.platform !== 'linux') return inNode
  const rows = readTcpTable()
  const mine = rows.find(
    row => row.localPort === socket.localPort && row.remotePort === options.port,
  )
  const theirs = rows.find(
    row => row.remotePort === socket.localPort && row.localPort === options.port,
  )
  return `${inNode}, ${mine?.txQueue} in the send buffer, ${theirs?.rxQueue} in the receive buffer`
}

function limits(name: string): string {
  const [, start, most] = readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim().split(/\s+/)
  return `starts at ${start} bytes, may grow to ${most} (net.ipv4.${name})`
}
