import type { CapturedFrame } from '#lib/trace/captured-frame.ts'
import { decodeIpv4, decodeIpv6, type IpPayload, type Ipv4, type Ipv6 } from './ip.ts'
import { decodeLink, ETHER_TYPE, type Link } from './link-layer.ts'
import { DecodeError, PacketBytes, type Undecoded } from './packet-bytes.ts'
import {
  decodeIcmp,
  decodeIcmpv6,
  decodeTcp,
  decodeUdp,
  type IcmpMessage,
  type TcpSegment,
  type UdpDatagram,
} from './transport.ts'

/** What a packet is, from the outside in: as far as it could be decoded. */
export interface Packet {
  link?: Link
  /** At which byte of the frame the header of IP begins. */
  ipOffset?: number
  ip?: Ipv4 | Ipv6
  transport?: TcpSegment | UdpDatagram | Icmp
  /** Why there is not more, where there should be more. */
  undecoded?: Undecoded
}

/** A message of ICMP. Of an error, with the packet that it is about. */
export type Icmp = Omit<IcmpMessage, 'quoted'> & { quoted?: QuotedPacket }

/** What an error of ICMP quotes: at least the first 8 bytes behind the header of IP (RFC 792). */
interface QuotedPacket {
  ip?: Ipv4 | Ipv6
  /** Of TCP and UDP. */
  sourcePort?: number
  destinationPort?: number
  /** Of TCP. */
  seq?: number
  undecoded?: Undecoded
}

const PROTOCOL = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const

/**
 * Decodes a captured frame: link layer, IP, and TCP, UDP or ICMP.
 *
 * It never throws: of a packet that is cut or wrong, it returns what there is, and why there is not
 * more. Of a fragment, only the first one has the header of what it carries.
 */
export function decodeFrame(
  frame: Pick<CapturedFrame, 'linkType' | 'bytes' | 'bytesOnWire'>,
): Packet {
  const packet: Packet = {}
  orUndecoded(packet, () => {
    const bytes = new PacketBytes(frame.bytes, Math.max(frame.bytes.length, frame.bytesOnWire))
    const { link, payload } = decodeLink(frame.linkType, bytes)
    packet.link = link
    packet.ipOffset = payload.offset
    if (link.etherType === ETHER_TYPE.ipv4) fill(packet, decodeIpv4(payload))
    if (link.etherType === ETHER_TYPE.ipv6) fill(packet, decodeIpv6(payload))
  })
  return packet
}

/** The packet from its IP header on, and what that carries. */
function fill(packet: Packet, { ip, payload, pseudo }: { ip: Ipv4 | Ipv6 } & IpPayload): void {
  packet.ip = ip
  if (ip.fragment && ip.fragment.offsetBytes > 0) return
  switch (ip.protocol) {
    case PROTOCOL.tcp:
      packet.transport = decodeTcp(payload, pseudo)
      break
    case PROTOCOL.udp:
      packet.transport = decodeUdp(payload, pseudo)
      break
    case PROTOCOL.icmp:
      packet.transport = withQuoted(decodeIcmp(payload, pseudo))
      break
    case PROTOCOL.icmpv6:
      packet.transport = withQuoted(decodeIcmpv6(payload, pseudo))
      break
  }
}

function withQuoted({ quoted, ...message }: IcmpMessage): Icmp {
  if (!quoted) return message
  const about: QuotedPacket = {}
  orUndecoded(about, () => {
    const isIpv4 = message.protocol === 'icmp'
    const { ip, payload } = isIpv4 ? decodeIpv4(quoted) : decodeIpv6(quoted)
    about.ip = ip
    const hasPorts = ip.protocol === PROTOCOL.tcp || ip.protocol === PROTOCOL.udp
    if (!hasPorts || (ip.fragment && ip.fragment.offsetBytes > 0)) return
    payload.need(8, 'quoted ports')
    about.sourcePort = payload.u16(0)
    about.destinationPort = payload.u16(2)
    if (ip.protocol === PROTOCOL.tcp) about.seq = payload.u32(4)
  })
  return { ...message, quoted: about }
}

function orUndecoded(packet: { undecoded?: Undecoded }, decode: () => void): void {
  try {
    decode()
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error
    packet.undecoded = error.undecoded
  }
}
