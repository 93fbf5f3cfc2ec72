/**
 * Loss: a receiver that is busy for a while, and what becomes of the datagrams meanwhile.
 *
 *   npm run 03:loss:server     in one terminal
 *   npm run 03:loss:client     in another
 */
import { createSocket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import { readUdpTable } from '#lib/kernel/udp-table.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const command = 'npm run 03:loss:server'
const options = readOptions({
  command,
  does: 'Receives numbered datagrams, but is busy with something else when they come.',
  flags: {
    host,
    port: port(7032, 'UDP port'),
    'busy-ms': { default: 3000, min: 0, max: 10_000, help: 'how long it does not read' },
  },
})

// #region server
const socket = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')
let run = ''
let received = 0
let dropsBefore = 0

socket.on('message', (message, { address, port }) => {
  if (port === 0) return // a sender without a port wants no answer: see `echo`
  const peer = endpoint(address, port)
  const answer = (text: string, sent?: () => void) =>
    socket.send(text, port, address, error => {
      if (error) console.error(`error ${peer} ${(error as SocketError).code}`)
      sent?.()
    })

  const text = message.toString('latin1', 0, 40)
  if (text === run) {
    answer('busy') // asked twice: the first answer was lost, or late
  } else if (text.startsWith('start ')) {
    run = text
    received = 0
    dropsBefore = drops()
    console.log(`busy ${peer} ${options['busy-ms']} ms`)
    // Blocks the event loop, as a long computation would. Datagrams wait in the kernel's receive
    // buffer; the one that does not fit any more is thrown away.
    answer('busy', () => Atomics.wait(NEVER, 0, 0, options['busy-ms']))
  } else if (text === 'report') {
    console.log(`received ${peer} ${plural(received, 'datagram')}`)
    answer(`received ${received} dropped ${drops() - dropsBefore}`)
  } else {
    received++
  }
})

/** What the kernel has thrown away for this socket; NaN where only the kernel knows. */
function drops(): number {
  if (process.platform !== 'linux') return Number.NaN
  const here = socket.address()
  const mine = readUdpTable().find(
    row => row.localPort === here.port && row.localAddress === here.address,
  )
  return mine?.drops ?? Number.NaN
}
// #endregion server

const NEVER = new Int32Array(new SharedArrayBuffer(4))

socket.once('error', error =>
  exitCannotListen(error, endpoint(options.host, options.port), command),
)
socket.bind(options.port, options.host, () => {
  const { address, port } = socket.address()
  console.log(`listening ${endpoint(address, port)}`)
  socket.removeAllListeners('error')
  socket.on('error', (error: SocketError) => console.error(`error ${error.code}`))
})

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))
