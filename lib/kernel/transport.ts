import {
  type ChecksumVerdict,
  checksumVerdict,
  type PseudoHeader,
  plainVerdict,
} from './checksum.ts'
import { DecodeError, type PacketBytes } from './packet-bytes.ts'
import { decodeTcpOptions, type TcpOption } from './tcp-options.ts'

/** The nine flags of TCP (RFC 9293 §3.1; AE: RFC 9768). */
export const TCP_FLAG = {
  fin: 0x001,
  syn: 0x002,
  rst: 0x004,
  psh: 0x008,
  ack: 0x010,
  urg: 0x020,
  ece: 0x040,
  cwr: 0x080,
  ae: 0x100,
} as const

/** A segment: its header, and how much it carries. */
export interface TcpSegment {
  protocol: 'tcp'
  sourcePort: number
  destinationPort: number
  seq: number
  /** Only a number of the peer where the ACK flag is set. */
  ack: number
  headerBytes: number
  /** A sum of `TCP_FLAG`s. */
  flags: number
  /** As sent: not yet scaled. */
  window: number
  checksum: number
  checksumVerdict: ChecksumVerdict
  urgentPointer: number
  options: TcpOption[]
  /** Where an option begins that cannot be right: a byte of the options. */
  badOptionAt?: number
  /** Not all options were captured: there may be more. */
  optionsCut?: true
  /** Bytes of payload that it had. */
  payloadBytes: number
  /** Those of them that were captured. */
  payload: Uint8Array
}

/** A datagram of UDP; of one that is fragmented, the first fragment. */
export interface UdpDatagram {
  protocol: 'udp'
  sourcePort: number
  destinationPort: number
  /** As its header says: with its 8 bytes. */
  lengthBytes: number
  checksum: number
  checksumVerdict: ChecksumVerdict
  /** Bytes of payload of the whole datagram. */
  payloadBytes: number
  /** Those of them that were captured in this packet. */
  payload: Uint8Array
}

/** A message of ICMP or ICMPv6. */
export interface IcmpMessage {
  protocol: 'icmp' | 'icmpv6'
  type: number
  code: number
  checksum: number
  checksumVerdict: ChecksumVerdict
  /** Of an echo request or reply. */
  echo?: { id: number; seq: number }
  /** Of "too big": so many bytes can pass. */
  mtu?: number
  /** Of an error: the beginning of the packet that it is about. */
  quoted?: PacketBytes
}

/** @throws {DecodeError} */
export function decodeTcp(bytes: PacketBytes, pseudo: PseudoHeader): TcpSegment {
  bytes.need(20, 'TCP header')
  const word = bytes.u16(12)
  const headerBytes = (word >> 12) * 4
  if (headerBytes < 20) {
    const what = `TCP header length of ${headerBytes} bytes`
    throw new DecodeError('malformed', what, bytes.offset + 12)
  }
  if (headerBytes > bytes.length) bytes.need(headerBytes, 'options of TCP')
  const isCut = headerBytes > bytes.captured
  const { options, badAt } = decodeTcpOptions(bytes.slice(20, headerBytes))
  return {
    protocol: 'tcp',
    sourcePort: bytes.u16(0),
    destinationPort: bytes.u16(2),
    seq: bytes.u32(4),
    ack: bytes.u32(8),
    headerBytes,
    flags: word & 0x1ff,
    window: bytes.u16(14),
    checksum: bytes.u16(16),
    checksumVerdict: checksumVerdict(bytes, 16, pseudo),
    urgentPointer: bytes.u16(18),
    options,
    ...(isCut ? { optionsCut: true } : badAt !== undefined && { badOptionAt: badAt }),
    payloadBytes: bytes.length - headerBytes,
    payload: bytes.slice(headerBytes),
  }
}

/** @throws {DecodeError} */
export function decodeUdp(bytes: PacketBytes, pseudo: PseudoHeader): UdpDatagram {
  bytes.need(8, 'UDP header')
  const said = bytes.u16(4)
  if (said > 0 && said < 8) {
    throw new DecodeError('malformed', `UDP length of ${said} bytes`, bytes.offset + 4)
  }
  // 0: longer than the field can say (RFC 2675).
  const lengthBytes = said === 0 ? bytes.length : said
  const checksum = bytes.u16(6)
  const isWhole = lengthBytes <= bytes.length
  const datagram = bytes.from(0, Math.min(lengthBytes, bytes.length))
  const verdict = checksumVerdict(datagram, 6, { ...pseudo, complete: pseudo.complete && isWhole })
  const isIpv4 = pseudo.addresses.length === 8
  return {
    protocol: 'udp',
    sourcePort: bytes.u16(0),
    destinationPort: bytes.u16(2),
    lengthBytes: said,
    checksum,
    // In IPv6 it is not allowed to be absent (RFC 8200 §8.1).
    checksumVerdict: checksum === 0 ? (isIpv4 ? 'absent' : 'bad') : verdict,
    payloadBytes: lengthBytes - 8,
    payload: datagram.slice(8),
  }
}

const ICMP = { echoReply: 0, unreachable: 3, echo: 8, fragmentationNeeded: 4 } as const
const ICMP_ERRORS: ReadonlySet<number> = new Set([3, 4, 5, 11, 12])
const ICMPV6 = { tooBig: 2, echo: 128, echoReply: 129 } as const
/** Types below this are errors (RFC 4443 §2.1). */
const ICMPV6_INFORMATIONAL = 128

/** @throws {DecodeError} */
export function decodeIcmp(bytes: PacketBytes, pseudo: PseudoHeader): IcmpMessage {
  bytes.need(8, 'ICMP message')
  const [type, code] = [bytes.u8(0), bytes.u8(1)]
  const complete = pseudo.complete && bytes.captured === bytes.length
  const isTooBig = type === ICMP.unreachable && code === ICMP.fragmentationNeeded
  return {
    protocol: 'icmp',
    type,
    code,
    checksum: bytes.u16(2),
    checksumVerdict: plainVerdict(bytes.slice(0), complete),
    ...((type === ICMP.echo || type === ICMP.echoReply) && { echo: echoOf(bytes) }),
    ...(isTooBig && { mtu: bytes.u16(6) }),
    ...(ICMP_ERRORS.has(type) && { quoted: bytes.from(8) }),
  }
}

/** @throws {DecodeError} */
export function decodeIcmpv6(bytes: PacketBytes, pseudo: PseudoHeader): IcmpMessage {
  bytes.need(8, 'ICMPv6 message')
  const [type, code] = [bytes.u8(0), bytes.u8(1)]
  return {
    protocol: 'icmpv6',
    type,
    code,
    checksum: bytes.u16(2),
    checksumVerdict: checksumVerdict(bytes, 2, pseudo),
    ...((type === ICMPV6.echo || type === ICMPV6.echoReply) && { echo: echoOf(bytes) }),
    ...(type === ICMPV6.tooBig && { mtu: bytes.u32(4) }),
    ...(type < ICMPV6_INFORMATIONAL && { quoted: bytes.from(8) }),
  }
}

const echoOf = (bytes: PacketBytes) => ({ id: bytes.u16(4), seq: bytes.u16(6) })

/** Flags as tcpdump writes them: `S`, `S.`, `P.`, `none`; E is ECE, W is CWR, e is AE. */
export function tcpFlagsText(flags: number): string {
  const letters: [number, string][] = [
    [TCP_FLAG.fin, 'F'],
    [TCP_FLAG.syn, 'S'],
    [TCP_FLAG.rst, 'R'],
    [TCP_FLAG.psh, 'P'],
    [TCP_FLAG.ack, '.'],
    [TCP_FLAG.urg, 'U'],
    [TCP_FLAG.ece, 'E'],
    [TCP_FLAG.cwr, 'W'],
    [TCP_FLAG.ae, 'e'],
  ]
  const set = letters.filter(([flag]) => (flags & flag) !== 0).map(([, letter]) => letter)
  return set.join('') || 'none'
}
