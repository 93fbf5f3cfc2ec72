/** Packets made by hand, for what no kernel would send, or not at once. */

/** What stands in the checksum field: the right sum, a wrong one, the pseudo-header's only, or 0. */
export type Sum = 'good' | 'bad' | 'offloaded' | 'absent'

const concat = (...parts: readonly Uint8Array[]): Buffer => Buffer.concat(parts)

function numbers(...fields: [bytes: number, value: number][]): Buffer {
  const buffer = Buffer.alloc(fields.reduce((sum, [bytes]) => sum + bytes, 0))
  let at = 0
  for (const [bytes, value] of fields) at = buffer.writeUIntBE(value, at, bytes)
  return buffer
}

/** The sum of RFC 1071, written unlike the decoder's: 32 bits, folded at the end. */
function sumOf(bytes: Buffer): number {
  const even = bytes.length % 2 === 0 ? bytes : concat(bytes, Buffer.alloc(1))
  let sum = 0
  for (let at = 0; at < even.length; at += 2) sum += even.readUInt16BE(at)
  while (sum >> 16) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}

/** Addresses of both ends, and how what they send is summed up. */
export interface Path {
  source: Buffer
  destination: Buffer
  sum: Sum
}

/** Addresses of four bytes, or of 16. */
export const IPV4: Path = {
  source: Buffer.from([192, 0, 2, 1]),
  destination: Buffer.from([198, 51, 100, 2]),
  sum: 'good',
}
export const IPV6: Path = {
  source: Buffer.from('20010db8000000000000000000000001', 'hex'),
  destination: Buffer.from('20010db8000100000000000200000003', 'hex'),
  sum: 'good',
}

/** Puts the checksum into bytes 0 and 1 of where `at` says. */
function summed(path: Path, protocol: number, message: Buffer, at: number): Buffer {
  const { source, destination, sum } = path
  const tail: [number, number][] = [
    [4, message.length],
    [4, protocol],
  ]
  const pseudo = protocol === 1 ? Buffer.alloc(0) : concat(source, destination, numbers(...tail))
  const right = 0xffff - sumOf(concat(pseudo, message))
  const stands = { good: right, bad: right ^ 0x0101, offloaded: sumOf(pseudo), absent: 0 }[sum]
  message.writeUInt16BE(stands, at)
  return message
}

export interface TcpFields {
  sourcePort: number
  destinationPort: number
  seq: number
  ack: number
  /** Nine bits. */
  flags: number
  window: number
  urgentPointer: number
  /** Up to 40 bytes; padded with zeros to a multiple of 4. */
  options: Uint8Array
  payload: Uint8Array
}

export function tcp(path: Path, fields: Partial<TcpFields>): Buffer {
  const { sourcePort = 7001, destinationPort = 7002, seq = 1, ack = 0, flags = 2 } = fields
  const { window = 64, urgentPointer = 0, options = [], payload = Buffer.alloc(0) } = fields
  const padded = concat(Buffer.from(options), Buffer.alloc((4 - (options.length % 4)) % 4))
  const header = numbers(
    ...([
      [2, sourcePort],
      [2, destinationPort],
      [4, seq],
      [4, ack],
      [2, ((20 + padded.length) / 4) * 4096 + flags],
      [2, window],
      [2, 0],
      [2, urgentPointer],
    ] as [number, number][]),
  )
  return summed(path, 6, concat(header, padded, payload), 16)
}

/** `length`: what the header says, where that is not how long it is. */
export function udp(path: Path, payload: Uint8Array, length = payload.length + 8): Buffer {
  const header = numbers([2, 7003], [2, 7004], [2, length], [2, 0])
  return summed(path, 17, concat(header, payload), 6)
}

/** `rest`: the second four bytes of the header, and what is behind it. */
export function icmp(path: Path, type: number, code: number, rest: Uint8Array): Buffer {
  const protocol = path.source.length === 4 ? 1 : 58
  return summed(path, protocol, concat(numbers([1, type], [1, code], [2, 0]), rest), 2)
}

export interface IpFields {
  /** The byte with DSCP and ECN. */
  tos: number
  id: number
  ttl: number
  /** IPv4: DF, MF and the offset, 16 bits. */
  fragment: number
  options: Uint8Array
  /** The total length, where it is not the right one. */
  length: number
  sum: Sum
  /** IPv6. */
  flowLabel: number
  /** IPv6: extension headers, each without its first byte; that names what comes behind it. */
  extensions: readonly { protocol: number; rest: Uint8Array }[]
}

export const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const

export function ip(
  path: Path,
  protocol: number,
  payload: Uint8Array,
  fields: Partial<IpFields> = {},
): Buffer {
  return path.source.length === 4
    ? ipv4(path, protocol, payload, fields)
    : ipv6(path, protocol, payload, fields)
}

function ipv4(path: Path, protocol: number, payload: Uint8Array, fields: Partial<IpFields>) {
  const { tos = 0, id = 7, ttl = 64, fragment = 0x4000, options = [], sum = 'good' } = fields
  const padded = concat(Buffer.from(options), Buffer.alloc((4 - (options.length % 4)) % 4))
  const headerBytes = 20 + padded.length
  const header = concat(
    numbers([1, 0x40 + headerBytes / 4], [1, tos]),
    numbers([2, fields.length ?? headerBytes + payload.length], [2, id], [2, fragment]),
    numbers([1, ttl], [1, protocol], [2, 0]),
    ...[path.source, path.destination, padded],
  )
  const right = 0xffff - sumOf(header)
  header.writeUInt16BE(sum === 'good' ? right : right ^ 0x0101, 10)
  return concat(header, payload)
}

function ipv6(path: Path, protocol: number, payload: Uint8Array, fields: Partial<IpFields>) {
  const { tos = 0, ttl = 64, flowLabel = 0, extensions = [] } = fields
  const chain = [...extensions.map(extension => extension.protocol), protocol]
  const headers = concat(
    ...extensions.map(({ rest }, at) => concat(numbers([1, chain[at + 1]!]), rest)),
  )
  const length = fields.length ?? headers.length + payload.length
  return concat(
    numbers([4, 0x60000000 + tos * 0x100000 + flowLabel], [2, length], [1, chain[0]!], [1, ttl]),
    ...[path.source, path.destination, headers, payload],
  )
}

/** A frame of each link type that can be decoded, around a packet of IP. */
export const LINKS: Record<string, { linkType: number; wrap: (packet: Buffer) => Buffer }> = {
  'BSD loopback, little-endian': {
    linkType: 0,
    wrap: packet => concat(Buffer.from([isIpv4(packet) ? 2 : 30, 0, 0, 0]), packet),
  },
  'BSD loopback, big-endian': {
    linkType: 0,
    wrap: packet => concat(Buffer.from([0, 0, 0, isIpv4(packet) ? 2 : 24]), packet),
  },
  Ethernet: {
    linkType: 1,
    wrap: packet => concat(Buffer.alloc(12, 2), numbers([2, etherType(packet)]), packet),
  },
  'Ethernet with a short frame padded': {
    linkType: 1,
    wrap: packet => {
      const frame = concat(Buffer.alloc(12, 2), numbers([2, etherType(packet)]), packet)
      return concat(frame, Buffer.alloc(Math.max(0, 60 - frame.length)))
    },
  },
  'Ethernet with two VLAN tags': {
    linkType: 1,
    wrap: packet => {
      const tags = numbers([2, 0x88a8], [2, 0x2005], [2, 0x8100], [2, 0x0006])
      return concat(Buffer.alloc(12, 2), tags, numbers([2, etherType(packet)]), packet)
    },
  },
  'raw IP': { linkType: 101, wrap: packet => packet },
  'OpenBSD loopback': {
    linkType: 108,
    wrap: packet => concat(numbers([4, isIpv4(packet) ? 2 : 24]), packet),
  },
  'Linux cooked': {
    linkType: 113,
    wrap: packet => {
      const header = numbers([2, 4], [2, 1], [2, 6], [4, 0x02020202], [4, 0x02020000])
      return concat(header, numbers([2, etherType(packet)]), packet)
    },
  },
  'Linux cooked, version 2': {
    linkType: 276,
    wrap: packet => {
      const header = numbers([2, etherType(packet)], [2, 0], [4, 9], [2, 1], [1, 4], [1, 6])
      return concat(header, Buffer.alloc(8, 2), packet)
    },
  },
}

const isIpv4 = (packet: Buffer): boolean => packet[0]! >> 4 === 4
const etherType = (packet: Buffer): number => (isIpv4(packet) ? 0x0800 : 0x86dd)

/** A frame with the time it was seen at, and how many bytes there were on the wire. */
export interface Frame {
  bytes: Uint8Array
  timeNs?: bigint
  bytesOnWire?: number
}

export interface FileOptions {
  littleEndian?: boolean
  nanoseconds?: boolean
}

/** A capture file of frames. */
export function pcapFile(
  linkType: number,
  frames: readonly Frame[],
  { littleEndian = true, nanoseconds = true }: FileOptions = {},
): Buffer {
  const word = (...values: number[]): Buffer => {
    const buffer = Buffer.alloc(values.length * 4)
    for (const [at, value] of values.entries())
      if (littleEndian) buffer.writeUInt32LE(value, at * 4)
      else buffer.writeUInt32BE(value, at * 4)
    return buffer
  }
  const version = Buffer.from(littleEndian ? [2, 0, 4, 0] : [0, 2, 0, 4])
  const magic = word(nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4)
  const records = frames.map(({ bytes, timeNs = 0n, bytesOnWire = bytes.length }) => {
    const fraction = Number(timeNs % 1_000_000_000n)
    const shown = nanoseconds ? fraction : Math.floor(fraction / 1000)
    const seconds = Number(timeNs / 1_000_000_000n)
    return concat(word(seconds, shown, bytes.length, bytesOnWire), bytes)
  })
  return concat(magic, version, word(0, 0, 262_144, linkType), ...records)
}
