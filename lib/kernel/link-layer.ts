import { DecodeError, type PacketBytes } from './packet-bytes.ts'

/** What the link layer says of a packet, whichever kind of link it is. */
export interface Link {
  kind: 'ethernet' | 'loopback' | 'raw-ip' | 'linux-cooked' | 'linux-cooked-v2'
  /** EtherType of what it carries: 0x0800 for IPv4, 0x86dd for IPv6. Missing where it is no EtherType. */
  etherType?: number
  /** VLANs, the outermost first (IEEE 802.1Q). */
  vlans: number[]
  /** Linux cooked: `in` for this host, `out` from it. */
  direction?: 'in' | 'out' | 'broadcast' | 'multicast' | 'other'
  /** Linux cooked, version 2: the number of the interface. */
  interfaceIndex?: number
}

export const ETHER_TYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const
/** Below that, the field is a length (IEEE 802.3). */
const LEAST_ETHER_TYPE = 0x0600
const VLAN_TAGS: ReadonlySet<number> = new Set([0x8100, 0x88a8, 0x9100])
/** AF_INET is 2 everywhere; AF_INET6 is 10 on Linux, and another number on each BSD and on macOS. */
const FAMILIES = new Map<number, number>([
  [2, ETHER_TYPE.ipv4],
  ...[10, 24, 28, 30].map((family): [number, number] => [family, ETHER_TYPE.ipv6]),
])
const DIRECTIONS = ['in', 'broadcast', 'multicast', 'other', 'out'] as const

/** Link types that can be decoded, by their numbers in capture files. */
const DECODERS: Record<number, (bytes: PacketBytes) => { link: Link; payload: PacketBytes }> = {
  0: bytes => loopback(bytes, hostOrder),
  1: ethernet,
  12: rawIp,
  14: rawIp,
  101: rawIp,
  108: bytes => loopback(bytes, () => bytes.u32(0)),
  113: linuxCooked,
  228: rawIp,
  229: rawIp,
  276: linuxCookedV2,
}

/**
 * Reads the header of the link layer: Ethernet, BSD loopback (NULL and LOOP), Linux cooked (SLL and
 * SLL2), or none at all (raw IP).
 *
 * @throws {DecodeError} when it is cut, or of another kind.
 * @see https://www.tcpdump.org/linktypes.html
 */
export function decodeLink(
  linkType: number,
  bytes: PacketBytes,
): { link: Link; payload: PacketBytes } {
  const decode = DECODERS[linkType]
  if (!decode) throw new DecodeError('malformed', `unknown link type ${linkType}`, bytes.offset)
  return decode(bytes)
}

function ethernet(bytes: PacketBytes): { link: Link; payload: PacketBytes } {
  bytes.need(14, 'Ethernet header')
  return tagged({ kind: 'ethernet', vlans: [] }, bytes, 12)
}

/** Skips the tags of VLANs, which stand before the EtherType. */
function tagged(link: Link, bytes: PacketBytes, at: number): { link: Link; payload: PacketBytes } {
  const vlans: number[] = []
  let next = at
  while (VLAN_TAGS.has(bytes.u16(next))) {
    bytes.need(next + 6, 'VLAN tag')
    vlans.push(bytes.u16(next + 2) & 0x0fff)
    next += 4
  }
  const etherType = bytes.u16(next)
  const known = etherType < LEAST_ETHER_TYPE ? {} : { etherType }
  return { link: { ...link, vlans, ...known }, payload: bytes.from(next + 2) }
}

function rawIp(bytes: PacketBytes): { link: Link; payload: PacketBytes } {
  bytes.need(1, 'IP header')
  const version = bytes.u8(0) >> 4
  const etherType = { 4: ETHER_TYPE.ipv4, 6: ETHER_TYPE.ipv6 }[version]
  const known = etherType === undefined ? {} : { etherType }
  return { link: { kind: 'raw-ip', vlans: [], ...known }, payload: bytes }
}

/** NULL: the family in the byte order of the machine that captured. It is a small number in one of the two. */
function hostOrder(bytes: PacketBytes): number {
  const family = bytes.u32(0)
  return family > 0xffff ? bytes.u32LittleEndian(0) : family
}

function loopback(
  bytes: PacketBytes,
  family: (bytes: PacketBytes) => number,
): { link: Link; payload: PacketBytes } {
  bytes.need(4, 'loopback header')
  const etherType = FAMILIES.get(family(bytes))
  const known = etherType === undefined ? {} : { etherType }
  return { link: { kind: 'loopback', vlans: [], ...known }, payload: bytes.from(4) }
}

function linuxCooked(bytes: PacketBytes): { link: Link; payload: PacketBytes } {
  bytes.need(16, 'Linux cooked header')
  const direction = DIRECTIONS[bytes.u16(0)]
  const link: Link = { kind: 'linux-cooked', vlans: [], ...(direction && { direction }) }
  return tagged(link, bytes, 14)
}

function linuxCookedV2(bytes: PacketBytes): { link: Link; payload: PacketBytes } {
  bytes.need(20, 'Linux cooked header')
  const etherType = bytes.u16(0)
  const direction = DIRECTIONS[bytes.u8(10)]
  const link: Link = {
    kind: 'linux-cooked-v2',
    vlans: [],
    ...(etherType < LEAST_ETHER_TYPE ? {} : { etherType }),
    ...(direction && { direction }),
    interfaceIndex: bytes.u32(4),
  }
  return { link, payload: bytes.from(20) }
}
