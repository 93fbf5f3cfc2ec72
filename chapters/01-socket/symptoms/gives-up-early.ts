/**
 * Symptom: ETIMEDOUT after a quarter of a second, from a server that answers a little later.
 *
 *   node --import tsx chapters/01-socket/symptoms/gives-up-early.ts
 */
import { once } from 'node:events'
import {
  connect,
  getDefaultAutoSelectFamilyAttemptTimeout,
  type LookupFunction,
  type Socket,
} from 'node:net'
import { Worker } from 'node:worker_threads'
import { missing } from '#lib/kernel/requirements.ts'

const lacks = missing('linux')
if (lacks !== undefined) {
  console.log(`skipped: ${lacks}`)
  process.exit(0)
}

// A thread that stops its event loop. When its queue is full, the kernel ignores each further SYN.
const BUSY_SERVER = `
  const { createServer } = require('node:net')
  const { parentPort, workerData } = require('node:worker_threads')
  const server = createServer(socket => socket.on('error', () => {}).resume())
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    parentPort.postMessage(server.address().port)
    Atomics.wait(workerData, 0, 0)
  })`
const isFree = new Int32Array(new SharedArrayBuffer(4))
const worker = new Worker(BUSY_SERVER, { eval: true, workerData: isFree })
const [port] = (await once(worker, 'message')) as [number]
// A backlog of 1 has room for two connections.
const queued = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
await Promise.all(queued.map(socket => once(socket, 'connect')))

// In place of the resolver: a name with two addresses. No server listens on the second.
const lookup: LookupFunction = (_name, { all }, callback) => {
  if (!all) return callback(null, '127.0.0.1', 4)
  callback(null, [
    { address: '127.0.0.1', family: 4 },
    { address: '127.0.0.2', family: 4 },
  ])
}
const patient = connect({
  port,
  host: 'shop.test',
  lookup,
  autoSelectFamilyAttemptTimeout: 10_000,
})
const hasty = connect({ port, host: 'shop.test', lookup })
const limitMs = getDefaultAutoSelectFamilyAttemptTimeout()
hasty.on('connectionAttemptTimeout', address => {
  console.log(`no answer from ${address} within ${limitMs} ms: the next address`)
})
const error = await failure(hasty)
console.log(`${error.name}, message "${error.message}", code ${error.code}`)
for (const { message } of error.errors ?? []) console.log(`  errors: ${message}`)

Atomics.store(isFree, 0, 1)
Atomics.notify(isFree, 0)
// The kernel repeats its SYN after one second.
await once(patient, 'connect')
console.log('autoSelectFamilyAttemptTimeout 10_000: connected, once the server had time')
for (const socket of [patient, ...queued]) socket.destroy()
await worker.terminate()

function failure(socket: Socket): Promise<NodeJS.ErrnoException & { errors?: Error[] }> {
  return new Promise(resolve => socket.once('error', resolve))
}
