/**
 * Size: sends larger and larger datagrams until the kernel refuses.
 *
 *   npm run 03:size:client
 */
import { createHash, randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv6 } from 'node:net'
import { endpoint } from '#lib/program/endpoint.ts'
import {
  exitCannotConnect,
  exitUnanswered,
  exitUnknown,
  type SocketError,
} from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { plural } from '#lib/program/plural.ts'

const serverCommand = 'npm run 03:size:server'
const options = readOptions({
  command: 'npm run 03:size:client',
  does: 'Shows the largest datagram that can be sent, and what one byte more brings.',
  flags: {
    host,
    port: { ...port(7034, 'UDP port'), min: 1 },
    'timeout-ms': { default: 2000, min: 1, max: 60_000, help: 'how long to wait for an answer' },
  },
})
const where = endpoint(options.host, options.port)
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

// #region client
const v6 = isIPv6(options.host)
const socket = createSocket(v6 ? 'udp6' : 'udp4')
socket.on('error', error => exitCannotConnect(error, where, serverCommand))
socket.connect(options.port, options.host)
await once(socket, 'connect')

// A length field of 16 bits counts the 8 bytes of UDP header; with IPv4 another one the 20 of IP.
const LARGEST = 65_535 - 8 - (v6 ? 0 : 20)
// On an Ethernet, whose packets carry up to 1500 bytes, a larger datagram is cut into fragments.
const MTU = 1500
const ipHeader = v6 ? 40 : 20

for (const bytes of [1200, MTU - ipHeader - 8, MTU - ipHeader - 7, 9000, LARGEST, LARGEST + 1]) {
  console.log(`${plural(bytes, 'byte')}: ${await attempt(bytes)}`)
}
socket.close()

async function attempt(bytes: number): Promise<string> {
  const datagram = randomBytes(bytes)
  const signal = AbortSignal.timeout(options['timeout-ms'])
  const answer = once(socket, 'message', { signal })
  const refused = await new Promise<SocketError | null>(done => socket.send(datagram, done))
  if (refused) {
    answer.catch(() => {})
    return `${refused.code}: too large, nothing was sent`
  }
  const [text] = await answer.catch(() =>
    exitUnanswered(where, options['timeout-ms'], serverCommand),
  )
  if (!/^\d+ [0-9a-f]{64}$/.test(`${text}`)) exitUnknown(where, serverCommand)
  const whole = `${bytes} ${createHash('sha256').update(datagram).digest('hex')}` === `${text}`
  return `${whole ? 'arrived whole' : `came as ${text}`}; ${travels(bytes + 8)}`
}

/** How many packets an Ethernet would need. All but the last carry a multiple of 8 bytes. */
function travels(payload: number): string {
  if (payload <= MTU - ipHeader) return 'one packet on an Ethernet'
  // IPv6 puts the number of a fragment into a header of its own, of 8 bytes.
  const room = Math.floor((MTU - ipHeader - (v6 ? 8 : 0)) / 8) * 8
  return `${Math.ceil(payload / room)} fragments on an Ethernet: lose one, lose all`
}
// #endregion client
