import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { decodeFrame } from '#lib/kernel/decode-frame.ts'
import { isolation } from '#lib/kernel/isolation.ts'
import { PcapReader } from '#lib/kernel/pcap.ts'
import { missing } from '#lib/kernel/requirements.ts'
import { toolEnv } from '#lib/kernel/tools.ts'
import { TCP_FLAG } from '#lib/kernel/transport.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import type { CapturedFrame } from '#lib/trace/captured-frame.ts'
import { SequenceBases } from '#lib/trace/sequence-base.ts'
import { spread } from '../support/slow.ts'
import * as make from './packets.ts'
import { randomSegment } from './random-segment.ts'
import { lacks } from './tools.ts'
import { ourFields, tsharkFields } from './tshark.ts'

const folder = mkdtempSync(join(tmpdir(), 'kit-pcap-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** What we say of every packet of a file. */
function decodedFields(file: Buffer): Record<string, string>[] {
  const reader = new PcapReader()
  const bases = new SequenceBases(1)
  const rows: Record<string, string>[] = []
  reader.push(file)
  for (let frame = reader.read(); frame; frame = reader.read()) rows.push(rowOf(frame, bases))
  reader.end()
  return rows
}

function rowOf(frame: CapturedFrame, bases: SequenceBases): Record<string, string> {
  const packet = decodeFrame(frame)
  const { ip, transport } = packet
  if (!ip || transport?.protocol !== 'tcp') return ourFields(frame, packet, {})
  const { flags, seq, ack } = transport
  const segment = {
    source: endpoint(ip.source, transport.sourcePort),
    destination: endpoint(ip.destination, transport.destinationPort),
    syn: (flags & TCP_FLAG.syn) !== 0,
    seq,
    ...((flags & TCP_FLAG.ack) !== 0 && { ack }),
  }
  const { source, destination } = segment
  const numbers = bases.relative(segment)
  // Without an acknowledgement, tshark does not know where the peer began.
  const isKnown = numbers.ack !== undefined
  const ofPeer = isKnown && { ofPeer: (n: number) => bases.count(destination, source, n) }
  return ourFields(frame, packet, { ...numbers, ...ofPeer })
}

/** Compares every field of every packet, and counts the packets. */
function compare(file: Buffer): number {
  const path = join(folder, 'compared.pcap')
  writeFileSync(path, file)
  const theirs = tsharkFields(path)
  expect(decodedFields(file)).toEqual(theirs)
  return theirs.length
}

const { IPV4, IPV6 } = make
const paths = [IPV4, IPV6]
const sums: make.Sum[] = ['good', 'bad', 'offloaded', 'absent']
const TEXT = Buffer.from('hello')

/** A packet of each kind, of both versions of IP. */
function ofEachKind(): Buffer[] {
  return paths.flatMap(path => {
    const is6 = path === IPV6
    const icmpNumber = is6 ? make.PROTOCOL.icmpv6 : make.PROTOCOL.icmp
    const ofEachSum = sums.flatMap(sum => {
      const own = { ...path, sum }
      const echo = Buffer.from('000100024142', 'hex')
      return [
        make.ip(own, 6, make.tcp(own, { payload: TEXT })),
        make.ip(own, 17, make.udp(own, TEXT)),
        make.ip(own, icmpNumber, make.icmp(own, is6 ? 128 : 8, 0, echo)),
      ]
    })
    const about = make.ip(path, 6, make.tcp(path, { seq: 77 })).subarray(0, is6 ? 48 : 28)
    const tooBig = Buffer.concat([Buffer.from('00000514', 'hex'), about])
    const error = make.icmp(path, is6 ? 2 : 3, is6 ? 0 : 4, tooBig)
    const fragment = (field: string) =>
      is6
        ? { extensions: [{ protocol: 44, rest: Buffer.from(`00${field}00000009`, 'hex') }] }
        : { fragment: field === '0001' ? 0x2000 : 0x0001 }
    return [
      ...ofEachSum,
      make.ip(path, icmpNumber, error),
      make.ip(path, 17, make.udp(path, Buffer.alloc(16), 3008), fragment('0001')),
      make.ip(path, 17, Buffer.alloc(64, 1), fragment('0008')),
    ]
  })
}

describe.skipIf(lacks.tshark)('tshark says the same (needs tshark)', () => {
  test.each(Object.entries(make.LINKS))('of packets of each kind in %s', (_name, link) => {
    const frames = ofEachKind().map(packet => ({ bytes: link.wrap(packet) }))
    expect(compare(make.pcapFile(link.linkType, frames))).toBe(30)
  })

  test.each([
    { littleEndian: false, nanoseconds: false },
    { littleEndian: false, nanoseconds: true },
    { littleEndian: true, nanoseconds: false },
  ])('of when a packet was seen, and how much of it, in a file with %j', options => {
    const packet = make.ip(IPV4, 6, make.tcp(IPV4, { payload: Buffer.alloc(900) }))
    const times = [0n, 1_795_233_684_890_902_081n, 4_000_000_000_999_999_999n]
    const frames = times.flatMap(timeNs => [
      { bytes: packet, timeNs },
      { bytes: packet.subarray(0, 128), bytesOnWire: packet.length, timeNs },
    ])
    const file = make.pcapFile(101, frames, options)
    expect(compare(file)).toBe(6)
  })

  test('of every flag, number and option of 400 random segments', () => {
    const frames = fc.sample(randomSegment, { numRuns: 400, seed: 1 }).map((packet, at) => {
      // A connection each, so that none is taken for the next segment of another.
      const fields = { ...packet.fields, sourcePort: 10_000 + at }
      const segment = make.tcp(packet.path, fields)
      return { bytes: make.ip(packet.path, 6, segment, packet.ip) }
    })
    expect(compare(make.pcapFile(101, frames))).toBe(400)
  })

  test('of extension headers, and of options of IPv4', () => {
    const pad = Buffer.from('00010400000000', 'hex')
    const extensions = [
      ...[0, 60, 43].map(protocol => ({ protocol, rest: protocol === 43 ? Buffer.alloc(7) : pad })),
      { protocol: 44, rest: Buffer.from('00000000000007', 'hex') },
    ]
    const each = extensions.map(extension => [extension])
    const frames = [
      ...[...each, extensions].map(list => {
        const segment = make.tcp(IPV6, { payload: TEXT })
        return { bytes: make.ip(IPV6, 6, segment, { extensions: list }) }
      }),
      ...['01010100', '94040000', '44080500aabbccdd'].map(options => {
        const fields = { options: Buffer.from(options, 'hex') }
        return { bytes: make.ip(IPV4, 6, make.tcp(IPV4, { payload: TEXT }), fields) }
      }),
    ]
    expect(compare(make.pcapFile(101, frames))).toBe(frames.length)
  })

  test('of the relative numbers of a connection, of the next one, and of one that had begun', () => {
    type Step = [from: 'client' | 'server', flags: number, seq: number, ack: number, bytes: number]
    const { syn, ack, fin, rst, psh } = TCP_FLAG
    const steps: Step[] = [
      ['client', syn, 4_294_967_290, 0, 0],
      ['server', syn | ack, 3_000_000_000, 4_294_967_291, 0],
      ['client', ack, 4_294_967_291, 3_000_000_001, 0],
      ['client', psh | ack, 4_294_967_291, 3_000_000_001, 20],
      ['server', ack, 3_000_000_001, 15, 0],
      ['server', fin | ack, 3_000_000_001, 15, 7],
      ['client', ack, 14, 3_000_000_009, 0],
      ['client', rst, 15, 0, 0],
      ['client', syn, 900, 0, 0],
      ['server', rst | ack, 0, 901, 0],
    ]
    const began: Step[] = [
      ['server', psh | ack, 500, 1000, 5],
      ['client', ack, 1000, 505, 0],
      ['server', ack, 504, 1000, 0],
    ]
    const segments = (port: number) => (step: Step) => {
      const [from, flags, seq, acked, bytes] = step
      const isClient = from === 'client'
      const { source, destination } = IPV4
      const path = isClient ? IPV4 : { ...IPV4, source: destination, destination: source }
      const [sourcePort, destinationPort] = isClient ? [port, 80] : [80, port]
      const numbers = { seq, ack: acked, payload: Buffer.alloc(bytes) }
      const segment = make.tcp(path, { sourcePort, destinationPort, flags, ...numbers })
      return { bytes: make.ip(path, 6, segment) }
    }
    const frames = [...steps.map(segments(4000)), ...began.map(segments(4001))]
    expect(compare(make.pcapFile(101, frames))).toBe(13)
  })
})

const lacksAny = [lacks.tshark, lacks.python, missing('private tcpdump'), missing('nft')].some(
  Boolean,
)
describe.skipIf(lacksAny)('tshark says the same (needs tshark, tcpdump, nft, python3)', () => {
  const fileOf = (name: string) => readFileSync(join(folder, `${name}.pcap`))

  beforeAll(async () => {
    const { command, args } = isolation()!
    const program = fileURLToPath(new URL('traffic.ts', import.meta.url))
    const words = [...args, process.execPath, '--import', 'tsx', program, folder]
    await execa(command, words, { env: toolEnv() })
  }, 120_000)

  test.each(spread(['loopback', 'cooked', 'cooked-v2', 'cut'], 2, 4))(
    'of real traffic in %s.pcap',
    name => {
      expect(compare(fileOf(name))).toBeGreaterThan(100)
    },
  )

  test('and that traffic has what is to be compared', () => {
    const rows = decodedFields(fileOf('loopback'))
    const has = (field: string, pattern: RegExp) =>
      expect(rows.filter(row => pattern.test(row[field] ?? '')).length, field).toBeGreaterThan(0)
    const kinds = [2, 3, 4, 5, 8, 34]
    for (const kind of kinds) has('tcp.option_kind', new RegExp(`\\b${kind}\\b`))
    has('tcp.options.tfo.cookie', /^[0-9a-f]{16}$/)
    for (const flag of ['ece', 'cwr', 'reset', 'fin']) has(`tcp.flags.${flag}`, /1/)
    for (const protocol of ['ip', 'ipv6', 'icmp', 'icmpv6'])
      has(`${protocol}.${protocol.startsWith('icmp') ? 'type' : 'src'}`, /./)
    has('ip.frag_offset', /[1-9]/)
    has('ipv6.fraghdr.offset', /[1-9]/)
  })
})
