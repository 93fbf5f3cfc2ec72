import { endpoint } from '#lib/program/endpoint.ts'
import type { PacketEvent } from '#lib/trace/recording.ts'
import type { Packet } from './decode-frame.ts'
import { tcpOptionsText } from './tcp-options.ts'
import { TCP_FLAG, tcpFlagsText } from './transport.ts'

/** A segment or datagram as a trace has it, before anybody knows which end it belongs to. */
export type CapturedPacket = Pick<
  PacketEvent,
  'protocol' | 'source' | 'destination' | 'flags' | 'seq' | 'ack' | 'len' | 'window' | 'options'
>

/** What a trace shows of a packet; undefined for what has no ports: ICMP, and later fragments. */
export function capturedPacket({ ip, transport }: Packet): CapturedPacket | undefined {
  if (!ip || !transport || !('sourcePort' in transport)) return undefined
  const common = {
    source: endpoint(ip.source, transport.sourcePort),
    destination: endpoint(ip.destination, transport.destinationPort),
    len: transport.payloadBytes,
  }
  if (transport.protocol === 'udp') return { ...common, protocol: 'udp', flags: '' }
  const { flags, seq, ack, window, headerBytes } = transport
  return {
    ...common,
    protocol: 'tcp',
    flags: tcpFlagsText(flags),
    seq,
    ...((flags & TCP_FLAG.ack) !== 0 && { ack }),
    window,
    ...(headerBytes > 20 && { options: tcpOptionsText(transport) }),
  }
}
