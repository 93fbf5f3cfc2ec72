import { type ChecksumVerdict, type PseudoHeader, plainVerdict } from './checksum.ts'
import { ipv4Text, ipv6Text } from './ip-address.ts'
import { DecodeError, type PacketBytes } from './packet-bytes.ts'

/** Which part of a datagram a fragment is. */
interface Fragment {
  id: number
  /** Bytes of the datagram's payload before this part of it. */
  offsetBytes: number
  /** There are more behind it. */
  more: boolean
}

interface IpCommon {
  source: string
  destination: string
  /** Of what it carries, behind all extension headers: 6 for TCP, 17 for UDP. */
  protocol: number
  /** Differentiated services, and explicit congestion notification: 0 to 3 (RFC 3168). */
  dscp: number
  ecn: number
  /** As the header has it: 0 in a packet of more than 65535 bytes, which only a capture on its own host sees. */
  lengthBytes: number
  /** Missing in a datagram that came whole. */
  fragment?: Fragment
}

/** The header of IPv4 (RFC 791). */
export interface Ipv4 extends IpCommon {
  version: 4
  headerBytes: number
  id: number
  dontFragment: boolean
  ttl: number
  checksum: number
  checksumVerdict: ChecksumVerdict
  options: Uint8Array
}

/** The header of IPv6 and the extension headers behind it (RFC 8200). */
export interface Ipv6 extends IpCommon {
  version: 6
  flowLabel: number
  hopLimit: number
  /** The protocol number in the header itself: of the first extension header, where there are any. */
  nextHeader: number
  /** In their order; `protocol` is the number of each. */
  extensions: { protocol: number; bytes: Uint8Array }[]
}

export interface IpPayload {
  payload: PacketBytes
  pseudo: PseudoHeader
}

const LOOSE_SOURCE_ROUTE = 131
const STRICT_SOURCE_ROUTE = 137

/**
 * Reads a header of IPv4.
 *
 * @throws {DecodeError}
 */
export function decodeIpv4(bytes: PacketBytes): { ip: Ipv4 } & IpPayload {
  bytes.need(20, 'IPv4 header')
  const version = bytes.u8(0) >> 4
  if (version !== 4) throw new DecodeError('malformed', `IPv4 of version ${version}`, bytes.offset)
  const headerBytes = (bytes.u8(0) & 0x0f) * 4
  if (headerBytes < 20)
    throw new DecodeError('malformed', `IPv4 header length of ${headerBytes} bytes`, bytes.offset)
  bytes.need(headerBytes, 'options of IPv4')
  const lengthBytes = bytes.u16(2)
  if (lengthBytes > 0 && lengthBytes < headerBytes) {
    const what = `IPv4 total length of ${lengthBytes} bytes`
    throw new DecodeError('malformed', what, bytes.offset + 2)
  }
  const flags = bytes.u16(6)
  const [offsetBytes, more] = [(flags & 0x1fff) * 8, (flags & 0x2000) !== 0]
  const id = bytes.u16(4)
  const options = bytes.slice(20, headerBytes)
  const isFragment = offsetBytes > 0 || more
  const ip: Ipv4 = {
    version: 4,
    source: ipv4Text(bytes.slice(12, 16)),
    destination: ipv4Text(bytes.slice(16, 20)),
    protocol: bytes.u8(9),
    headerBytes,
    ...trafficClass(bytes.u8(1)),
    lengthBytes,
    id,
    dontFragment: (flags & 0x4000) !== 0,
    ...(isFragment && { fragment: { id, offsetBytes, more } }),
    ttl: bytes.u8(8),
    checksum: bytes.u16(10),
    checksumVerdict: plainVerdict(bytes.slice(0, headerBytes), true),
    options,
  }
  const payloadBytes = (lengthBytes === 0 ? bytes.length : lengthBytes) - headerBytes
  return { ip, ...payloadOf(bytes, headerBytes, payloadBytes, ip, isSourceRouted(options)) }
}

/** Whether the address in the header may be that of a router on the way. */
function isSourceRouted(options: Uint8Array): boolean {
  for (let at = 0; at < options.length && options[at] !== 0; ) {
    const kind = options[at]
    if (kind === LOOSE_SOURCE_ROUTE || kind === STRICT_SOURCE_ROUTE) return true
    at += kind === 1 ? 1 : Math.max(2, options[at + 1] ?? 0)
  }
  return false
}

const EXTENSION = { hopByHop: 0, routing: 43, fragment: 44, authentication: 51 } as const
/** All that have the common form: next header, length, and what belongs to each. */
const EXTENSIONS: ReadonlySet<number> = new Set([
  ...Object.values(EXTENSION),
  ...[60, 135, 139, 140],
])
const JUMBO_PAYLOAD = 0xc2

/** What the extension headers say. */
interface Extensions {
  list: Ipv6['extensions']
  protocol: number
  /** Where what they lead to begins. */
  at: number
  fragment: Fragment | undefined
  /** A routing header names further destinations: the last one stands in the pseudo-header. */
  routed: boolean
  /** The length of a packet of more than 65535 bytes (RFC 2675). */
  jumboBytes: number | undefined
}

/**
 * Reads a header of IPv6 and its extension headers.
 *
 * @throws {DecodeError}
 */
export function decodeIpv6(bytes: PacketBytes): { ip: Ipv6 } & IpPayload {
  bytes.need(40, 'IPv6 header')
  const first = bytes.u32(0)
  if (first >>> 28 !== 6)
    throw new DecodeError('malformed', `IPv6 of version ${first >>> 28}`, bytes.offset)
  const nextHeader = bytes.u8(6)
  const lengthBytes = bytes.u16(4)
  const extended = readExtensions(bytes, nextHeader)
  const { list, protocol, at, fragment, routed, jumboBytes } = extended
  const ip: Ipv6 = {
    version: 6,
    source: ipv6Text(bytes.slice(8, 24)),
    destination: ipv6Text(bytes.slice(24, 40)),
    protocol,
    ...trafficClass((first >>> 20) & 0xff),
    flowLabel: first & 0xfffff,
    lengthBytes,
    nextHeader,
    hopLimit: bytes.u8(7),
    extensions: list,
    ...(fragment && { fragment }),
  }
  // A packet made on this host may be longer than the field can say, and then has 0 there.
  const said = lengthBytes === 0 ? (jumboBytes ?? bytes.length - 40) : lengthBytes
  return { ip, ...payloadOf(bytes, at, 40 + said - at, ip, routed) }
}

function readExtensions(bytes: PacketBytes, first: number): Extensions {
  const found: Extensions = {
    list: [],
    protocol: first,
    at: 40,
    fragment: undefined,
    routed: false,
    jumboBytes: undefined,
  }
  // What stands behind the header of a later fragment is the middle of something.
  while (EXTENSIONS.has(found.protocol) && !found.fragment?.offsetBytes) {
    const { at, protocol } = found
    bytes.need(at + 8, 'IPv6 extension header')
    const units = bytes.u8(at + 1)
    const length =
      protocol === EXTENSION.fragment
        ? 8
        : protocol === EXTENSION.authentication
          ? (units + 2) * 4
          : (units + 1) * 8
    bytes.need(at + length, 'IPv6 extension header')
    if (protocol === EXTENSION.fragment) found.fragment = fragmentOf(bytes, at)
    if (protocol === EXTENSION.routing && bytes.u8(at + 3) > 0) found.routed = true
    if (protocol === EXTENSION.hopByHop && bytes.u16(at + 2) === JUMBO_PAYLOAD * 256 + 4)
      found.jumboBytes = bytes.u32(at + 4)
    found.list.push({ protocol, bytes: bytes.slice(at, at + length) })
    found.protocol = bytes.u8(at)
    found.at = at + length
  }
  return found
}

function fragmentOf(bytes: PacketBytes, at: number): Fragment | undefined {
  const field = bytes.u16(at + 2)
  const [offsetBytes, more] = [field & 0xfff8, (field & 1) !== 0]
  // An atomic fragment is all of the datagram (RFC 6946).
  if (offsetBytes === 0 && !more) return undefined
  return { id: bytes.u32(at + 4), offsetBytes, more }
}

const trafficClass = (byte: number) => ({ dscp: byte >> 2, ecn: byte & 3 })

function payloadOf(
  bytes: PacketBytes,
  at: number,
  length: number,
  { version, protocol, fragment }: Ipv4 | Ipv6,
  isRouted: boolean,
): IpPayload {
  const isThere = length <= bytes.length - at
  // What is longer than the frame is not all there; what is shorter is padded.
  const payload = bytes.from(at, isThere ? length : bytes.length - at)
  const addresses = version === 4 ? bytes.slice(12, 20) : bytes.slice(8, 40)
  const complete = isThere && fragment === undefined && !isRouted
  return { payload, pseudo: { addresses, protocol, complete } }
}
