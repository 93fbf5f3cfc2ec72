import { isIPv6 } from 'node:net'
import { inspect } from 'node:util'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameError } from '#lib/framing/frame.ts'
import {
  type Http1Options,
  type Http1Request,
  type Http1Response,
  http1Request,
  http1Response,
} from '#lib/framing/http1.ts'
import { head } from './http1-corpus.ts'
import { requestText, responseText } from './http1-corpus-run.ts'
import { allCuts, bytes } from './support/cuts.ts'

const latin1 = (text: string) => Buffer.from(text, 'latin1')

function oneRequest(text: string): Http1Request {
  const decoder = http1Request().decoder()
  decoder.push(latin1(text))
  return decoder.read()!
}

function oneResponse(text: string, method = 'GET'): Http1Response {
  const decoder = http1Response().decoder()
  decoder.expect(method)
  decoder.push(latin1(text))
  decoder.end()
  return decoder.read()!
}

/** Expects `code`, or no error, for every way to cut the stream. */
function expectCode(options: Http1Options, text: string, code: string | null): void {
  for (const [cut, chunks] of allCuts(latin1(text))) {
    const decoder = http1Request(options).decoder()
    const run = () => {
      for (const chunk of chunks) {
        decoder.push(chunk)
        while (decoder.read() !== null);
      }
      decoder.end()
      return null
    }
    let seen: string | null = null
    try {
      run()
    } catch (error) {
      seen = (error as FrameError).code
    }
    expect({ cut, code: seen }).toEqual({ cut, code })
  }
}

const get = (...fields: string[]) => head('GET / HTTP/1.1', 'Host: a', ...fields)
const post = (fields: string[], body: string) =>
  head('POST / HTTP/1.1', 'Host: a', ...fields) + body
const ok = (fields: string[], body = '') => head('HTTP/1.1 200 OK', ...fields) + body

describe('http1 headers', () => {
  const { headers } = oneRequest(
    get('X-A: 1', 'x-a:2 ', 'Empty:', 'Set-Cookie: a=1', 'set-cookie: b, c', 'Obs: \xe4\x80'),
  )

  test('are found by name in any case', () => {
    expect(headers.get('host')).toBe('a')
    expect(headers.get('HOST')).toBe('a')
    expect(headers.has('Host')).toBe(true)
    expect(headers.has('Hosts')).toBe(false)
    expect(headers.get('Hos')).toBeUndefined()
    expect(headers.get('höst')).toBeUndefined()
  })

  test('join repeated fields with a comma, and list them too (RFC 9110 section 5.3)', () => {
    expect(headers.get('X-A')).toBe('1, 2')
    expect(headers.getAll('X-A')).toEqual(['1', '2'])
    expect(headers.getAll('none')).toEqual([])
  })

  test('never join Set-Cookie (RFC 9110 section 5.3)', () => {
    expect(headers.get('Set-Cookie')).toBe('a=1')
    expect(headers.getAll('set-cookie')).toEqual(['a=1', 'b, c'])
  })

  test('keep the bytes above 0x7f as the characters of the same number', () => {
    expect(headers.get('obs')).toBe('\xe4\x80')
    expect(headers.get('empty')).toBe('')
  })

  test('come in the order of the wire, with names as sent', () => {
    const pairs = [
      ['Host', 'a'],
      ['X-A', '1'],
      ['x-a', '2'],
      ['Empty', ''],
      ['Set-Cookie', 'a=1'],
      ['set-cookie', 'b, c'],
      ['Obs', '\xe4\x80'],
    ]
    expect([...headers]).toEqual(pairs)
    expect(headers.size).toBe(7)
    expect(JSON.parse(JSON.stringify(headers))).toEqual(pairs)
    expect(inspect(headers)).toBe(inspect(pairs))
  })

  test('are the same from plain Uint8Arrays, and from a head that came byte by byte', () => {
    const long = `X-Long: ${'v'.repeat(9000)}`
    const stream = Uint8Array.from(latin1(get(long, 'X-Short: \xff')))
    for (const chunks of [[stream], Array.from(stream, byte => Uint8Array.of(byte))]) {
      const decoder = http1Request().decoder()
      let request: Http1Request | null = null
      for (const chunk of chunks) {
        decoder.push(chunk)
        request ??= decoder.read()
      }
      expect([...request!.headers]).toEqual([
        ['Host', 'a'],
        ['X-Long', 'v'.repeat(9000)],
        ['X-Short', '\xff'],
      ])
      expect(request!.headers.get('x-long')).toBe('v'.repeat(9000))
    }
  })

  test('stay right while later messages of the same connection are read', () => {
    const decoder = http1Response().decoder()
    const count = 3000
    const message = (i: number) => ok([`A: ${i}`, 'Content-Length: 1', `B: ${-i}`], 'x')
    decoder.push(latin1(Array.from({ length: count }, (_, i) => message(i)).join('')))
    const frames = Array.from({ length: count }, () => decoder.read()!)
    for (let i = 0; i < count; i++) {
      expect([...frames[i]!.headers]).toEqual([
        ['A', `${i}`],
        ['Content-Length', '1'],
        ['B', `${-i}`],
      ])
      expect(frames[i]!.headers.get('b')).toBe(`${-i}`)
    }
  })
})

describe('http1 trailers', () => {
  test('are apart from the headers (RFC 9112 section 7.1.2)', () => {
    const stream = latin1(
      post(['A: 1', 'Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\nB: 2\r\nC: 3\r\n\r\n'),
    )
    for (const [, chunks] of allCuts(stream)) {
      const decoder = http1Request().decoder()
      let request: Http1Request | null = null
      for (const chunk of chunks) {
        decoder.push(chunk)
        request ??= decoder.read()
      }
      const names = Array.from(request!.headers, ([name]) => name)
      expect(names).toEqual(['Host', 'A', 'Transfer-Encoding'])
      expect([...request!.trailers]).toEqual([
        ['B', '2'],
        ['C', '3'],
      ])
    }
  })

  test('are empty in a message without them', () => {
    expect(oneRequest(get()).trailers.size).toBe(0)
    expect([...oneRequest(get()).trailers]).toEqual([])
    expect(oneRequest(get()).trailers.get('a')).toBeUndefined()
  })
})

describe('http1 bodies', () => {
  test('are views into the chunk that they came in whole', () => {
    for (const text of [
      post(['Content-Length: 5'], 'hello'),
      post(['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'),
    ]) {
      for (const chunk of [latin1(text), Uint8Array.from(latin1(text))]) {
        const decoder = http1Request().decoder()
        decoder.push(chunk)
        const { body } = decoder.read()!
        expect(body.buffer).toBe(chunk.buffer)
        expect(Buffer.isBuffer(body)).toBe(Buffer.isBuffer(chunk))
        expect(bytes(body).toString()).toBe('hello')
      }
    }
  })

  test('of several chunks are put together, as a Buffer from Buffers', () => {
    const { body } = oneRequest(
      post(['Transfer-Encoding: chunked'], '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'),
    )
    expect(Buffer.isBuffer(body)).toBe(true)
    expect(bytes(body).toString()).toBe('hello')
  })

  test('are still right when the memory of earlier chunks is used again', () => {
    const text =
      post(['Content-Length: 5'], 'hello') +
      post(['Transfer-Encoding: chunked'], '2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n')
    const decoder = http1Request().decoder()
    const room = Buffer.alloc(1)
    const found: string[] = []
    for (const byte of latin1(text)) {
      room[0] = byte
      decoder.push(room)
      const request = decoder.read()
      if (request !== null) found.push(requestText(request) + request.headers.get('host'))
    }
    expect(found).toEqual(['POST / HTTP/1.1 "hello"a', 'POST / HTTP/1.1 "hello"a'])
  })
})

/** Runs `work` while the room it asks for, the bytes it copies and its longest list are counted. */
function counted<Result>(work: (counts: { room: number; copied: number; list: number }) => Result) {
  const counts = { room: 0, copied: 0, list: 0 }
  const { allocUnsafe } = Buffer
  const { set } = Uint8Array.prototype
  const { push } = Array.prototype
  Buffer.allocUnsafe = size => {
    // Less is asked for to join a line that is cut, and not kept.
    if (size > 256) counts.room += size
    return allocUnsafe(size)
  }
  Uint8Array.prototype.set = function (source, offset) {
    counts.copied += source.length
    set.call(this, source, offset)
  }
  Array.prototype.push = function (...items) {
    const length = push.apply(this, items)
    if (length > counts.list) counts.list = length
    return length
  }
  try {
    return work(counts)
  } finally {
    Array.prototype.push = push
    // It is inherited from the prototype of all typed arrays.
    Reflect.deleteProperty(Uint8Array.prototype, 'set')
    Buffer.allocUnsafe = allocUnsafe
  }
}

const MIB = 1024 * 1024
const inChunks = (body: Buffer, size: number) => {
  const parts: Buffer[] = []
  for (let at = 0; at < body.length; at += size) {
    const data = body.subarray(at, at + size)
    parts.push(latin1(`${data.length.toString(16)}\r\n`), data, latin1('\r\n'))
  }
  return Buffer.concat([...parts, latin1('0\r\n\r\n')])
}

describe('http1 bodies that span chunks', () => {
  const large = Buffer.alloc(17 * MIB, 'all sorts of things, ')
  const chunkedHead = ok(['Transfer-Encoding: chunked'])
  const framings: [name: string, head: string, body: Buffer, size: number][] = [
    ['with a length', ok([`Content-Length: ${large.length}`]), large, large.length],
    ['in chunks of 1 MiB', chunkedHead, inChunks(large, MIB), large.length],
    ['in chunks of 1000 bytes', chunkedHead, inChunks(large, 1000), large.length],
    ['in chunks of one byte', chunkedHead, inChunks(large.subarray(0, MIB), 1), MIB],
    ['up to the end of the stream', ok([]), large, large.length],
  ]

  test.each(framings.flatMap(framing => [64, 65_536].map(pushed => [pushed, ...framing] as const)))(
    'cost two copies at most, in room of their size: %i bytes at a time, %s',
    (...params) => {
      const [pushed, , head, wire, size] = params
      const decoder = http1Response({ maxBodyBytes: size }).decoder()
      decoder.push(latin1(head))
      expect(decoder.read()).toBeNull()
      const body = counted(counts => {
        let response: Http1Response | null = null
        for (let at = 0; at < wire.length; at += pushed) {
          // The block that is filled; where the size is known, four times what has come and the steps.
          const came = at + pushed
          const most = /Length/.test(head) ? Math.min((16 / 3) * came, 1.34 * size) : came
          if (counts.room > most + 1.1 * MIB) expect([at, counts.room]).toBeNull()
          decoder.push(wire.subarray(at, at + pushed))
          response = decoder.read()
        }
        decoder.end()
        response ??= decoder.read()
        expect(counts.room).toBeLessThan(2 * size + MIB)
        expect(counts.copied).toBeLessThan(2 * size + MIB)
        expect(counts.list).toBeLessThan(1000)
        return response!.body
      })
      expect(Buffer.compare(body, large.subarray(0, size))).toBe(0)
      expect(body.buffer.byteLength).toBe(size)
    },
  )

  test('cost one copy when all their chunks came together', () => {
    const wire = Buffer.concat([latin1(chunkedHead), inChunks(large.subarray(0, 200_000), 5000)])
    const decoder = http1Response().decoder()
    decoder.push(wire)
    const body = counted(counts => {
      const { body } = decoder.read()!
      expect([counts.room, counts.copied]).toEqual([200_000, 200_000])
      return body
    })
    expect(Buffer.compare(body, large.subarray(0, 200_000))).toBe(0)
  })

  test('cost one copy when they end with the stream and came together', () => {
    const decoder = http1Response().decoder()
    decoder.push(Buffer.concat([latin1(ok([])), large.subarray(0, 5000)]))
    const body = counted(counts => {
      expect(decoder.read()).toBeNull()
      decoder.end()
      const { body } = decoder.read()!
      expect(counts.room).toBe(5000)
      return body
    })
    expect(Buffer.compare(body, large.subarray(0, 5000))).toBe(0)
  })

  test.each([1, 511, 512, 513, 1000, 1536])(
    'are not written over by later ones: %i bytes',
    size => {
      const decoder = http1Response().decoder()
      const sent = Array.from({ length: 5 }, (_, i) => Buffer.alloc(size, 0x61 + i))
      const bodies: Uint8Array[] = []
      for (const body of sent) {
        const wire = Buffer.concat([latin1(chunkedHead), inChunks(body, size)])
        for (const part of [wire.subarray(0, -5), wire.subarray(-5)]) {
          decoder.push(part)
          const response = decoder.read()
          if (response !== null) bodies.push(response.body)
        }
      }
      expect(bodies.map(body => bytes(body))).toEqual(sent)
    },
  )

  test('make no long list of their chunks, however small these are', () => {
    const wire = Buffer.concat([latin1(chunkedHead), inChunks(large.subarray(0, 100_000), 1)])
    const decoder = http1Response().decoder()
    decoder.push(wire)
    const body = counted(counts => {
      const { body } = decoder.read()!
      expect(counts.list).toBeLessThan(1000)
      return body
    })
    expect(Buffer.compare(body, large.subarray(0, 100_000))).toBe(0)
    expect(body.buffer.byteLength).toBe(100_000)
  })

  test('cost as much when they are the bytes of a tunnel that nobody asks for', () => {
    const decoder = http1Request({ maxBodyBytes: large.length }).decoder()
    decoder.push(latin1(head('CONNECT a:443 HTTP/1.1', 'Host: a:443')))
    expect(decoder.read()?.method).toBe('CONNECT')
    const rest = counted(counts => {
      for (let at = 0; at < large.length; at += 65_536) {
        decoder.push(large.subarray(at, at + 65_536))
        expect(decoder.read()).toBeNull()
      }
      expect(counts.room).toBeLessThan(large.length + MIB)
      decoder.push(large.subarray(0, 10))
      decoder.push(large.subarray(10, 20))
      const rest = decoder.rest()
      expect(counts.room).toBeLessThan(2 * large.length + 2 * MIB)
      return rest
    })
    expect(Buffer.compare(rest, Buffer.concat([large, large.subarray(0, 20)]))).toBe(0)
    expect(rest.buffer.byteLength).toBe(large.length + 20)
    expect(decoder.rest().length).toBe(0)
  })

  test('are forgotten after an error', () => {
    const decoder = http1Response().decoder()
    decoder.push(latin1(`${chunkedHead}5\r\nhello\r\nx`))
    expect(decoder.read()).toBeNull()
    decoder.push(latin1('\r\n'))
    expect(() => decoder.read()).toThrow('chunk after 5 bytes of body')
    expect([decoder.bytes.length, decoder.endOffset]).toEqual([0, 0])
  })
})

test('http1 lets go of a chunk that it has read', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const texts = [get(), post(['Content-Length: 9'], 'part')]
  const decoders = texts.map(() => http1Request().decoder())
  const refs = texts.map((text, i) => {
    const chunk = Uint8Array.from(latin1(text))
    decoders[i]!.push(chunk)
    while (decoders[i]!.read() !== null);
    return new WeakRef(chunk.buffer)
  })
  await new Promise(resolve => setImmediate(resolve))
  collectGarbage()
  expect(refs.map(ref => ref.deref())).toEqual([undefined, undefined])
  expect(decoders.map(({ head }) => head?.headers.get('content-length'))).toEqual([undefined, '9'])
})

test.each([
  ['HTTP/1.1 without Connection', 'HTTP/1.1', [], true],
  ['HTTP/1.1 with close', 'HTTP/1.1', ['Connection: close'], false],
  ['HTTP/1.1 with close in capitals', 'HTTP/1.1', ['Connection: CLOSE'], false],
  ['HTTP/1.1 with keep-alive', 'HTTP/1.1', ['Connection: keep-alive'], true],
  ['HTTP/1.1 with close in a list', 'HTTP/1.1', ['Connection: x ,\tclose, y'], false],
  [
    'HTTP/1.1 with close on the second line',
    'HTTP/1.1',
    ['Connection: x', 'Connection: close'],
    false,
  ],
  ['HTTP/1.1 with close and keep-alive', 'HTTP/1.1', ['Connection: close, keep-alive'], false],
  ['HTTP/1.1 with another option', 'HTTP/1.1', ['Connection: closed'], true],
  ['HTTP/1.1 with Proxy-Connection', 'HTTP/1.1', ['Proxy-Connection: close'], true],
  ['HTTP/1.0 without Connection', 'HTTP/1.0', [], false],
  ['HTTP/1.0 with keep-alive', 'HTTP/1.0', ['Connection: Keep-Alive'], true],
  ['HTTP/1.0 with close', 'HTTP/1.0', ['Connection: close'], false],
  ['HTTP/1.0 with close and keep-alive', 'HTTP/1.0', ['Connection: keep-alive, close'], false],
] as const)('http1 keepAlive, RFC 9112 section 9.3: %s', (_, version, fields, expected) => {
  const request = oneRequest(head(`GET / ${version}`, 'Host: a', ...fields))
  const response = oneResponse(head(`${version} 200 OK`, 'Content-Length: 0', ...fields))
  expect([request.keepAlive, response.keepAlive]).toEqual([expected, expected])
})

test('http1 keepAlive, RFC 9112 section 9.3: a body that ends with the connection ends it', () => {
  expect(oneResponse(ok([], 'hello')).keepAlive).toBe(false)
  expect(oneResponse(ok(['Connection: keep-alive'])).keepAlive).toBe(false)
  expect(oneResponse(head('HTTP/1.1 204 None')).keepAlive).toBe(true)
})

describe('http1Request', () => {
  test('takes exactly the IPv6 addresses that node:net takes, without a zone', () => {
    const isTaken = (address: string) => {
      const decoder = http1Request().decoder()
      decoder.push(latin1(head('GET / HTTP/1.1', `Host: [${address}]`)))
      try {
        return decoder.read() !== null
      } catch (error) {
        expect((error as FrameError).code).toBe('ERR_FRAME_MALFORMED')
        return false
      }
    }
    const groups = ['0', '9', 'aF0', '10ef', '12345', 'g', '', ':', '1.2.3.4', '255.249.199.99']
    const group = fc.constantFrom(...groups, '256.0.0.1', '01.2.3.4', '1.2.3', '1.2.3.4.', '-1')
    const any = fc.array(fc.oneof({ weight: 3, arbitrary: fc.constant('1') }, group), {
      maxLength: 10,
    })
    const edges = ['::', '::1', '1::', ':', '', ':::', '1', '[::1]', '1:2:3:4:5:6:7:8::', ':1::2']
    const examples = edges.concat('::2:3:4:5:6:7:8', '1:2:3:4:5:6:7::', '1::2::3', '1.2.3.4::')
    for (const address of examples)
      expect([address, isTaken(address)]).toEqual([address, isIPv6(address)])
    fc.assert(
      fc.property(any, groups => {
        const address = groups.join(':')
        expect(isTaken(address)).toBe(isIPv6(address))
      }),
      { numRuns: 3000 },
    )
    expect(isTaken('fe80::1%lo')).toBe(false)
  })

  test('says that a client waits for 100 Continue, until the body begins', () => {
    for (const [fields, body] of [
      [['Content-Length: 5'], 'hello'],
      [['Transfer-Encoding: chunked'], '5\r\nhello\r\n0\r\n\r\n'],
    ] as const) {
      const decoder = http1Request().decoder()
      const waits: boolean[] = []
      const text = post(['Expect: 100-Continue', ...fields], '')
      for (const byte of latin1(text + body)) {
        expect(decoder.awaitsContinue).toBe(waits.at(-1) ?? false)
        decoder.push(Uint8Array.of(byte))
        const request = decoder.read()
        if (request !== null) expect(request.expectsContinue).toBe(true)
        waits.push(decoder.awaitsContinue)
      }
      expect(waits.indexOf(true)).toBe(text.length - 1)
      expect(waits.filter(wait => wait).length).toBe(1)
    }
  })

  test.each([
    ['another expectation', post(['Expect: 200-ok', 'Content-Length: 1'], 'x')],
    ['no body', post(['Expect: 100-continue', 'Content-Length: 0'], '')],
    ['HTTP/1.0', `${head('POST / HTTP/1.0', 'Expect: 100-continue', 'Content-Length: 1')}x`],
  ])('does not wait for 100 Continue with %s (RFC 9110 section 10.1.1)', (_, text) => {
    expect(oneRequest(text).expectsContinue).toBe(false)
  })

  test('shows the head before the body has come', () => {
    const decoder = http1Request().decoder()
    decoder.push(latin1(post(['Content-Length: 5', 'X: 1'], 'hel').slice(0, 20)))
    expect([decoder.read(), decoder.head]).toEqual([null, null])
    decoder.push(latin1(post(['Content-Length: 5', 'X: 1'], 'hel').slice(20)))
    expect(decoder.read()).toBeNull()
    expect(decoder.head?.method).toBe('POST')
    expect(decoder.head?.headers.get('x')).toBe('1')
    expect(decoder.head?.body.length).toBe(0)
    decoder.push(latin1('lo'))
    expect(requestText(decoder.read()!)).toBe('POST / HTTP/1.1 "hello"')
    expect(decoder.head).toBeNull()
  })

  test('shows the head of a chunked request while chunk headers and trailers come', () => {
    const decoder = http1Request().decoder()
    const text = post(['Transfer-Encoding: chunked'], '1\r\na\r\n0\r\nT: 1\r\n\r\n')
    const headSize = post(['Transfer-Encoding: chunked'], '').length
    latin1(text).forEach((byte, i) => {
      decoder.push(Uint8Array.of(byte))
      const request = decoder.read()
      expect(request !== null).toBe(i === text.length - 1)
      const names = decoder.head && Array.from(decoder.head.headers, ([name]) => name)
      const during = i >= headSize - 1 && i < text.length - 1
      expect(names).toEqual(during ? ['Host', 'Transfer-Encoding'] : null)
    })
  })

  test('gives the bytes after CONNECT to the tunnel', () => {
    const decoder = http1Request().decoder()
    decoder.push(latin1(`${head('CONNECT a:443 HTTP/1.1', 'Host: a:443')}\x16\x03`))
    decoder.push(latin1('\x01'))
    expect(decoder.read()?.target).toBe('a:443')
    expect(decoder.read()).toBeNull()
    expect(decoder.rest()).toEqual(latin1('\x16\x03\x01'))
    decoder.push(latin1('\r\n'))
    expect(decoder.read()).toBeNull()
    expect(decoder.rest()).toEqual(latin1('\r\n'))
    expect(decoder.rest().length).toBe(0)
    decoder.end()
  })

  test('keeps no more bytes of a tunnel than of a body while nobody asks for them', () => {
    const connect = head('CONNECT a:443 HTTP/1.1', 'Host: a:443')
    for (const size of [1, 3, 10, 11]) {
      const decoder = http1Request({ maxBodyBytes: 10 }).decoder()
      decoder.push(latin1(connect))
      expect(decoder.read()?.method).toBe('CONNECT')
      const memory = new Uint8Array(size)
      const pushed = Math.floor(10 / size)
      for (let i = 0; i < pushed; i++) {
        decoder.push(memory.fill(i))
        expect(decoder.read()).toBeNull()
      }
      decoder.push(new Uint8Array(11 - pushed * size))
      expect(() => decoder.read()).toThrow(expect.objectContaining({ code: 'ERR_FRAME_TOO_LARGE' }))
      expect(() => decoder.rest()).toThrow(expect.objectContaining({ code: 'ERR_FRAME_TOO_LARGE' }))
    }
    const decoder = http1Request({ maxBodyBytes: 10 }).decoder()
    const memory = latin1(`${connect}abc`)
    decoder.push(memory)
    decoder.read()
    expect(decoder.read()).toBeNull()
    memory.fill(0)
    decoder.push(latin1('defghij'))
    expect(decoder.read()).toBeNull()
    decoder.push(latin1('klm'))
    expect(decoder.rest()).toEqual(latin1('abcdefghijklm'))
  })

  test('gives the rest after any request to a protocol that the server switches to', () => {
    const decoder = http1Request().decoder()
    decoder.push(latin1(`${get('Connection: upgrade', 'Upgrade: x')}\0other`))
    expect(decoder.read()?.headers.get('upgrade')).toBe('x')
    expect(decoder.rest()).toEqual(latin1('\0other'))
    expect(decoder.read()).toBeNull()
  })

  test('has no rest inside a message', () => {
    const decoder = http1Request().decoder()
    decoder.push(latin1('GET'))
    expect(decoder.read()).toBeNull()
    expect(() => decoder.rest()).toThrow(RangeError)
    decoder.push(latin1(post(['Content-Length: 2'], 'x').slice(3).replace('POST', 'GET')))
    expect(() => decoder.rest()).toThrow(RangeError)
  })

  test('moves over messages without frames, with the body in place', () => {
    const decoder = http1Request().decoder()
    const chunk = latin1(post(['Content-Length: 5'], 'hello') + get())
    decoder.push(chunk)
    expect(decoder.frame()).toBeNull()
    expect(decoder.headers.size).toBe(0)
    expect(decoder.next()).toBe(true)
    expect([decoder.method, decoder.target]).toEqual(['POST', '/'])
    expect(decoder.headers.get('content-length')).toBe('5')
    expect(decoder.bytes).toBe(chunk)
    expect(decoder.bytes.subarray(decoder.start, decoder.endOffset)).toEqual(latin1('hello'))
    expect(requestText(decoder.frame()!)).toBe('POST / HTTP/1.1 "hello"')
    expect(decoder.next()).toBe(true)
    expect(decoder.endOffset - decoder.start).toBe(0)
    expect([...decoder.headers]).toEqual([['Host', 'a']])
    expect(decoder.next()).toBe(false)
    expect(decoder.frame()).toBeNull()
    expect(decoder.headers.size).toBe(0)
  })

  test('takes the methods that it is told to, and no others', () => {
    const codec = http1Request({ methods: ['GET', 'FETCH'] })
    const decoder = codec.decoder()
    decoder.push(latin1(head('FETCH / HTTP/1.1', 'Host: a') + post([], '')))
    expect(decoder.read()?.method).toBe('FETCH')
    expect(() => decoder.read()).toThrow(FrameError)
    expect(() => codec.encode({ method: 'POST', target: '/' })).toThrow(RangeError)
  })
})

describe('http1Response', () => {
  test('knows the bodies of answers by the methods that it was told, in order', () => {
    const decoder = http1Response().decoder()
    for (const method of ['GET', 'HEAD', 'GET', 'GET']) decoder.expect(method)
    const answer = ok(['Content-Length: 2'])
    decoder.push(latin1(`${answer}aa${head('HTTP/1.1 103 x')}${answer}${answer}bb${answer}cc`))
    const frames: string[] = []
    for (let frame = decoder.read(); frame !== null; frame = decoder.read()) {
      frames.push(`${frame.requestMethod} ${responseText(frame)}`)
    }
    expect(frames).toEqual([
      'GET 200 OK "aa"',
      'HEAD 103 x ""',
      'HEAD 200 OK ""',
      'GET 200 OK "bb"',
      'GET 200 OK "cc"',
    ])
  })

  test('reads until the end of the stream where nothing else ends the body', () => {
    const decoder = http1Response().decoder()
    decoder.push(latin1(ok([], 'hel')))
    expect(decoder.read()).toBeNull()
    decoder.push(latin1('lo'))
    expect(decoder.read()).toBeNull()
    decoder.end()
    expect(responseText(decoder.read()!)).toBe('200 OK "hello"')
    expect(decoder.read()).toBeNull()
  })

  test('gives the bytes after 101, and after 200 to CONNECT, to the other protocol', () => {
    const decoder = http1Response().decoder()
    decoder.push(latin1(`${head('HTTP/1.1 101 Switch', 'Upgrade: x')}\0other`))
    expect(decoder.read()?.status).toBe(101)
    expect(decoder.read()).toBeNull()
    expect(decoder.rest()).toEqual(latin1('\0other'))
    const tunnel = http1Response().decoder()
    tunnel.expect('CONNECT')
    tunnel.push(latin1(`${ok([])}\0`))
    expect(tunnel.read()?.status).toBe(200)
    expect(tunnel.rest()).toEqual(latin1('\0'))
  })

  test('has a reason of its own in each frame', () => {
    const decoder = http1Response().decoder()
    const reasons = ['OK', 'OK', 'Okay', 'O', '', 'OK']
    const answer = (reason: string) => head(`HTTP/1.1 200 ${reason}`, 'Content-Length: 0')
    decoder.push(latin1(reasons.map(answer).join('')))
    expect(reasons.map(() => decoder.read()?.reason)).toEqual(reasons)
  })

  test('offers the status of a message that was not made a frame', () => {
    const decoder = http1Response().decoder()
    decoder.push(latin1(head('HTTP/1.0 404 No', 'Content-Length: 0')))
    expect([decoder.next(), decoder.status, decoder.keepAlive]).toEqual([true, 404, false])
  })
})

describe('http1 limits', () => {
  const large = 'ERR_FRAME_TOO_LARGE'

  test('count a head with all its line ends', () => {
    const text = get('X: 1')
    expectCode({ maxHeaderBytes: text.length }, text + text, null)
    expectCode({ maxHeaderBytes: text.length - 1 }, text, large)
    expectCode({ maxHeaderBytes: 10 }, text, large)
  })

  test('end a line that does not end', () => {
    expectCode({ maxHeaderBytes: 50 }, `GET /${'x'.repeat(100)}`, large)
    expectCode({ maxHeaderBytes: 50 }, get(`X: ${'x'.repeat(100)}`), large)
    expectCode({ maxHeaderBytes: 50 }, 'x'.repeat(49), 'ERR_FRAME_TRUNCATED')
    expectCode({ maxHeaderBytes: 50 }, `${'x'.repeat(49)}\r\n`, large)
    expectCode({ maxHeaderBytes: 50 }, `${'x'.repeat(48)}\0`, 'ERR_FRAME_MALFORMED')
  })

  test('do not count empty lines before a request', () => {
    const text = get()
    expectCode({ maxHeaderBytes: text.length }, `${'\r\n'.repeat(40)}${text}\r\n`, null)
  })

  test('count field lines, of heads and of trailers', () => {
    expectCode({ maxHeaderFields: 3 }, get('A: 1', 'B: 2') + get('A: 1', 'B: 2'), null)
    expectCode({ maxHeaderFields: 3 }, get('A: 1', 'B: 2', 'C: 3'), large)
    expectCode({ maxHeaderFields: 0 }, head('GET / HTTP/1.0'), null)
    expectCode({ maxHeaderFields: 0 }, head('GET / HTTP/1.0', 'A: 1'), large)
    const trailers = (...lines: string[]) =>
      post(['Transfer-Encoding: chunked'], `0\r\n${head(...lines)}`)
    expectCode({ maxHeaderFields: 2 }, trailers('A: 1', 'B: 2'), null)
    expectCode({ maxHeaderFields: 2 }, trailers('A: 1', 'B: 2', 'C: 3'), large)
    const many = Array.from({ length: 99 }, (_, i) => `F${i}: ${i}`)
    expect(oneRequest(get(...many)).headers.size).toBe(100)
    expect(() => oneRequest(get(...many, 'one: more'))).toThrow('more than 100 field lines')
  })

  test('count the field lines of each message, however many came before', () => {
    const fields = (count: number) => get(...Array.from({ length: count - 1 }, (_, i) => `F: ${i}`))
    for (let before = 0; before < 60; before++) {
      const decoder = http1Request({ maxHeaderFields: 20 }).decoder()
      decoder.push(latin1(fields(3).repeat(before) + fields(20) + fields(21)))
      for (let i = 0; i < before; i++) expect(decoder.read()?.headers.size).toBe(3)
      expect(decoder.read()?.headers.size).toBe(20)
      expect(() => decoder.read()).toThrow('field line 21: more than 20 field lines')
    }
  })

  test('count trailers as a section of their own', () => {
    const text = post(['Transfer-Encoding: chunked'], `0\r\nX: ${'x'.repeat(80)}\r\n\r\n`)
    expectCode({ maxHeaderBytes: 87 }, text, null)
    expectCode({ maxHeaderBytes: 86 }, text, large)
  })

  test('count the extensions of all chunks together', () => {
    const chunk = `1;${'x'.repeat(29)}\r\na\r\n`
    const text = (count: number) =>
      post(['Transfer-Encoding: chunked'], `${chunk.repeat(count)}0\r\n\r\n`)
    expectCode({ maxHeaderBytes: 90 }, text(3), null)
    expectCode({ maxHeaderBytes: 90 }, text(4), large)
    const padded = `${'0'.repeat(30)}1\r\na\r\n`
    const manyZeros = (count: number) =>
      post(['Transfer-Encoding: chunked'], `${padded.repeat(count)}0\r\n\r\n`)
    expectCode({ maxHeaderBytes: 60 }, manyZeros(4), null)
    expectCode({ maxHeaderBytes: 60 }, manyZeros(5), large)
    const zeros = post(['Transfer-Encoding: chunked'], `${'0'.repeat(60)}5\r\nhello\r\n`)
    expectCode({ maxHeaderBytes: 60 }, zeros, large)
  })

  test('count the bytes of a body, however it is framed', () => {
    const maxBodyBytes = 5
    expectCode({ maxBodyBytes }, post(['Content-Length: 5'], 'hello'), null)
    expectCode({ maxBodyBytes }, post(['Content-Length: 6'], ''), large)
    const chunked = (body: string) => post(['Transfer-Encoding: chunked'], body)
    expectCode({ maxBodyBytes }, chunked('2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n'), null)
    expectCode({ maxBodyBytes }, chunked('2\r\nhe\r\n4\r\n'), large)
    for (const [body, code] of [
      ['hello', null],
      ['hello!', large],
    ]) {
      for (const [, chunks] of allCuts(latin1(ok([], body!)))) {
        const decoder = http1Response({ maxBodyBytes }).decoder()
        const run = () => {
          for (const chunk of chunks) {
            decoder.push(chunk)
            decoder.read()
          }
          decoder.end()
          return responseText(decoder.read()!)
        }
        if (code === null) expect(run()).toBe('200 OK "hello"')
        else expect(run).toThrow(expect.objectContaining({ code }))
      }
    }
    expectCode({ maxBodyBytes: 0 }, get() + post(['Content-Length: 0'], ''), null)
  })

  test('are the default of Node for heads, and 1 MiB for bodies', () => {
    const fields = (size: number) => get(`X: ${'x'.repeat(size - get('X: ').length)}`)
    expect(oneRequest(fields(16_384)).headers.size).toBe(2)
    expect(() => oneRequest(fields(16_385))).toThrow('above 16384 bytes')
    const body = 'x'.repeat(1024 * 1024)
    expect(oneRequest(post([`Content-Length: ${body.length}`], body)).body.length).toBe(body.length)
    expect(() => oneRequest(post(['Content-Length: 1048577'], ''))).toThrow(
      'body of 1048577 bytes, limit 1048576',
    )
  })

  test.each([
    { maxHeaderBytes: 0 },
    { maxHeaderBytes: 1.5 },
    { maxHeaderFields: -1 },
    { maxBodyBytes: Number.NaN },
    { maxBodyBytes: Number.POSITIVE_INFINITY },
  ])('are refused when they are no numbers of bytes or lines: %o', options => {
    expect(() => http1Request(options)).toThrow(RangeError)
    expect(() => http1Response(options)).toThrow(RangeError)
  })

  test('reserve nothing for a length that was only announced', () => {
    const before = process.memoryUsage().arrayBuffers
    const decoders = Array.from({ length: 8 }, (_, i) => {
      const decoder = http1Request({ maxBodyBytes: Number.MAX_SAFE_INTEGER }).decoder()
      const fields = [i % 2 ? 'Content-Length: 9007199254740991' : 'Transfer-Encoding: chunked']
      decoder.push(latin1(post(fields, i % 2 ? 'x' : '1fffffffffffff\r\nx')))
      expect(decoder.read()).toBeNull()
      return decoder
    })
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1024 * 1024)
    expect(decoders.length).toBe(8)
  })
})

// A scan that starts again with each byte would take hours here.
describe('http1 reads byte by byte in linear time', () => {
  const size = 1024 * 1024
  const limits = { maxHeaderBytes: 2 * size, maxHeaderFields: size }

  function byteByByte(text: string): Http1Request {
    const decoder = http1Request(limits).decoder()
    for (const byte of latin1(text)) {
      decoder.push(Uint8Array.of(byte))
      const request = decoder.read()
      if (request !== null) return request
    }
    throw new Error('no request')
  }

  test('a field of 1 MiB', () => {
    expect(byteByByte(get(`X: ${'x'.repeat(size)}`)).headers.get('x')?.length).toBe(size)
  })

  test('100,000 fields', () => {
    const fields = Array.from({ length: 100_000 }, (_, i) => `A: ${i % 10}`)
    expect(byteByByte(get(fields.join('\r\n'))).headers.size).toBe(100_001)
  })

  test('a body of 1 MiB', () => {
    const text = post([`Content-Length: ${size}`], 'x'.repeat(size))
    expect(byteByByte(text).body.length).toBe(size)
  })

  test('100,000 chunks of one byte', () => {
    const body = `${'1\r\nx\r\n'.repeat(100_000)}0\r\n\r\n`
    expect(byteByByte(post(['Transfer-Encoding: chunked'], body)).body.length).toBe(100_000)
  })
})
