import { onesComplementSum } from '#lib/trace/ones-complement-sum.ts'
import type { PacketBytes } from './packet-bytes.ts'

/**
 * What a checksum proves.
 *
 * - `good`, `bad`: it was computed again.
 * - `offloaded`: only the sum of the pseudo-header stands there. The kernel leaves the rest to the
 *   network card, and on loopback to nobody: the packet has not been on a wire when it is captured.
 * - `absent`: a datagram over IPv4 without one (RFC 768).
 * - `unverifiable`: not all bytes that it covers are there.
 */
export type ChecksumVerdict = 'good' | 'bad' | 'offloaded' | 'absent' | 'unverifiable'

/** Addresses and lengths that a checksum covers besides the packet itself (RFC 9293 §3.1, RFC 8200 §8.1). */
export interface PseudoHeader {
  /** Both addresses, as they are on the wire. */
  addresses: Uint8Array
  protocol: number
  /** False for a fragment, and where the address in the header is not that of the destination. */
  complete: boolean
}

/** The verdict on the checksum of a segment, a datagram, or a message of ICMPv6. */
export function checksumVerdict(
  bytes: PacketBytes,
  at: number,
  pseudo: PseudoHeader,
): ChecksumVerdict {
  const { addresses, protocol, complete } = pseudo
  const sum = bytes.u16(at)
  if (!complete) return 'unverifiable'
  // 32 bits of length: two times 16, of which the upper ones are 0 below 64 KiB.
  const lengths = Math.floor(bytes.length / 0x10000) + (bytes.length % 0x10000)
  const header = onesComplementSum(addresses, lengths + protocol)
  if (bytes.captured === bytes.length) {
    const total = onesComplementSum(bytes.slice(0), header)
    // All ones: as it has to be.
    if (total === 0xffff) return 'good'
  }
  // Also where the packet is cut: this sum covers nothing of it.
  if (sum === header) return 'offloaded'
  return bytes.captured === bytes.length ? 'bad' : 'unverifiable'
}

/** The verdict on a checksum that covers nothing but the bytes given. */
export function plainVerdict(bytes: Uint8Array, complete: boolean): ChecksumVerdict {
  if (!complete) return 'unverifiable'
  return onesComplementSum(bytes) === 0xffff ? 'good' : 'bad'
}
