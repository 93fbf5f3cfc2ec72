import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  type Http1PartEncoder,
  type Http1PartInit,
  type Http1RequestInit,
  type Http1ResponseInit,
  http1Request,
  http1Response,
} from '#lib/framing/http1.ts'
import { framed } from '#lib/framing/stream.ts'

type ResponsePart = Http1PartInit<Http1ResponseInit>
type RequestPart = Http1PartInit<Http1RequestInit>

const data = (text: string) => ({ kind: 'data', data: Buffer.from(text) }) as const
const end = { kind: 'end' } as const
const answer = (head: Partial<Http1ResponseInit> = {}): ResponsePart => ({
  kind: 'head',
  head: { status: 200, ...head },
})
const ask = (head: Partial<Http1RequestInit> = {}): RequestPart => ({
  kind: 'head',
  head: { method: 'POST', target: '/', headers: { Host: 'a' }, ...head },
})

function encode<Init>(encoder: Http1PartEncoder<Init>, ...parts: Http1PartInit<Init>[]): Buffer {
  return Buffer.concat(parts.map(part => encoder.encode(part)))
}

function wire<Init>(encoder: Http1PartEncoder<Init>, ...parts: Http1PartInit<Init>[]): string {
  return encode(encoder, ...parts).toString('latin1')
}

describe('http1Response().encoder()', () => {
  test('sends a body of unknown length in chunks, one for each piece, then trailers', () => {
    const trailers = { Digest: 'x' }
    const encoder = http1Response().encoder()
    expect(wire(encoder, answer(), data('hello'), data(''), data('0123456789abcdef'))).toBe(
      'HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n' +
        '5\r\nhello\r\n10\r\n0123456789abcdef\r\n',
    )
    expect(wire(encoder, { kind: 'end', trailers })).toBe('0\r\nDigest: x\r\n\r\n')
  })

  test('sends a body of an announced length as it is, without a copy', () => {
    const encoder = http1Response().encoder()
    const headers = { 'Content-Length': '10' }
    expect(wire(encoder, answer({ headers }))).toBe('HTTP/1.1 200 \r\nContent-Length: 10\r\n\r\n')
    const piece = Buffer.from('01234')
    expect(encoder.encode({ kind: 'data', data: piece })).toBe(piece)
    expect(wire(encoder, data('56789'), end)).toBe('56789')
  })

  test('sends messages one after the other, interim responses too, and the decoder reads them', () => {
    const encoder = http1Response().encoder()
    const headers = { 'Content-Length': '2' }
    const bytes = encode(
      encoder,
      ...[answer({ status: 103 }), end, answer(), data('one'), data('two'), end],
      ...[answer({ headers }), data('hi'), end, answer({ status: 204 }), end],
      ...[answer({ status: 205 }), end, answer({ headers, requestMethod: 'HEAD' }), end],
    )
    const decoder = http1Response().decoder()
    for (const method of ['GET', 'GET', 'GET', 'GET', 'HEAD']) decoder.expect(method)
    decoder.push(bytes)
    const read: string[] = []
    for (let next = decoder.read(); next !== null; next = decoder.read()) {
      read.push(`${next.status} ${Buffer.from(next.body).toString()}`)
    }
    decoder.end()
    expect(read).toEqual(['103 ', '200 onetwo', '200 hi', '204 ', '205 ', '200 '])
  })

  test('sends a body without a length in HTTP/1.0, and nothing behind it', () => {
    const encoder = http1Response().encoder()
    expect(wire(encoder, answer({ version: '1.0' }), data('hello'), data(' you'), end)).toBe(
      'HTTP/1.0 200 \r\n\r\nhello you',
    )
    expect(() => encoder.encode(answer())).toThrow(RangeError)
  })

  const last: [what: string, head: Partial<Http1ResponseInit>][] = [
    ['Connection: close', { headers: { Connection: 'close' } }],
    ['101', { status: 101 }],
    ['2xx to CONNECT', { requestMethod: 'CONNECT' }],
  ]
  test.each(last)('sends no message behind %s', (_, head) => {
    const encoder = http1Response().encoder()
    encode(encoder, answer(head), end)
    expect(() => encoder.encode(answer())).toThrow(RangeError)
  })

  test('goes on after 404 to CONNECT, which begins no tunnel', () => {
    const encoder = http1Response().encoder()
    encode(encoder, answer({ status: 404, requestMethod: 'CONNECT' }), end)
    expect(wire(encoder, answer())).toContain('200')
  })

  const announced = answer({ headers: { 'Content-Length': '5' } })
  const refused: [what: string, parts: ResponsePart[]][] = [
    ['data before a head', [data('x')]],
    ['an end before a head', [end]],
    ['a head inside a message', [answer(), answer()]],
    ['more data than announced', [announced, data('123'), data('456')]],
    ['an end before all that was announced', [announced, data('123'), end]],
    ['trailers behind an announced length', [announced, data('12345'), { ...end, trailers: {} }]],
    ['data of 204', [answer({ status: 204 }), data('x')]],
    ['data of 205', [answer({ status: 205 }), data('x')]],
    ['data of 304', [answer({ status: 304 }), data('x')]],
    ['data in answer to HEAD', [answer({ requestMethod: 'HEAD' }), data('x')]],
    ['a length for 204', [answer({ status: 204, headers: { 'Content-Length': '0' } })]],
    [
      'chunks in HTTP/1.0',
      [answer({ version: '1.0', headers: { 'Transfer-Encoding': 'chunked' } })],
    ],
    ['a status that is none', [answer({ status: 20 })]],
    ['a line break in a value', [answer({ headers: { A: 'b\r\nc: d' } })]],
    ['a trailer that frames', [answer(), { ...end, trailers: { 'Content-Length': '1' } }]],
    ['a line break in a trailer', [answer(), { ...end, trailers: { A: 'b\r\n' } }]],
  ]
  test.each(refused)('refuses %s', (_, parts) => {
    const encoder = http1Response().encoder()
    for (const part of parts.slice(0, -1)) encoder.encode(part)
    expect(() => encoder.encode(parts.at(-1)!)).toThrow(RangeError)
  })

  test('takes another head after one that was refused', () => {
    const encoder = http1Response().encoder()
    expect(() => encoder.encode(answer({ headers: { A: '\n' } }))).toThrow(RangeError)
    expect(wire(encoder, answer({ status: 500 }))).toContain('HTTP/1.1 500')
  })

  test('sends nothing more after a part was refused inside a message', () => {
    const encoder = http1Response().encoder()
    encode(encoder, announced, data('123'))
    expect(() => encoder.encode(data('456'))).toThrow(RangeError)
    for (const part of [data('45'), end, answer()]) {
      expect(() => encoder.encode(part)).toThrow('refused before')
    }
  })

  test('refuses text as data: its length is not that of its bytes', () => {
    const encoder = http1Response().encoder()
    encoder.encode(answer())
    const text = { kind: 'data', data: 'x' } as unknown as ResponsePart
    expect(() => encoder.encode(text)).toThrow(TypeError)
  })
})

describe('http1Request().encoder()', () => {
  test('sends a POST of unknown length in chunks, and a GET without a body', () => {
    const encoder = http1Request().encoder()
    const get = ask({ method: 'GET' })
    expect(wire(encoder, ask(), data('hi'), end, get, end)).toBe(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n' +
        'GET / HTTP/1.1\r\nHost: a\r\n\r\n',
    )
  })

  const refused: [what: string, parts: RequestPart[]][] = [
    ['a head without Host', [ask({ headers: {} })]],
    ['a target with a space', [ask({ target: '/a b' })]],
    ['data of a GET that announces none', [ask({ method: 'GET' }), data('x')]],
    ['data of a POST in HTTP/1.0 that announces none', [ask({ version: '1.0' }), data('x')]],
    [
      'TRACE with content',
      [ask({ method: 'TRACE', headers: { Host: 'a', 'Content-Length': '1' } })],
    ],
    [
      'Expect without content',
      [ask({ method: 'GET', headers: { Host: 'a', Expect: '100-continue' } })],
    ],
    ['a second request behind CONNECT', [ask({ method: 'CONNECT', target: 'a:1' }), end, ask()]],
  ]
  test.each(refused)('refuses %s', (_, parts) => {
    const encoder = http1Request().encoder()
    for (const part of parts.slice(0, -1)) encoder.encode(part)
    expect(() => encoder.encode(parts.at(-1)!)).toThrow(RangeError)
  })

  test('takes Expect: 100-continue with chunks that are still to come', () => {
    const encoder = http1Request().encoder()
    const headers = { Host: 'a', Expect: '100-continue' }
    expect(wire(encoder, ask({ headers }), data('x'), end)).toContain('Expect: 100-continue')
  })
})

test('http1Response().encoder() over sendAll() makes no more of a body than the peer takes', async () => {
  const PIECES = 512
  const piece = Buffer.alloc(64 * 1024, 'x')
  let made = 0
  let waits = 0
  const server = createServer({ allowHalfOpen: true }, async socket => {
    const peer = framed(socket, { receive: http1Request(), send: http1Response().encoder() })
    await peer.frames.next()
    const headers = { 'Content-Length': String(PIECES * piece.length), Connection: 'close' }
    await peer.sendAll([answer({ headers })])
    for (; made < PIECES; made++) {
      const sent = peer.sendAll([{ kind: 'data', data: piece }])
      if (socket.writableNeedDrain && ++waits === 1) server.emit('waiting')
      await sent
    }
    await peer.sendAll([end])
    await peer.end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const waiting = once(server, 'waiting')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  socket.write(http1Request().encode({ method: 'GET', target: '/', headers: { Host: 'a' } }))
  await waiting // the client reads nothing yet
  expect(made).toBeLessThan(PIECES)
  const decoder = http1Response({ maxBodyBytes: PIECES * piece.length }).decoder()
  for await (const chunk of socket) {
    decoder.push(chunk)
    const response = decoder.read()
    if (response !== null) expect(response.body.length).toBe(PIECES * piece.length)
  }
  decoder.end()
  expect(made).toBe(PIECES)
  expect(waits).toBeGreaterThan(0)
  server.close()
})
