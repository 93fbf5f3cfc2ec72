import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '#lib/catalogue/index.ts'
import { decodeFrame, type Packet } from '#lib/kernel/decode-frame.ts'
import type { PacketEvent, Recording } from '#lib/trace/recording.ts'

/** Recordings have no bytes. Of these examples, the client's first packet with a payload is kept. */
const FILES: Record<string, string> = {
  '01/tcp': 'chapters/01-socket/first-segment.json',
  '03/echo': 'chapters/03-udp/first-datagram.json',
}

/** One packet as it was captured, and where. */
interface Kept {
  example: string
  kernel: string
  node: string
  date: string
  linkType: number
  /** In hexadecimal, with a space between two bytes. */
  bytes: string
}

/** A packet with all its bytes, and what they mean. */
export interface Captured {
  bytes: Uint8Array
  packet: Packet
}

/**
 * The file that keeps a packet of this run; undefined for an example of which none is kept.
 *
 * @throws {Error} when the run had no such packet.
 */
export function capturedText(
  { example, kernel, node, date }: Recording['meta'],
  packets: readonly PacketEvent[],
): { name: string; text: string } | undefined {
  const name = FILES[example]
  if (name === undefined) return undefined
  const frame = packets.find(({ end, len }) => end === 'client' && len > 0)?.frame
  if (!frame) throw new Error(`${example}: no packet of the client with a payload was captured`)
  const bytes = Buffer.from(frame.bytes)
    .toString('hex')
    .replaceAll(/..(?=.)/g, '$& ')
  const kept: Kept = { example, kernel, node, date, linkType: frame.linkType, bytes }
  return { name, text: `${JSON.stringify(kept, null, 2)}\n` }
}

/** The packet that is kept of an example. */
export function readCaptured(example: string): Captured {
  const kept: Kept = JSON.parse(readFileSync(join(ROOT, FILES[example] ?? ''), 'utf8'))
  const bytes = Buffer.from(kept.bytes.replaceAll(' ', ''), 'hex')
  const frame = { linkType: kept.linkType, bytes, bytesOnWire: bytes.length }
  return { bytes, packet: decodeFrame(frame) }
}
