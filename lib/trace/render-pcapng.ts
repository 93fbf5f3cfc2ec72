/**
 * The pcapng format, which Wireshark opens: blocks, each with its length before and behind it.
 *
 *     block    type:4  length:4  body  options  length:4
 *     option   code:2  length:2  value, filled up to a multiple of 4
 *
 * A section header comes first, then the interfaces, then the packets.
 *
 * @see https://datatracker.ietf.org/doc/draft-ietf-opsawg-pcapng/
 */
import type { CapturedFrame } from './captured-frame.ts'
import { LANE_NAMES } from './lanes.ts'
import type { Recording, TraceEvent } from './recording.ts'

/** An event, and of a packet the frame as it was captured. */
type CapturedEvent = TraceEvent & { frame?: CapturedFrame }

/** A packet, and what was seen in other lanes before it; behind the last one, also after it. */
interface Commented {
  frame: CapturedFrame
  tNs: number
  before: TraceEvent[]
}

const SECTION_HEADER = 0x0a0d0d0a
const BYTE_ORDER = 0x1a2b3c4d
const INTERFACE = 1
const ENHANCED_PACKET = 6
const OPTION = { end: 0, comment: 1, name: 2, system: 3, application: 4, resolution: 9 } as const
/** Of a section that is written without knowing how long it will be. */
const UNKNOWN_LENGTH = [0xffffffff, 0xffffffff]
const MAX_OPTION_BYTES = 0xffff

export interface Pcapng {
  bytes: Uint8Array
  packets: number
  comments: number
}

/**
 * Writes the packets of a run as a pcapng file. What the other lanes saw stands in comments: each
 * at the packet that came next, because it may be its cause, and behind the last packet at that one.
 *
 * `events` are in the order of time. Packets without a frame are left out.
 */
export function renderPcapng(
  { example, kernel, node, captures }: Recording['meta'],
  events: readonly CapturedEvent[],
): Pcapng {
  const packets = commented(events)
  const comments = packets.map(({ tNs, before }) => before.map(event => commentOf(event, tNs)))
  const linkTypes = [...new Set(packets.map(({ frame }) => frame.linkType))]
  const bytes = joined([
    block(
      SECTION_HEADER,
      [words(BYTE_ORDER), shorts(1, 0), words(...UNKNOWN_LENGTH)],
      [
        option(OPTION.comment, `npm run trace -- ${example}, ${node}`),
        option(OPTION.system, kernel),
        option(OPTION.application, 'socket-tutorial-kit'),
      ],
    ),
    ...linkTypes.map(linkType =>
      block(
        INTERFACE,
        [shorts(linkType, 0), words(0)],
        [
          option(OPTION.name, captures[0]?.interface ?? 'lo'),
          // Of the time: 10⁻⁹ seconds.
          option(OPTION.resolution, Uint8Array.of(9)),
        ],
      ),
    ),
    ...packets.map(({ frame }, at) =>
      packetBlock(frame, linkTypes.indexOf(frame.linkType), comments[at]!),
    ),
  ])
  return { bytes, packets: packets.length, comments: comments.flat().length }
}

function commented(events: readonly CapturedEvent[]): Commented[] {
  const packets: Commented[] = []
  let before: TraceEvent[] = []
  for (const event of events) {
    if (event.lane !== 'packet') before.push(event)
    else if (event.frame) {
      packets.push({ frame: event.frame, tNs: event.tNs, before })
      before = []
    }
  }
  packets.at(-1)?.before.push(...before)
  return packets
}

/** `client syscalls, 0.213 ms before: shutdown(19, SHUT_WR) = 0: "I have nothing more to send"`. */
function commentOf({ end, lane, tNs, text, means }: TraceEvent, packetNs: number): string {
  const distance = `${(Math.abs(tNs - packetNs) / 1e6).toFixed(3)} ms`
  const when = `${distance} ${tNs > packetNs ? 'after' : 'before'}`
  return `${end} ${LANE_NAMES[lane]}, ${when}: ${text}${means === undefined ? '' : `: ${means}`}`
}

function packetBlock(frame: CapturedFrame, port: number, comments: readonly string[]): Uint8Array {
  const { timeNs, bytes, bytesOnWire } = frame
  const [high, low] = [Number(timeNs >> 32n), Number(timeNs & 0xffffffffn)]
  const header = words(port, high, low, bytes.length, bytesOnWire)
  return block(
    ENHANCED_PACKET,
    [header, filled(bytes)],
    comments.map(comment => option(OPTION.comment, comment)),
  )
}

function block(
  type: number,
  body: readonly Uint8Array[],
  options: readonly Uint8Array[],
): Uint8Array {
  const end = options.length > 0 ? [option(OPTION.end, '')] : []
  const content = joined([...body, ...options, ...end])
  const length = content.length + 12
  return joined([words(type, length), content, words(length)])
}

function option(code: number, value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === 'string' ? new TextEncoder().encode(value) : value
  // A text that is too long is cut between two characters.
  let length = Math.min(bytes.length, MAX_OPTION_BYTES)
  while (length < bytes.length && (bytes[length]! & 0xc0) === 0x80) length--
  return joined([shorts(code, length), filled(bytes.subarray(0, length))])
}

/** With zeros up to a multiple of four bytes. */
function filled(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / 4) * 4)
  whole.set(bytes)
  return whole
}

function words(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 4))
  for (const [at, value] of values.entries()) view.setUint32(at * 4, value, true)
  return new Uint8Array(view.buffer)
}

function shorts(...values: number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(values.length * 2))
  for (const [at, value] of values.entries()) view.setUint16(at * 2, value, true)
  return new Uint8Array(view.buffer)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
