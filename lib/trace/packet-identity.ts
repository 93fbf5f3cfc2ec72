import { onesComplementSum } from './ones-complement-sum.ts'

/** Where in a packet the fields stand that this is about. */
interface Layout {
  isIpv4: boolean
  headerBytes: number
  /** Of TCP and UDP, where it is in this packet: in all but later fragments. */
  checksumAt?: number
}

const CHECKSUM_AT: Record<number, number> = { 6: 16, 17: 6 }

function layoutOf(bytes: Uint8Array): Layout {
  const isIpv4 = bytes[0]! >> 4 === 4
  const headerBytes = isIpv4 ? (bytes[0]! & 0xf) * 4 : 40
  const isFirst = !isIpv4 || (word(bytes, 6) & 0x1fff) === 0
  const inside = CHECKSUM_AT[bytes[isIpv4 ? 9 : 6] ?? 0]
  if (!isFirst || inside === undefined) return { isIpv4, headerBytes }
  return { isIpv4, headerBytes, checksumAt: headerBytes + inside }
}

/** A copy with zeros for what a router may change; `without`: and for a checksum there. */
function steady(bytes: Uint8Array, { isIpv4 }: Layout, without?: number): Uint8Array {
  const copy = bytes.slice()
  // The two bits of ECN (RFC 3168 §5), TTL or hop limit, and the checksum over the header.
  copy[1]! &= isIpv4 ? 0xfc : 0xcf
  copy[isIpv4 ? 8 : 7] = 0
  if (isIpv4) copy.fill(0, 10, 12)
  if (without !== undefined) copy.fill(0, without, without + 2)
  return copy
}

/**
 * By what a packet is known wherever it is seen, given from its IP header on: all of its bytes but those
 * that are changed on the way, and the checksum of TCP or UDP, which may be filled in on the way.
 */
export function packetIdentity(bytes: Uint8Array): string {
  const layout = layoutOf(bytes)
  return new TextDecoder('latin1').decode(steady(bytes, layout, layout.checksumAt))
}

/**
 * In how many bits a packet arrived other than it was sent; more than `limit` is not counted to its end.
 *
 * What routers change does not count, nor does a checksum that was sent unfinished. Where the
 * header's own checksum is wrong only on arrival, at least one bit was changed.
 */
export function corruptedBits(sent: Uint8Array, arrived: Uint8Array, limit: number): number {
  if (sent.length !== arrived.length) return Number.POSITIVE_INFINITY
  const layout = layoutOf(sent)
  const unfinished = isUnfinished(sent, layout) ? layout.checksumAt : undefined
  const [before, after] = [sent, arrived].map(bytes => steady(bytes, layout, unfinished))
  let bits = 0
  for (const [at, byte] of before!.entries()) {
    for (let rest = byte ^ after![at]!; rest !== 0; rest &= rest - 1) bits++
    if (bits > limit) return bits
  }
  return Math.max(bits, hasGoodHeader(sent, layout) && !hasGoodHeader(arrived, layout) ? 1 : 0)
}

/** Whether the header of IPv4 agrees with its checksum. IPv6 has none. */
const hasGoodHeader = (bytes: Uint8Array, { isIpv4, headerBytes }: Layout): boolean =>
  !isIpv4 || onesComplementSum(bytes.subarray(0, headerBytes)) === 0xffff

/**
 * Whether the checksum covers the pseudo-header only: the kernel leaves the rest to the network
 * interface (RFC 9293 §3.1, RFC 8200 §8.1).
 */
function isUnfinished(bytes: Uint8Array, { isIpv4, headerBytes, checksumAt }: Layout): boolean {
  if (checksumAt === undefined) return false
  const addresses = isIpv4 ? bytes.subarray(12, 20) : bytes.subarray(8, 40)
  const length = isIpv4 ? word(bytes, 2) - headerBytes : word(bytes, 4)
  const protocol = bytes[isIpv4 ? 9 : 6]!
  return word(bytes, checksumAt) === onesComplementSum(addresses, length + protocol)
}

const word = (bytes: Uint8Array, at: number): number => bytes[at]! * 256 + bytes[at + 1]!
