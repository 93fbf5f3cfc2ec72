import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { decodeFrame, type Packet } from '#lib/kernel/decode-frame.ts'
import { ipv6Text } from '#lib/kernel/ip-address.ts'
import { decodeTcpOptions, tcpOptionsText } from '#lib/kernel/tcp-options.ts'
import { TCP_FLAG, tcpFlagsText } from '#lib/kernel/transport.ts'
import * as make from './packets.ts'
import { randomSegment } from './random-segment.ts'
import { lacks } from './tools.ts'

const { IPV4, IPV6 } = make
const RAW_IP = 101

const decode = (bytes: Uint8Array, bytesOnWire = bytes.length): Packet =>
  decodeFrame({ linkType: RAW_IP, bytes, bytesOnWire })

/** Options: mss 1460, nop, wscale 7, and timestamps. */
const OPTIONS = Buffer.from('020405b401030307080a0000000700000009', 'hex')

describe('decodeFrame', () => {
  test('reads a segment with all its fields', () => {
    const segment = make.tcp(IPV4, {
      ...{ seq: 4_294_967_295, ack: 7, flags: 0x1d2, window: 512, urgentPointer: 3 },
      ...{ options: OPTIONS, payload: Buffer.from('hello') },
    })
    const { ip, transport, undecoded } = decode(make.ip(IPV4, 6, segment, { tos: 0x2d }))
    expect(undecoded).toBeUndefined()
    expect(ip).toMatchObject({
      ...{ version: 4, source: '192.0.2.1', destination: '198.51.100.2', protocol: 6 },
      ...{ dscp: 11, ecn: 1, ttl: 64, dontFragment: true, checksumVerdict: 'good' },
    })
    expect(transport).toMatchObject({
      ...{ protocol: 'tcp', sourcePort: 7001, destinationPort: 7002, seq: 4_294_967_295, ack: 7 },
      ...{ flags: 0x1d2, window: 512, urgentPointer: 3, headerBytes: 40, payloadBytes: 5 },
      ...{ checksumVerdict: 'good', payload: new Uint8Array(Buffer.from('hello')) },
      options: [
        { kind: 'mss', bytes: 1460 },
        { kind: 'no-operation' },
        { kind: 'window-scale', shift: 7 },
        { kind: 'timestamps', value: 7, echo: 9 },
        { kind: 'end' },
      ],
    })
  })

  test.each<[string, Buffer, number, Packet['undecoded']]>([
    ['nothing', Buffer.alloc(0), 40, { why: 'cut', what: 'IP header', offset: 0 }],
    [
      'a piece of the header of IPv4',
      make.ip(IPV4, 6, make.tcp(IPV4, {})).subarray(0, 12),
      40,
      { why: 'cut', what: 'IPv4 header', offset: 12 },
    ],
    [
      'a packet of 12 bytes',
      make.ip(IPV4, 6, make.tcp(IPV4, {})).subarray(0, 12),
      12,
      { why: 'malformed', what: 'IPv4 header', offset: 12 },
    ],
    [
      'a header length of 8 bytes',
      Buffer.concat([Buffer.from([0x42]), Buffer.alloc(39)]),
      40,
      { why: 'malformed', what: 'IPv4 header length of 8 bytes', offset: 0 },
    ],
    [
      'a total length of 19 bytes',
      make.ip(IPV4, 6, make.tcp(IPV4, {}), { length: 19 }),
      40,
      { why: 'malformed', what: 'IPv4 total length of 19 bytes', offset: 2 },
    ],
    [
      'a piece of the header of TCP',
      make.ip(IPV6, 6, make.tcp(IPV6, {})).subarray(0, 50),
      60,
      { why: 'cut', what: 'TCP header', offset: 50 },
    ],
    [
      'a datagram of UDP that says it has 7 bytes',
      make.ip(IPV4, 17, make.udp(IPV4, Buffer.alloc(0), 7)),
      28,
      { why: 'malformed', what: 'UDP length of 7 bytes', offset: 24 },
    ],
    [
      'an extension header that goes beyond the packet',
      make.ip(IPV6, 6, Buffer.alloc(0), {
        extensions: [{ protocol: 0, rest: Buffer.from('09000000000000', 'hex') }],
      }),
      48,
      { why: 'malformed', what: 'IPv6 extension header', offset: 48 },
    ],
  ])('says what %s lacks, and where', (_what, bytes, bytesOnWire, undecoded) => {
    expect(decode(bytes, bytesOnWire).undecoded).toEqual(undecoded)
  })

  test('says that it does not know a link type', () => {
    const { undecoded } = decodeFrame({ linkType: 147, bytes: Buffer.alloc(9), bytesOnWire: 9 })
    expect(undecoded).toEqual({ why: 'malformed', what: 'unknown link type 147', offset: 0 })
  })

  test('reads the options that were captured, and says that there may be more', () => {
    const whole = make.ip(IPV4, 6, make.tcp(IPV4, { options: OPTIONS }))
    const { transport } = decode(whole.subarray(0, 47), whole.length)
    expect(transport).toMatchObject({
      ...{ optionsCut: true, headerBytes: 40, payloadBytes: 0, checksumVerdict: 'unverifiable' },
      options: [{ kind: 'mss', bytes: 1460 }, { kind: 'no-operation' }],
    })
    expect(transport).not.toHaveProperty('badOptionAt')
  })

  test('reads what an error of ICMP quotes, however little it is', () => {
    const about = make.ip(IPV4, 6, make.tcp(IPV4, { seq: 77 }))
    for (const quote of [about, about.subarray(0, 28)]) {
      const error = make.icmp(IPV4, 3, 4, Buffer.concat([Buffer.from('00000514', 'hex'), quote]))
      const { transport } = decode(make.ip(IPV4, 1, error))
      expect(transport).toMatchObject({
        ...{ protocol: 'icmp', type: 3, code: 4, mtu: 1300, checksumVerdict: 'good' },
        quoted: { sourcePort: 7001, destinationPort: 7002, seq: 77, ip: { source: '192.0.2.1' } },
      })
    }
    const short = make.icmp(IPV4, 3, 1, Buffer.concat([Buffer.alloc(4), about.subarray(0, 22)]))
    expect(decode(make.ip(IPV4, 1, short)).transport).toMatchObject({
      quoted: { undecoded: { why: 'malformed', what: 'quoted ports' } },
    })
  })

  test('reads of a fragmented datagram how long it is, and its ports from the first fragment only', () => {
    const first = make.ip(IPV4, 17, make.udp(IPV4, Buffer.alloc(16), 3008), { fragment: 0x2000 })
    expect(decode(first)).toMatchObject({
      ip: { fragment: { id: 7, offsetBytes: 0, more: true } },
      transport: { sourcePort: 7003, payloadBytes: 3000, checksumVerdict: 'unverifiable' },
    })
    const last = decode(make.ip(IPV4, 17, Buffer.alloc(16), { fragment: 0x0003 }))
    expect(last.ip?.fragment).toEqual({ id: 7, offsetBytes: 24, more: false })
    expect(last).not.toHaveProperty('transport')
  })

  test.each<[make.Sum, string]>([
    ['good', 'good'],
    ['bad', 'bad'],
    ['offloaded', 'offloaded'],
    ['absent', 'absent'],
  ])('takes a checksum that is %s for what it is', (sum, verdict) => {
    for (const path of [IPV4, IPV6]) {
      const own = { ...path, sum }
      const isIpv6 = path === IPV6
      expect(decode(make.ip(own, 17, make.udp(own, Buffer.from('x')))).transport).toMatchObject({
        checksumVerdict: isIpv6 && sum === 'absent' ? 'bad' : verdict,
      })
      const segment = make.ip(own, 6, make.tcp(own, { payload: Buffer.from('x') }))
      expect(decode(segment).transport).toMatchObject({
        checksumVerdict: sum === 'absent' ? 'bad' : verdict,
      })
      // Of a packet that is cut, the sum of the pseudo-header can still be known.
      expect(decode(segment.subarray(0, -1), segment.length).transport).toMatchObject({
        checksumVerdict: sum === 'offloaded' ? verdict : 'unverifiable',
      })
    }
  })

  test.each<[string, Parameters<typeof make.ip>[3], make.Path]>([
    ['a source route', { options: Buffer.from('8307040a00000100', 'hex') }, IPV4],
    [
      'a routing header',
      { extensions: [{ protocol: 43, rest: Buffer.from('00000100000000', 'hex') }] },
      IPV6,
    ],
  ])('does not judge a checksum whose destination is behind %s', (_what, fields, path) => {
    const packet = make.ip(path, 6, make.tcp(path, {}), fields)
    expect(decode(packet).transport).toMatchObject({ checksumVerdict: 'unverifiable' })
  })

  test('knows the length of a packet of more than 64 KiB from its frame, or from its jumbo option', () => {
    const bytes = 70_000
    const long4 = make.tcp(IPV4, { payload: Buffer.alloc(bytes) })
    const long6 = make.tcp(IPV6, { payload: Buffer.alloc(bytes) })
    const jumbo = Buffer.concat([Buffer.from('00c204', 'hex'), Buffer.alloc(4)])
    jumbo.writeUInt32BE(8 + long6.length, 3)
    const packets = [
      make.ip(IPV4, 6, long4, { length: 0 }),
      make.ip(IPV6, 6, long6, { length: 0 }),
      make.ip(IPV6, 6, long6, { length: 0, extensions: [{ protocol: 0, rest: jumbo }] }),
    ]
    for (const packet of packets)
      expect(decode(packet).transport).toMatchObject({
        ...{ payloadBytes: bytes, checksumVerdict: 'good' },
      })
  })

  test('returns something for any bytes, and never throws', () => {
    const linkTypes = [0, 1, 12, 101, 108, 113, 228, 276, 999]
    const frame = fc.record({
      linkType: fc.constantFrom(...linkTypes),
      bytes: fc.uint8Array({ maxLength: 100 }),
      more: fc.nat({ max: 100 }),
    })
    fc.assert(
      fc.property(frame, ({ linkType, bytes, more }) => {
        decodeFrame({ linkType, bytes, bytesOnWire: bytes.length + more })
      }),
      { numRuns: 2000 },
    )
    const damaged = fc.tuple(randomSegment, fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 }))))
    fc.assert(
      fc.property(damaged, fc.nat(), ([{ path, fields, ip }, changes], cut) => {
        const bytes = make.ip(path, 6, make.tcp(path, fields), ip)
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte
        const packet = decode(bytes.subarray(0, cut % bytes.length), bytes.length)
        expect(packet.undecoded?.offset ?? 0).toBeLessThanOrEqual(bytes.length)
      }),
      { numRuns: 1000 },
    )
  })

  test.skipIf(lacks.tcpdump)('names flags and options as tcpdump does (needs tcpdump)', () => {
    const all = fc.sample(randomSegment, { numRuns: 300, seed: 2 }).map(({ path, fields, ip }) => {
      // Not every tcpdump knows AE.
      const flags = fields.flags & ~TCP_FLAG.ae
      return { path, fields: { ...fields, flags }, ip }
    })
    const frames = all.map(({ path, fields, ip }) => ({
      bytes: make.ip(path, 6, make.tcp(path, fields), ip),
    }))
    const lines = execFileSync('tcpdump', ['-n', '-S', '-tt', '-r', '-'], {
      input: make.pcapFile(RAW_IP, frames),
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    const theirs = lines.split('\n').flatMap(line => {
      const [, flags, options = ''] =
        /Flags \[(.*?)\](?:.*, options \[(.*)\], length)?/.exec(line) ?? []
      return flags === undefined ? [] : [`[${flags}] ${options}`]
    })
    const ours = frames.map(({ bytes }) => {
      const { transport } = decode(bytes)
      if (transport?.protocol !== 'tcp') throw new Error('not a segment')
      return `[${tcpFlagsText(transport.flags)}] ${tcpOptionsText(transport)}`
    })
    expect(ours).toEqual(theirs)
  })

  test('and PcapReader need nothing of Node: both run in a browser', () => {
    const seen = new Set<string>()
    const outside: string[] = []
    const visit = (path: string) => {
      if (seen.has(path)) return
      seen.add(path)
      const text = readFileSync(path, 'utf8')
      for (const [, name = ''] of text.matchAll(/^(?!import type ).*\bfrom '(.+?)'/gm)) {
        if (name.startsWith('.')) visit(join(dirname(path), name))
        else if (name.startsWith('#lib/')) visit(join(ROOT, name.slice(1)))
        else outside.push(`${path} imports ${name}`)
      }
    }
    for (const name of ['decode-frame', 'pcap']) visit(join(ROOT, `lib/kernel/${name}.ts`))
    expect(outside).toEqual([])
    // The walk leaves lib/kernel, too.
    expect([...seen]).toContain(join(ROOT, 'lib/trace/ones-complement-sum.ts'))
    const code = [...seen].map(path => readFileSync(path, 'utf8')).join()
    expect(code).not.toMatch(/\b(Buffer|process)\b/)
  })
})

test.each([
  ['00000000000000000000000000000001', '::1'],
  ['00000000000000000000000000000000', '::'],
  ['20010db8000000000001000000000001', '2001:db8::1:0:0:1'],
  ['20010db8000100010001000100000001', '2001:db8:1:1:1:1:0:1'],
  ['fe800000000000000000000000000000', 'fe80::'],
  ['00000000000000000000ffff7f000001', '::ffff:127.0.0.1'],
])('ipv6Text writes %s as %s', (hex, text) => {
  expect(ipv6Text(Buffer.from(hex, 'hex'))).toBe(text)
})

test.each([
  ['0204', 0],
  ['01020505b4', 1],
  ['01020305b4', 4],
  ['0101080b00', 2],
  ['0500', 0],
])('decodeTcpOptions stops at an option whose length cannot be: %s', (hex, badAt) => {
  const decoded = decodeTcpOptions(Buffer.from(hex, 'hex'))
  expect(decoded.badAt).toBe(badAt)
})
