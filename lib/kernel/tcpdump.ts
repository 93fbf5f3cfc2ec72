import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { endpoint } from '../program/endpoint.ts'
import { realtimeToMonotonic } from '../trace/clock.ts'
import { type CapturedPacket, parseHex, parsePacket } from '../trace/parse-tcpdump.ts'
import { RUN, shown, startGuard } from './guard.ts'
import { cannotEndCapture, missing } from './requirements.ts'

/** A packet with the time of `process.hrtime`. */
export type TimedPacket = Omit<CapturedPacket, 'realtimeNs'> & {
  tNs: number
  /** With the option `bytes`: the first 100 or so, from the IP header on. */
  bytes?: Buffer
}

export interface CaptureOptions {
  /** Interface, as tcpdump's `-i` takes it. */
  interface: string
  /** Which packets, in tcpdump's language: `tcp port 7020`. See pcap-filter(7). */
  filter: string
  /** Called for each packet, in the order of capture. */
  onPacket: (packet: TimedPacket) => void
  /** An address behind the interface: a marker sent there is seen. Default `127.0.0.1`. */
  marker?: string
  /** Also deliver the packets' first bytes. They are complete when `stop` has settled. */
  bytes?: boolean
}

export interface Capture {
  /** Settles when every packet that was sent before the call has been delivered. */
  stop(): Promise<void>
}

/** Numbers as they are, a line at once, nanoseconds; of each packet the headers; a roomy buffer. */
const ARGS = [
  ...['-n', '-S', '-l', '-tt', '--immediate-mode', '--time-stamp-precision=nano'],
  ...['-s', '128', '-B', '32768'],
]

/**
 * Captures packets with tcpdump. Settles when the capture really runs.
 *
 * tcpdump says when it starts, not when it sees, and loses at its end what it has not read. So a
 * marker of our own, a datagram to a port that nobody else uses, is sent until tcpdump shows it;
 * and another one at the end, after which all the others must have come.
 *
 * @throws {Error} in one line, when tcpdump cannot be run or may not capture.
 * @see tcpdump(8)
 */
export async function startTcpdump(options: CaptureOptions): Promise<Capture> {
  const { filter, onPacket, marker = '127.0.0.1', bytes = false } = options
  const unendable = cannotEndCapture()
  if (unendable) throw new Error(unendable.needs)
  const socket = createSocket(marker.includes(':') ? 'udp6' : 'udp4')
  // An answer that nobody listens is of no interest.
  socket.on('error', () => {})
  socket.bind(0)
  await once(socket, 'listening')
  const own = `udp and src port ${socket.address().port} and dst port ${socket.address().port}`
  const where = ['-i', options.interface]
  const hex = bytes ? ['-x'] : []
  const command = ['tcpdump', ...ARGS, ...hex, ...where, `(${filter}) or (${own})`]
  const { child, end } = startGuard(RUN, command)
  let said = 'it said nothing'
  createInterface({ input: child.stderr }).on('line', line => {
    said = line
  })
  // The shell stays: that its output ends says that tcpdump has ended.
  const closed = Promise.all([once(child.stdout, 'close'), once(child.stderr, 'close')])
  const died = closed.then(() => reasonOf(said))

  const offset = realtimeToMonotonic()
  const mine = endpoint(marker, socket.address().port)
  let latest: TimedPacket | undefined
  let awaited: { length: number; seen: () => void } | undefined
  createInterface({ input: child.stdout }).on('line', line => {
    if (line.startsWith('\t0x')) {
      if (latest) latest.bytes = Buffer.concat([latest.bytes ?? Buffer.alloc(0), parseHex(line)])
      return
    }
    latest = undefined
    const packet = parsePacket(line)
    if (!packet) return
    if (packet.protocol === 'udp' && packet.destination === mine) {
      if (packet.len === awaited?.length) awaited.seen()
      return
    }
    const { realtimeNs, ...rest } = packet
    latest = { ...rest, tNs: Number(realtimeNs + offset) }
    onPacket(latest)
  })

  /** Sends markers of that many bytes until one is seen. */
  const mark = async (length: number): Promise<void> => {
    const send = () => socket.send(Buffer.alloc(length), socket.address().port, marker)
    const timer = setInterval(send, 20)
    const seen = new Promise<void>(resolve => {
      awaited = { length, seen: resolve }
      send()
    })
    await shown('tcpdump', seen, died).finally(() => clearInterval(timer))
  }
  const close = async () => {
    socket.close()
    await end()
  }

  try {
    await mark(1)
  } catch (error) {
    await close()
    throw error
  }
  return {
    async stop() {
      // The interval of markers before: one of another length is a new one.
      await mark(2).finally(close)
    },
  }
}

/** Why there is no capture: what any capture lacks here, or what tcpdump said to this one. */
const reasonOf = (said: string): string =>
  missing('tcpdump') ?? `tcpdump ended: ${said.replace(/^tcpdump: /, '')}`
