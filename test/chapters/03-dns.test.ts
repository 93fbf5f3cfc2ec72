import { describe, expect } from 'vitest'
import {
  DnsFormatError,
  decodeMessage,
  decodeQuery,
  encodeMessage,
  encodeName,
  IN,
  type Message,
  RCODES,
  TYPES,
} from '../../chapters/03-udp/dns/message.ts'
import { has, type Kit, type Server, test } from '../support/kit.ts'

const query = (name: string, type: number, more: Partial<Message> = {}): Message => ({
  id: 0x1234,
  response: false,
  opcode: 0,
  authoritative: false,
  truncated: false,
  recursionDesired: true,
  rcode: 0,
  questions: [{ name, type, class: IN }],
  answers: [],
  authorities: [],
  additionals: [],
  ...more,
})

/** The OPT record by which a client says how large a datagram it takes. */
const edns = (bytes: number) => ({
  additionals: [{ name: '', type: TYPES.OPT, class: bytes, ttl: 0, data: new Uint8Array() }],
})

async function ask(kit: Kit, server: Server, message: Message | Uint8Array) {
  const bytes = message instanceof Uint8Array ? message : encodeMessage(message)
  const answer = await (await kit.bindUdp()).ask(bytes, server.port)
  return { ...decodeMessage(answer), bytes: answer.length }
}

describe('DNS message', () => {
  test('is the bytes of RFC 1035 §4.1', () => {
    const bytes = encodeMessage(query('www.kit.test', TYPES.A))
    expect(bytes.toString('hex')).toBe(
      '1234' + '0100' + '0001000000000000' + '03777777036b69740474657374' + '00' + '0001' + '0001',
    )
    expect(decodeMessage(bytes)).toEqual(query('www.kit.test', TYPES.A))
  })

  test('follows a name that refers to an earlier one (RFC 1035 §4.1.4)', () => {
    // kit.test at 12, then www + pointer to 12, as in the example of the RFC.
    const head = '123480000001000100000000' + '036b69740474657374' + '00' + '00010001'
    const record = '03777777' + 'c00c' + '00010001' + '0000012c' + '0004' + 'c0000250'
    const { answers } = decodeMessage(Buffer.from(head + record, 'hex'))
    expect(answers).toMatchObject([{ name: 'www.kit.test', type: TYPES.A, ttl: 300 }])
    expect([...answers[0]!.data]).toEqual([192, 0, 2, 80])
  })

  test.for([
    ['a pointer to itself', '123400000001000000000000' + 'c00c' + '00010001'],
    ['a pointer forward', '123400000001000000000000' + 'c00e' + '00' + '00010001'],
    [
      'two that point at each other',
      '123400000002000000000000' + '0161c012' + '00010001' + '0162c00c' + '00010001',
    ],
    ['a header cut short', '1234000000010000'],
    ['a question that is missing', '12340000ffff000000000000'],
    ['a label that goes past the end', '123400000001000000000000' + '3f61'],
    ['a label of a kind that nobody uses', `12340000000100000000000080${'00'.repeat(200)}`],
    [
      'data past the end',
      '123480000000000100000000' + '00' + '00010001' + '00000000' + 'ffff' + '01',
    ],
    [
      'a name of more than 255 bytes',
      `123400000001000000000000${`3f${'61'.repeat(63)}`.repeat(5)}`,
    ],
  ])('refuses %s', ([, hex]) => {
    expect(() => decodeMessage(Buffer.from(hex!, 'hex'))).toThrow(DnsFormatError)
  })

  /** A record whose data is a chain of references, and one whose name begins at its end. */
  const chained = (references: number): Buffer => {
    const links = references - 1
    const head = Buffer.from('123480000000000200000000', 'hex')
    const first = Buffer.from('00' + '00100001' + '00000000' + '0000', 'hex')
    first.writeUInt16BE(1 + 2 * links, 9)
    const data = Buffer.alloc(1 + 2 * links) // the name that ends the chain is at 23
    for (let n = 0; n < links; n++)
      data.writeUInt16BE(0xc000 | (n === 0 ? 23 : 22 + 2 * n), 1 + 2 * n)
    const last = Buffer.from('0000' + '00100001' + '00000000' + '0000', 'hex')
    last.writeUInt16BE(0xc000 | (22 + 2 * links))
    return Buffer.concat([head, first, data, last])
  }

  test('follows 127 references, and not one more: each would cost time', () => {
    expect(decodeMessage(chained(127)).answers).toHaveLength(2)
    expect(() => decodeMessage(chained(128))).toThrow(DnsFormatError)
    expect(() => decodeMessage(chained(8000))).toThrow(DnsFormatError)
  })

  test('refuses every message that is cut anywhere', () => {
    const whole = encodeMessage(query('www.kit.test', TYPES.A, edns(1232)))
    for (let end = 0; end < whole.length; end++) {
      expect(() => decodeMessage(whole.subarray(0, end)), String(end)).toThrow(DnsFormatError)
      expect(decodeQuery(whole.subarray(0, end))?.questions).toEqual(end < 12 ? undefined : [])
    }
  })

  test('refuses to encode labels over 63 bytes and names over 255', () => {
    expect(encodeName('a'.repeat(63))).toHaveLength(65)
    expect(() => encodeName('a'.repeat(64))).toThrow(DnsFormatError)
    expect(encodeName(Array(127).fill('a').join('.'))).toHaveLength(255)
    expect(() => encodeName(Array(128).fill('a').join('.'))).toThrow(DnsFormatError)
  })
})

describe.concurrent('03 dns', () => {
  test('answers for its zone, in any case of letters, and refuses others', async ({ kit }) => {
    const server = await kit.server('03/dns')
    const www = await ask(kit, server, query('WWW.kit.TEST', TYPES.A))
    expect(www).toMatchObject({ id: 0x1234, response: true, authoritative: true, rcode: 0 })
    expect(www.questions[0]?.name).toBe('WWW.kit.TEST')
    expect(www.answers.map(({ name, data }) => [name, [...data].join('.')])).toEqual([
      ['WWW.kit.TEST', '192.0.2.80'],
    ])
    const code = async (message: Message) => RCODES[(await ask(kit, server, message)).rcode]
    expect(await code(query('nobody.kit.test', TYPES.A))).toBe('NXDOMAIN')
    expect(await code(query('example.com', TYPES.A))).toBe('REFUSED')
    expect(await code(query('notkit.test', TYPES.A))).toBe('REFUSED')
    expect(await code(query('kit.test', TYPES.A, { opcode: 4 }))).toBe('NOTIMP')
    const nothing = await ask(kit, server, query('www.kit.test', TYPES.TXT))
    expect(nothing).toMatchObject({ rcode: 0, answers: [] })
    expect(nothing.authorities).toMatchObject([{ name: 'kit.test', type: TYPES.SOA }])
  })

  test('says FORMERR to what it cannot read, and nothing to an answer', async ({ kit }) => {
    const server = await kit.server('03/dns')
    const peer = await kit.bindUdp()
    const unreadable = Buffer.from('424200000001000000000000' + 'c00c' + '00010001', 'hex')
    for (const silent of [
      Buffer.from('4242'),
      encodeMessage(query('www.kit.test', TYPES.A, { response: true })),
    ]) {
      await peer.send(silent, server.port)
    }
    const answer = decodeMessage(await peer.ask(unreadable, server.port))
    expect(answer).toMatchObject({ id: 0x4242, response: true, rcode: RCODES.indexOf('FORMERR') })
    expect(peer.received).toHaveLength(1)
  })

  test('says BADVERS to a version of EDNS that it does not know (RFC 6891 §6.1.3)', async ({
    kit,
  }) => {
    const server = await kit.server('03/dns')
    const opt = { name: '', type: TYPES.OPT, class: 1232, ttl: 1 << 16, data: new Uint8Array() }
    const version1 = query('www.kit.test', TYPES.A, { additionals: [opt] })
    const answer = await ask(kit, server, version1)
    expect(answer).toMatchObject({ rcode: 0, answers: [] })
    expect(answer.additionals).toMatchObject([{ type: TYPES.OPT, ttl: 1 << 24 }])
  })

  test('knows no name with a dot inside a label', async ({ kit }) => {
    const server = await kit.server('03/dns')
    const label = Buffer.concat([
      Buffer.of(7),
      Buffer.from('www.kit'),
      Buffer.of(4),
      Buffer.from('test'),
    ])
    const head = Buffer.from('123400000001000000000000', 'hex')
    const bytes = Buffer.concat([head, label, Buffer.from('0000010001', 'hex')])
    expect((await ask(kit, server, bytes)).rcode).toBe(RCODES.indexOf('FORMERR'))
  })

  test('sets TC where the answer is longer than the client takes', async ({ kit }) => {
    const server = await kit.server('03/dns')
    const long = query('long.kit.test', TYPES.TXT)
    for (const [size, options] of [
      ['512 without EDNS', {}],
      ['512 with a smaller one', edns(100)],
      ['1232 with EDNS', edns(1232)],
      ['1232 with a larger one', edns(65_535)],
    ] as const) {
      const answer = await ask(kit, server, { ...long, ...options })
      expect(answer, size).toMatchObject({ truncated: true, answers: [], authorities: [] })
      expect(answer.bytes).toBeLessThan(512)
      expect(answer.additionals.map(({ class: bytes }) => bytes)).toEqual(
        'additionals' in options ? [1232] : [],
      )
    }
  })

  test('answers over TCP whole, several on one connection, cut anywhere', async ({ kit }) => {
    const server = await kit.server('03/dns')
    const peer = await kit.connect(server)
    peer.socket.setNoDelay()
    const question = encodeMessage(query('long.kit.test', TYPES.TXT))
    const framed = Buffer.concat([Buffer.of(0, question.length), question])
    for (const byte of framed) await peer.write(Buffer.of(byte))
    await peer.write(Buffer.concat([framed, framed]))
    const length = (await peer.receive(2)).readUInt16BE()
    const all = await peer.receive(3 * (2 + length))
    for (let at = 0; at < all.length; at += 2 + length) {
      expect(all.readUInt16BE(at)).toBe(length)
      const answer = decodeMessage(all.subarray(at + 2, at + 2 + length))
      expect(answer).toMatchObject({ truncated: false, rcode: 0 })
      expect(answer.answers).toHaveLength(12)
    }
    peer.socket.end()
    await peer.end()
  })

  test('ends a TCP connection that says nothing', async ({ kit }) => {
    const server = await kit.server('03/dns', '--idle-timeout-ms', '100')
    const peer = await kit.connect(server)
    await peer.write(Buffer.of(0)) // half a length, and then nothing
    await peer.closed
  })

  test('client shows four answers, one of them over TCP', async ({ kit }) => {
    const server = await kit.server('03/dns')
    const exit = await kit.client('03/dns', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const lines = exit.stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(8)
    expect(lines[0]).toBe('www.kit.test A: NOERROR, 46 bytes over UDP')
    expect(lines[1]).toBe('  www.kit.test A, for 300 s: 192.0.2.80')
    expect(lines[2]).toMatch(
      /^long\.kit\.test TXT: NOERROR, 31 bytes over UDP, truncated; \d+ bytes over TCP$/,
    )
    expect(lines[6]).toMatch(/^nobody\.kit\.test A: NXDOMAIN, /)
    expect(lines[7]).toMatch(/^example\.com A: REFUSED, /)
  })

  test('client asks again when an answer is lost, and ignores what does not fit', async ({
    kit,
  }) => {
    const server = await kit.bindUdp()
    const args = ['--name', 'www.kit.test', '--timeout-ms', '100']
    const client = kit.client('03/dns', server.port, { args })
    await server.receive(2) // asked, and asked again
    const { data, from } = server.received[1]!
    const answer = { ...decodeMessage(data), response: true, rcode: 3 }
    const forged = { ...answer, id: answer.id ^ 1, rcode: 0 }
    const other = { ...answer, questions: [{ name: 'other.test', type: 1, class: 1 }], rcode: 0 }
    for (const bytes of [Buffer.from('no DNS'), encodeMessage(forged), encodeMessage(other)]) {
      await server.send(bytes, from.port)
    }
    await server.send(encodeMessage(answer), from.port)
    const exit = await client.ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    expect(exit.stdout).toMatch(/^www\.kit\.test A: NXDOMAIN, /)
  })

  test.for([
    [['--name', 'a', '--type', 'MX'], '--type needs one of A, NS, CNAME, SOA, TXT, AAAA, OPT'],
    [['--name', 'a'.repeat(64)], '--name needs a domain name, got "aaaa'],
    [
      ['--name', 'żółw.kit.test'],
      '--name needs a domain name, got "żółw.kit.test": names are ASCII',
    ],
  ] as const)('client refuses %s in one line', async ([args, complaint], { kit }) => {
    const exit = await kit.client('03/dns', 1, { args: [...args] }).ended
    expect(exit).toMatchObject({ code: 2, stdout: '' })
    expect(exit.stderr.startsWith(complaint)).toBe(true)
    expect(exit.stderr.split('\n')).toHaveLength(2)
  })
})

describe.skipIf(!has('dig')).concurrent('dig (needs dig)', () => {
  const dig = async (kit: Kit, server: Server, ...words: string[]) => {
    const args = ['@127.0.0.1', '-p', String(server.port), '+tries=5', '+timeout=2', ...words]
    const exit = await kit.program('dig', args).ended
    expect(exit.code, exit.stdout).toBe(0)
    return exit.stdout
  }

  test('gets addresses, also by way of an alias', async ({ kit }) => {
    const server = await kit.server('03/dns')
    expect(await dig(kit, server, '+short', 'www.kit.test')).toBe('192.0.2.80\n')
    expect(await dig(kit, server, '+short', 'www.kit.test', 'AAAA')).toBe('2001:db8::80\n')
    const alias = await dig(kit, server, '+short', 'alias.kit.test')
    expect(alias).toBe('www.kit.test.\n192.0.2.80\n')
    expect(await dig(kit, server, '+short', 'kit.test', 'NS')).toBe('ns.kit.test.\n')
  })

  test('asks again over TCP for a long answer, with and without EDNS', async ({ kit }) => {
    const server = await kit.server('03/dns')
    for (const words of [[], ['+noedns']]) {
      const answer = await dig(kit, server, 'long.kit.test', 'TXT', ...words)
      expect(answer).toContain(';; Truncated, retrying in TCP mode.')
      expect(answer).toContain('ANSWER: 12')
      expect(answer).not.toMatch(/malformed|WARNING: .*extra/i)
    }
  })

  test('is told that a name does not exist, with the SOA record that proves it', async ({
    kit,
  }) => {
    const server = await kit.server('03/dns')
    const answer = await dig(kit, server, 'nobody.kit.test')
    expect(answer).toMatch(/status: NXDOMAIN/)
    expect(answer).toMatch(
      /^kit\.test\.\s+300\s+IN\s+SOA\s+ns\.kit\.test\. hostmaster\.kit\.test\./m,
    )
  })
})
