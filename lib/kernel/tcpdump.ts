import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { endpoint } from '#lib/program/endpoint.ts'
import type { CapturedFrame } from '#lib/trace/captured-frame.ts'
import { type CapturedPacket, capturedPacket } from './captured-packet.ts'
import { realtimeToMonotonic } from './clock.ts'
import { decodeFrame } from './decode-frame.ts'
import { PcapError, PcapReader } from './pcap.ts'
import { cannotEndCapture, missing } from './requirements.ts'
import { RUN_UNTIL_PIPE_CLOSES, startSupervised, waitUntilShown } from './supervised.ts'

/** A packet with the time of `process.hrtime`. */
export type TimedPacket = CapturedPacket & {
  tNs: number
  /** What was captured of it, from the IP header on. */
  bytes: Buffer
  /** The same with the header of its link, and the time of day. */
  frame: CapturedFrame
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
  /** Words that run the rest of a command on another host, whose interface it is. */
  inside?: readonly string[]
  /** See `realtimeToMonotonic`: the same for several captures, so that their times can be compared. */
  clockOffset?: bigint
  /** So many bytes of each packet are captured. Default 128: the headers, and little more. */
  snapBytes?: number
}

export interface Capture {
  /** Settles when every packet that was sent before the call has been delivered. */
  stop(): Promise<void>
}

/** Packets as they are, each at once, with nanoseconds. */
const ARGS = ['-n', '-w', '-', '-U', '--immediate-mode', '--time-stamp-precision=nano']
/** Of a packet that is captured whole: the longest on loopback, with the header of its link. */
export const WHOLE_PACKET_BYTES = 65_600
/** KiB of the buffer between the kernel and tcpdump, where each packet takes as much as the longest may. */
const BUFFER_KIB = { headers: 32_768, whole: 131_072 }

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
  const { filter, onPacket, marker = '127.0.0.1', snapBytes = 128, inside = [] } = options
  const unendable = cannotEndCapture()
  if (unendable) throw new Error(unendable.needs)
  const socket = createSocket(marker.includes(':') ? 'udp6' : 'udp4')
  // An answer that nobody listens is of no interest.
  socket.on('error', () => {})
  socket.bind(0)
  await once(socket, 'listening')
  const own = `udp and src port ${socket.address().port} and dst port ${socket.address().port}`
  const where = ['-i', options.interface]
  const buffer = snapBytes <= 2048 ? BUFFER_KIB.headers : BUFFER_KIB.whole
  const length = ['-s', String(snapBytes), '-B', String(buffer)]
  const command = [...inside, 'tcpdump', ...ARGS, ...length, ...where, `(${filter}) or (${own})`]
  const { child, end } = startSupervised(RUN_UNTIL_PIPE_CLOSES, command)
  let said = 'it said nothing'
  createInterface({ input: child.stderr }).on('line', line => {
    said = line
  })
  // The shell stays: that its output ends says that tcpdump has ended.
  const closed = Promise.all([once(child.stdout, 'close'), once(child.stderr, 'close')])
  let isClosing = false
  // Why it has ended is found out by trying again, which takes time: not where we have ended it.
  const died = closed.then(() => (isClosing ? said : reasonOf(said)))

  const offset = options.clockOffset ?? realtimeToMonotonic()
  const mine = endpoint(marker, socket.address().port)
  let awaited: { length: number; seen: () => void } | undefined
  const unreadable = readPackets(child.stdout, (frame, facts, bytes) => {
    if (facts.protocol === 'udp' && facts.destination === mine) {
      if (facts.len === awaited?.length) awaited.seen()
      return
    }
    onPacket({ ...facts, tNs: Number(frame.timeNs + offset), bytes, frame })
  })
  const ended = Promise.race([died, unreadable])

  /** Sends markers of that many bytes until one is seen. */
  const mark = async (length: number): Promise<void> => {
    const send = () => socket.send(Buffer.alloc(length), socket.address().port, marker)
    const timer = setInterval(send, 20)
    const seen = new Promise<void>(resolve => {
      awaited = { length, seen: resolve }
      send()
    })
    await waitUntilShown('tcpdump', seen, ended).finally(() => clearInterval(timer))
  }
  const close = async () => {
    isClosing = true
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

/**
 * Reads what tcpdump writes, and hands on the segments and datagrams. Settles when that cannot be
 * read, with the reason.
 */
function readPackets(
  output: Readable,
  onPacket: (frame: CapturedFrame, facts: CapturedPacket, bytes: Buffer) => void,
): Promise<string> {
  const reader = new PcapReader()
  return new Promise(resolve => {
    output.on('data', (chunk: Buffer) => {
      reader.push(chunk)
      try {
        for (let frame = reader.read(); frame; frame = reader.read()) {
          const packet = decodeFrame(frame)
          const facts = capturedPacket(packet)
          if (facts) onPacket(frame, facts, Buffer.from(frame.bytes.subarray(packet.ipOffset)))
        }
      } catch (error) {
        if (!(error instanceof PcapError)) throw error
        output.removeAllListeners('data').resume()
        resolve(`tcpdump writes what cannot be read: ${error.message}`)
      }
    })
  })
}

/** Why there is no capture: what any capture lacks here, or what tcpdump said to this one. */
const reasonOf = (said: string): string =>
  missing('tcpdump') ?? `tcpdump ended: ${said.replace(/^tcpdump: /, '')}`
