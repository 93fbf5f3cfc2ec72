/** What tshark says of the packets of a capture file, and the same from what we have decoded. */
import { execFileSync } from 'node:child_process'
import type { ChecksumVerdict } from '#lib/kernel/checksum.ts'
import type { Icmp, Packet } from '#lib/kernel/decode-frame.ts'
import type { Ipv4, Ipv6 } from '#lib/kernel/ip.ts'
import type { TcpOption } from '#lib/kernel/tcp-options.ts'
import { TCP_FLAG, type TcpSegment, type UdpDatagram } from '#lib/kernel/transport.ts'
import type { CapturedFrame } from '#lib/trace/captured-frame.ts'

type Fields = Record<string, string>
/** Relative numbers; `ofPeer` makes relative what counts what the peer has sent. */
type Numbers = { seq?: number; ack?: number; ofPeer?: (number: number) => number }

const COMMON = ['frame.time_epoch', 'frame.len', 'frame.cap_len']
const VLANS = ['ieee8021ad.id', 'vlan.id']
const IPV4 = [
  ...['ip.src', 'ip.dst', 'ip.hdr_len', 'ip.len', 'ip.id', 'ip.flags.df', 'ip.flags.mf'],
  ...['ip.frag_offset', 'ip.ttl', 'ip.proto', 'ip.dsfield.dscp', 'ip.dsfield.ecn'],
  ...['ip.checksum', 'ip.checksum.status'],
]
const IPV6 = [
  ...['ipv6.src', 'ipv6.dst', 'ipv6.flow', 'ipv6.plen', 'ipv6.nxt', 'ipv6.hlim', 'ipv6.tclass'],
  ...['ipv6.fraghdr.offset', 'ipv6.fraghdr.more', 'ipv6.fraghdr.ident'],
]
const TCP_FLAGS = ['ae', 'cwr', 'ece', 'urg', 'ack', 'push', 'reset', 'syn', 'fin']
const TCP = [
  ...['tcp.srcport', 'tcp.dstport', 'tcp.seq_raw', 'tcp.ack_raw', 'tcp.seq', 'tcp.ack'],
  ...['tcp.hdr_len', 'tcp.len', 'tcp.flags', ...TCP_FLAGS.map(name => `tcp.flags.${name}`)],
  ...['tcp.window_size_value', 'tcp.checksum', 'tcp.checksum.status', 'tcp.urgent_pointer'],
  ...['tcp.option_kind', 'tcp.options.mss_val', 'tcp.options.wscale.shift'],
  ...['tcp.options.sack_le', 'tcp.options.sack_re', 'tcp.options.timestamp.tsval'],
  ...['tcp.options.timestamp.tsecr', 'tcp.options.tfo.cookie'],
]
const UDP = ['udp.srcport', 'udp.dstport', 'udp.length', 'udp.checksum', 'udp.checksum.status']
const ICMP = ['type', 'code', 'checksum', 'checksum.status']
const ICMPV4 = [...ICMP, 'ident', 'seq', 'mtu'].map(name => `icmp.${name}`)
const ICMPV6 = [...ICMP, 'echo.identifier', 'echo.sequence_number', 'mtu'].map(n => `icmpv6.${n}`)

const FIELDS = [...COMMON, ...VLANS, ...IPV4, ...IPV6, ...TCP, ...UDP, ...ICMPV4, ...ICMPV6]

/** So that no payload is taken for another protocol. */
const NO_PROTOCOLS = ['-d', 'tcp.port==0-65535,data', '-d', 'udp.port==0-65535,data']

/** As it is needed: checksums computed, fragments and segments left as they came. */
const PREFERENCES = [
  ...['ip.check_checksum:TRUE', 'tcp.check_checksum:TRUE', 'udp.check_checksum:TRUE'],
  ...['ip.defragment:FALSE', 'ipv6.defragment:FALSE', 'tcp.relative_sequence_numbers:TRUE'],
  ...['tcp.desegment_tcp_streams:FALSE', 'ip.tso_support:TRUE'],
]

/** One record for each packet: of fields that occur more than once, all values, outermost first. */
export function tsharkFields(file: string): Fields[] {
  const args = [
    ...['-n', '-r', file, '-T', 'fields', '-E', 'occurrence=a', '-E', 'aggregator=,'],
    ...NO_PROTOCOLS,
    ...PREFERENCES.flatMap(preference => ['-o', preference]),
    ...FIELDS.flatMap(field => ['-e', field]),
  ]
  const output = execFileSync('tshark', args, {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const lines = output.split('\n').slice(0, -1)
  return lines.map(line =>
    comparable(
      Object.fromEntries(
        line.split('\t').flatMap((value, at) => (value === '' ? [] : [[FIELDS[at]!, value]])),
      ),
    ),
  )
}

/** Without what tshark shows in several ways, or not always. */
function comparable(fields: Fields): Fields {
  const isIcmp = 'icmp.type' in fields || 'icmpv6.type' in fields
  const entries = Object.entries(fields).filter(([name]) => {
    // Of what an error of ICMP quotes, it shows more or less, by how much there is.
    return !(isIcmp && /^(tcp|udp)\./.test(name)) || /port$/.test(name)
  })
  // Of a quote that is cut as well, it shows the fields that are whole.
  if (isIcmp && fields['frame.cap_len'] !== fields['frame.len'])
    for (const entry of entries) if (/^ip/.test(entry[0])) entry[1] = entry[1].replace(/,.*/, '')
  const vlans = [...VLANS, 'vlans'].flatMap(name => fields[name] ?? []).join()
  const others = entries.filter(([name]) => !VLANS.includes(name))
  const shown = Object.fromEntries(others)
  // To it, each byte of padding is an option.
  const kinds = shown['tcp.option_kind']?.replace(/(?<=\b0)(,0)+$/, '')
  return { ...shown, ...(kinds && { 'tcp.option_kind': kinds }), ...(vlans && { vlans }) }
}

const hex = (value: number, digits: number): string =>
  `0x${value.toString(16).padStart(digits, '0')}`
const bit = (is: boolean): string => (is ? '1' : '0')

/** Values of fields, in the order in which they occur in the packet. */
class Occurrences {
  readonly #values = new Map<string, string[]>()

  add(fields: Record<string, string | number | undefined>): void {
    for (const [field, value] of Object.entries(fields)) {
      if (value === undefined) continue
      this.#values.set(field, [...(this.#values.get(field) ?? []), String(value)])
    }
  }

  get fields(): Fields {
    return Object.fromEntries([...this.#values].map(([name, list]) => [name, list.join(',')]))
  }
}

/** tshark's numbers for it. It has none for what is offloaded: that is wrong to it, where it can look. */
const STATUS: Record<ChecksumVerdict, string> = {
  bad: '0',
  good: '1',
  unverifiable: '2',
  absent: '3',
  offloaded: '0',
}
const CUT_STATUS = { ...STATUS, offloaded: '2' }

/** The record that tshark should have for a packet. */
export function ourFields(frame: CapturedFrame, packet: Packet, relative: Numbers): Fields {
  const { link, ip, transport } = packet
  const found = new Occurrences()
  const [seconds, fraction] = [frame.timeNs / 1_000_000_000n, frame.timeNs % 1_000_000_000n]
  found.add({
    'frame.time_epoch': `${seconds}.${String(fraction).padStart(9, '0')}`,
    'frame.len': frame.bytesOnWire,
    'frame.cap_len': frame.bytes.length,
  })
  for (const vlan of link?.vlans ?? []) found.add({ vlans: vlan })
  if (ip) addIp(found, ip)
  const status = frame.bytes.length < frame.bytesOnWire ? CUT_STATUS : STATUS
  if (transport) found.add(statusFields(transport, status, ip?.version === 6))
  if (transport?.protocol === 'tcp') addTcp(found, transport, relative)
  if (transport?.protocol === 'udp') addUdp(found, transport)
  if (transport?.protocol === 'icmp' || transport?.protocol === 'icmpv6') addIcmp(found, transport)
  return comparable(found.fields)
}

function addIp(found: Occurrences, ip: Ipv4 | Ipv6): void {
  const { fragment } = ip
  if (ip.version === 4) {
    found.add({
      ...{ 'ip.src': ip.source, 'ip.dst': ip.destination, 'ip.hdr_len': ip.headerBytes },
      ...{ 'ip.len': ip.lengthBytes, 'ip.id': hex(ip.id, 4), 'ip.ttl': ip.ttl },
      ...{ 'ip.flags.df': bit(ip.dontFragment), 'ip.flags.mf': bit(fragment?.more ?? false) },
      ...{ 'ip.frag_offset': (fragment?.offsetBytes ?? 0) / 8, 'ip.proto': ip.protocol },
      ...{ 'ip.dsfield.dscp': ip.dscp, 'ip.dsfield.ecn': ip.ecn },
      ...{ 'ip.checksum': hex(ip.checksum, 4), 'ip.checksum.status': STATUS[ip.checksumVerdict] },
    })
    return
  }
  const header = ip.extensions.find(({ protocol }) => protocol === 44)
  const view = header && new DataView(header.bytes.buffer, header.bytes.byteOffset)
  found.add({
    ...{ 'ipv6.src': ip.source, 'ipv6.dst': ip.destination, 'ipv6.flow': hex(ip.flowLabel, 6) },
    ...{ 'ipv6.plen': ip.lengthBytes, 'ipv6.nxt': ip.nextHeader, 'ipv6.hlim': ip.hopLimit },
    'ipv6.tclass': hex(ip.dscp * 4 + ip.ecn, 8),
    // An atomic fragment is no fragment to us, and still has the header.
    ...(view && {
      'ipv6.fraghdr.offset': (fragment?.offsetBytes ?? 0) / 8,
      'ipv6.fraghdr.more': bit(fragment?.more ?? false),
      'ipv6.fraghdr.ident': hex(fragment?.id ?? view.getUint32(4), 8),
    }),
  })
}

function addTcp(found: Occurrences, segment: TcpSegment, relative: Numbers): void {
  const { seq, ack, ofPeer = number => number } = relative
  const { flags } = segment
  const masks = Object.values(TCP_FLAG).toReversed()
  const set = masks.map((mask, at) => [`tcp.flags.${TCP_FLAGS[at]}`, bit((flags & mask) !== 0)])
  found.add({
    ...{ 'tcp.srcport': segment.sourcePort, 'tcp.dstport': segment.destinationPort },
    ...{ 'tcp.seq_raw': segment.seq, 'tcp.ack_raw': segment.ack },
    // Where the flag is not set, tshark counts nothing, and shows the number as 0 or as it is.
    ...{ 'tcp.seq': seq, 'tcp.ack': ack ?? segment.ack },
    ...{ 'tcp.hdr_len': segment.headerBytes, 'tcp.len': segment.payloadBytes },
    ...{ 'tcp.flags': hex(flags, 4), ...Object.fromEntries(set) },
    ...{ 'tcp.window_size_value': segment.window, 'tcp.checksum': hex(segment.checksum, 4) },
    'tcp.urgent_pointer': segment.urgentPointer,
  })
  for (const option of segment.options) found.add(optionFields(option, ofPeer))
}

function optionFields(
  option: TcpOption,
  ofPeer: (number: number) => number,
): Record<string, string | number> {
  const kind = (number: number) => ({ 'tcp.option_kind': number })
  switch (option.kind) {
    case 'end':
      return kind(0)
    case 'no-operation':
      return kind(1)
    case 'mss':
      return { ...kind(2), 'tcp.options.mss_val': option.bytes }
    case 'window-scale':
      return { ...kind(3), 'tcp.options.wscale.shift': option.shift }
    case 'sack-permitted':
      return kind(4)
    case 'sack':
      return {
        ...kind(5),
        'tcp.options.sack_le': option.blocks.map(({ start }) => ofPeer(start)).join(),
        'tcp.options.sack_re': option.blocks.map(({ end }) => ofPeer(end)).join(),
      }
    case 'timestamps': {
      const { value, echo } = option
      const fields = { 'tcp.options.timestamp.tsval': value, 'tcp.options.timestamp.tsecr': echo }
      return { ...kind(8), ...fields }
    }
    case 'fast-open': {
      const cookie = Buffer.from(option.cookie).toString('hex')
      const shown = cookie === '' ? {} : { 'tcp.options.tfo.cookie': cookie }
      return { ...kind(option.experimental ? 254 : 34), ...shown }
    }
    case 'unknown':
      return kind(option.number)
  }
}

function statusFields(
  { protocol, checksum, checksumVerdict }: NonNullable<Packet['transport']>,
  status: Record<ChecksumVerdict, string>,
  isIpv6: boolean,
): Record<string, string> {
  // tshark has a number of its own for one that is absent where it may not be.
  const isIllegal = protocol === 'udp' && checksum === 0 && isIpv6
  return { [`${protocol}.checksum.status`]: isIllegal ? '4' : status[checksumVerdict] }
}

function addUdp(found: Occurrences, datagram: UdpDatagram): void {
  found.add({
    ...{ 'udp.srcport': datagram.sourcePort, 'udp.dstport': datagram.destinationPort },
    ...{ 'udp.length': datagram.lengthBytes, 'udp.checksum': hex(datagram.checksum, 4) },
  })
}

function addIcmp(found: Occurrences, message: Icmp): void {
  const { protocol, type, code, checksum, echo, mtu, quoted } = message
  const is6 = protocol === 'icmpv6'
  found.add({
    ...{ [`${protocol}.type`]: type, [`${protocol}.code`]: code },
    ...{ [`${protocol}.checksum`]: hex(checksum, 4) },
    [is6 ? 'icmpv6.echo.identifier' : 'icmp.ident']: echo && (is6 ? hex(echo.id, 4) : echo.id),
    [is6 ? 'icmpv6.echo.sequence_number' : 'icmp.seq']: echo?.seq,
    [`${protocol}.mtu`]: mtu,
  })
  if (quoted?.ip) addIp(found, quoted.ip)
  if (quoted?.sourcePort === undefined) return
  const name = quoted.seq === undefined ? 'udp' : 'tcp'
  const ports = { srcport: quoted.sourcePort, dstport: quoted.destinationPort }
  for (const [field, port] of Object.entries(ports)) found.add({ [`${name}.${field}`]: port })
}
