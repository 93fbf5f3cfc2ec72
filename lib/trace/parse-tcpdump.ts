import { endpoint } from '../program/endpoint.ts'
import { parseSeconds } from './clock.ts'
import type { PacketEvent } from './recording.ts'

/** A packet as tcpdump prints it, before anybody knows which end it belongs to. */
export type CapturedPacket = Omit<
  PacketEvent,
  'tNs' | 'end' | 'lane' | 'text' | 'means' | 'isn'
> & {
  /** Time of day in nanoseconds. */
  realtimeNs: bigint
}

// With -i any, the interface and the direction stand before the protocol.
const PACKET = /^(\d+\.\d+) (?:\S+ +(?:In|Out|B|M|P) +)?IP6? (\S+) > (\S+): (.*)$/
const TCP = /^Flags \[([^\]]*)\](.*?), length (\d+)/
const UDP = /^UDP.*? length (\d+)/

/** One line of `tcpdump -tt -n -S`; undefined for what is neither TCP nor UDP, and for fragments. */
export function parsePacket(line: string): CapturedPacket | undefined {
  const [, time, from = '', to = '', rest = ''] = PACKET.exec(line) ?? []
  const source = parseEndpoint(from)
  const destination = parseEndpoint(to)
  if (time === undefined || !source || !destination) return undefined
  const common = { realtimeNs: parseSeconds(time), source, destination }
  const udp = UDP.exec(rest)
  if (udp) return { ...common, protocol: 'udp', flags: '', len: Number(udp[1]) }
  const [, flags, fields = '', len] = TCP.exec(rest) ?? []
  if (flags === undefined) return undefined
  const field = (pattern: RegExp) => {
    const value = pattern.exec(fields)?.[1]
    return value === undefined ? undefined : Number(value)
  }
  const seq = field(/ seq (\d+)/)
  const ack = field(/ ack (\d+)/)
  const window = field(/ win (\d+)/)
  const options = / options \[([^\]]*)\]/.exec(fields)?.[1]
  return {
    ...common,
    protocol: 'tcp',
    flags,
    len: Number(len),
    ...(seq === undefined ? {} : { seq }),
    ...(ack === undefined ? {} : { ack }),
    ...(window === undefined ? {} : { window }),
    ...(options === undefined ? {} : { options }),
  }
}

/** tcpdump joins address and port with a point: `127.0.0.1.7020`, `::1.7020`. */
function parseEndpoint(text: string): string | undefined {
  const at = text.lastIndexOf('.')
  const address = text.slice(0, at)
  // Without a port, the last part of an IPv4 address would be taken for one.
  if (at < 0 || (!address.includes(':') && address.split('.').length !== 4)) return undefined
  return endpoint(address, Number(text.slice(at + 1)))
}

/** The bytes of one line of `tcpdump -x`: `\t0x0010:  7f00 0001 1b6c`. */
export function parseHex(line: string): Buffer {
  return Buffer.from(line.slice(line.indexOf(':') + 1).replaceAll(/\s/g, ''), 'hex')
}
