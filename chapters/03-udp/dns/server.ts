/**
 * DNS: a small authoritative name server for `kit.test`, over UDP and over TCP on the same port.
 *
 *   npm run 03:dns:server                       in one terminal
 *   npm run 03:dns:client                       in another
 *   dig @127.0.0.1 -p 7036 www.kit.test         or with a foreign client
 */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, isIPv6 } from 'node:net'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { framed } from '#lib/framing/stream.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import { exitCannotListen, type SocketError } from '#lib/program/failures.ts'
import { host, port, readOptions } from '#lib/program/options.ts'
import { decodeQuery, encodeMessage, RCODES, TYPES } from './message.ts'
import { answerTo } from './zone.ts'

const command = 'npm run 03:dns:server'
const options = readOptions({
  command,
  does: 'Name server for kit.test: www, alias, long, ns.',
  flags: {
    host,
    port: port(7036, 'UDP and TCP port'),
    'idle-timeout-ms': { default: 10_000, min: 1, help: 'end a silent TCP connection after' },
  },
})

// #region server
/**
 * What every receiver takes over UDP (RFC 1035 §4.2.1), and what we send at most: with the headers of
 * IPv6 and UDP that makes 1280 bytes, which every link carries.
 */
const [SMALLEST, LARGEST] = [512, 1232]

/** The answer as bytes; undefined for what must not be answered. */
function answer(bytes: Uint8Array, peer: string, overTcp: boolean): Uint8Array | undefined {
  const query = decodeQuery(bytes)
  // An answer to an answer would be answered in turn, for ever.
  if (!query || query.response) return undefined
  const reply = answerTo(query)
  const opt = query.additionals.find(({ type }) => type === TYPES.OPT)
  // EDNS: in this record, the class is the size of datagram that the client takes (RFC 6891 §6.1.2).
  if (opt) {
    // Version 0 is the only one there is. BADVERS is code 16: the 1 stands here, the 0 in the header.
    const unknown = ((opt.ttl >>> 16) & 0xff) !== 0
    if (unknown) Object.assign(reply, { rcode: 0, answers: [], authorities: [] })
    const ttl = unknown ? 1 << 24 : 0
    reply.additionals = [{ ...opt, name: '', class: LARGEST, ttl, data: Buffer.alloc(0) }]
  }
  const limit = Math.min(LARGEST, Math.max(SMALLEST, opt?.class ?? 0))

  const { name = '', type = 0 } = query.questions[0] ?? {}
  console.log(`answered ${peer} ${RCODES[reply.rcode]} ${JSON.stringify(name)} type ${type}`)
  const whole = encodeMessage(reply)
  if (overTcp || whole.length <= limit) return whole
  // Half an answer would be taken for a whole one. TC says: ask again, over TCP.
  return encodeMessage({ ...reply, truncated: true, answers: [], authorities: [] })
}

const udp = createSocket(isIPv6(options.host) ? 'udp6' : 'udp4')
udp.on('message', (question, { address, port }) => {
  if (port === 0) return // a sender without a port wants no answer: see `echo`
  const peer = endpoint(address, port)
  const reply = answer(question, peer, false)
  if (!reply) return
  udp.send(reply, port, address, error => {
    if (error) console.error(`error ${peer} ${(error as SocketError).code}`)
  })
})

// A stream has no boundaries: over TCP each message stands behind its length (RFC 1035 §4.2.2).
const tcp = createServer({ allowHalfOpen: true }, async socket => {
  const peer = endpoint(socket.remoteAddress, socket.remotePort)
  socket.setTimeout(options['idle-timeout-ms'], () => socket.destroy())
  try {
    const { frames, send, end } = framed(socket, lengthPrefix({ prefixBytes: 2 }))
    for await (const question of frames) {
      const reply = answer(question, peer, true)
      if (reply) await send(reply)
    }
    await end()
  } catch (error) {
    console.error(`error ${peer} ${(error as SocketError).code}`)
    socket.destroy()
  }
})
// #endregion server

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(0))

/** UDP and TCP count their ports separately. With `--port 0` we look for one that is free in both. */
async function listen(): Promise<void> {
  for (;;) {
    tcp.listen(options.port, options.host)
    await once(tcp, 'listening')
    const { address, port } = tcp.address() as AddressInfo
    udp.bind(port, options.host)
    try {
      await once(udp, 'listening')
      console.log(`listening ${endpoint(address, port)}`)
      return
    } catch (error) {
      if (options.port !== 0 || (error as SocketError).code !== 'EADDRINUSE') throw error
      tcp.close()
      await once(tcp, 'close')
    }
  }
}
await listen().catch(error =>
  exitCannotListen(error, endpoint(options.host, options.port), command),
)
for (const server of [udp, tcp]) {
  server.on('error', (error: SocketError) => console.error(`error ${error.code}`))
}
