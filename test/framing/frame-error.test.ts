/** Where in a stream each codec gives up, and what an HTTP server answers. */
import { describe, expect, test } from 'vitest'
import { byteStuffing } from '#lib/framing/byte-stuffing.ts'
import { delimiter } from '#lib/framing/delimiter.ts'
import { fixedLength } from '#lib/framing/fixed-length.ts'
import { type FrameCodec, FrameError } from '#lib/framing/frame.ts'
import { http1Request, http1Response } from '#lib/framing/http1.ts'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { lines } from '#lib/framing/lines.ts'
import { netstring } from '#lib/framing/netstring.ts'
import { varintPrefix } from '#lib/framing/varint-prefix.ts'
import { allCuts, bytes } from './support/cuts.ts'

/** Reads the stream in every way to cut it, and returns the one error that it always gives. */
function errorOf(codec: Pick<FrameCodec<unknown>, 'decoder'>, stream: Uint8Array): FrameError {
  const errors: FrameError[] = []
  for (const [, chunks] of allCuts(stream)) {
    const decoder = codec.decoder()
    try {
      for (const chunk of chunks) {
        decoder.push(chunk)
        while (decoder.read() !== null);
      }
      decoder.end()
    } catch (error) {
      errors.push(error as FrameError)
    }
  }
  const plain = errors.map(({ code, message, offset, status }) => [code, message, offset, status])
  expect(new Set(plain.map(each => JSON.stringify(each))).size).toBe(1)
  expect(errors[0]).toBeInstanceOf(FrameError)
  expect(errors.length).toBe(stream.length + 3)
  return errors[0]!
}

const small = { maxFrameBytes: 4 }
const ok = bytes([0xc0], 'ok', [0xc0])
test.each<[string, Pick<FrameCodec<unknown>, 'decoder'>, (string | number[] | Buffer)[], number]>([
  ['fixedLength, cut off', fixedLength({ frameBytes: 4 }), ['left', 'rig'], 7],
  ['lengthPrefix above the limit', lengthPrefix(small), [[0, 0, 0, 1], 'a', [0, 0, 0, 5]], 5],
  ['lengthPrefix, cut off', lengthPrefix(small), [[0, 0, 0, 1], 'a', [0, 0]], 7],
  ['varintPrefix above the limit', varintPrefix(small), [[1], 'a', [0x85, 0]], 2],
  ['varintPrefix of 11 bytes', varintPrefix(), [[1], 'a', Array(11).fill(0x80)], 11],
  ['varintPrefix, cut off', varintPrefix(), [[1], 'a', [0x80]], 3],
  ['netstring above the limit', netstring(small), ['1:a,12:'], 5],
  ['netstring with a leading zero', netstring(small), ['1:a,01:'], 5],
  ['netstring without a comma', netstring(small), ['1:a,2:abc'], 8],
  ['netstring with a letter', netstring(small), ['1:a,2x'], 5],
  ['netstring, cut off', netstring(small), ['1:a,2:'], 6],
  ['delimiter above the limit', delimiter({ delimiter: '\r\n', ...small }), ['a\r\n12345\r\n'], 7],
  ['delimiter, cut off', delimiter({ delimiter: '\r\n' }), ['a\r\n12\r'], 6],
  ['lines above the limit', lines({ maxLineBytes: 4 }), ['a\r\n12345\n'], 7],
  ['lines, cut off', lines(), ['a\n12\r'], 5],
  ['byteStuffing above the limit', byteStuffing(small), [ok, '12345', [0xc0]], 8],
  ['byteStuffing, escapes', byteStuffing(small), [ok, '12', [0xdb, 0xdc], '34', [0xc0]], 9],
  ['byteStuffing, last escape', byteStuffing(small), [ok, '1234', [0xdb, 0xdd, 0xc0]], 9],
  ['byteStuffing with a bad escape', byteStuffing(), [ok, '12', [0xdb], '3', [0xc0]], 7],
  ['byteStuffing, ESC before END', byteStuffing(), [ok, '12', [0xdb, 0xc0]], 7],
  ['byteStuffing, cut off', byteStuffing(), [ok, '12', [0xdb]], 7],
])('%s: the error has the offset of the byte that cannot be right', (_, codec, parts, offset) => {
  const stream = bytes(...parts)
  expect(errorOf(codec, stream).offset).toBe(offset)
  expect(errorOf(codec, new Uint8Array(stream)).offset).toBe(offset)
})

const limits = { maxHeaderBytes: 80, maxHeaderFields: 3, maxBodyBytes: 4 }
const good = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const post = 'POST / HTTP/1.1\r\nHost: a\r\n'
const start = post.length
const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`
const long = 'x'.repeat(80)

describe('http1Request says where a stream is refused, and what to answer:', () => {
  test.each<[status: number, offset: number, what: string, stream: string]>([
    [400, 16, 'a control byte in a value', 'GET / HTTP/1.1\r\n'.concat('\0')],
    [400, 18, 'a LF alone', 'GET / HTTP/1.1\r\nX:\n'],
    [400, 16, 'a space before the colon', 'GET / HTTP/1.1\r\nX : 1\r\n'],
    [400, 0, 'no request-line', 'hello\r\n'],
    [400, 0, 'a target of no form', 'GET x HTTP/1.1\r\n'],
    [400, 18, 'no Host', 'GET / HTTP/1.1\r\n\r\n'],
    [400, start, 'a bad length', `${post}Content-Length: x\r\n`],
    [400, start, 'a coding that is not chunked at last', `${post}Transfer-Encoding: gzip\r\n`],
    [400, start, 'chunked twice', `${post}Transfer-Encoding: chunked, chunked\r\n`],
    [501, start, 'a coding before chunked', `${post}Transfer-Encoding: gzip, chunked\r\n`],
    [501, 0, 'a method that is not known', 'FETCH / HTTP/1.1\r\n'],
    [501, 80, 'a method longer than all', `${long}x / HTTP/1.1\r\n`],
    [505, 0, 'HTTP/2.0', 'GET / HTTP/2.0\r\n'],
    [505, 0, 'HTTP/0.9', 'GET / HTTP/0.9\r\n'],
    [400, 0, 'another protocol', 'GET / ICY/1.0\r\n'],
    [414, 80, 'a target above the limit', `GET /${long} HTTP/1.1\r\n`],
    [431, 80, 'a head above the limit', `GET / HTTP/1.1\r\nX: ${long}\r\n\r\n`],
    [431, 31, 'too many fields', 'GET / HTTP/1.1\r\nA: 1\r\nB: \r\nC:\r\nD: 1\r\n'],
    [413, start + 21, 'a body above the limit', `${post}Content-Length: 5\r\n\r\nhello`],
    [413, start + 43, 'a length of 2^64', `${post}Content-Length: 00018446744073709551616\r\n\r\n`],
    [413, chunked.length + 6, 'chunks above the limit', `${chunked}1\r\na\r\n4\r\nhell`],
    [400, chunked.length + 6, 'a bad chunk size', `${chunked}1\r\na\r\nx\r\n`],
    [400, chunked.length + 4, 'data without CR LF', `${chunked}1\r\nabc`],
    [431, chunked.length + 83, 'trailers above the limit', `${chunked}0\r\nX: ${long}\r\n\r\n`],
    [400, chunked.length + 2, 'a stream that is cut off', `${chunked}1\r`],
  ])('%i at byte %i for %s', (status, offset, _, stream) => {
    const codec = http1Request(limits)
    expect(errorOf(codec, bytes(stream))).toMatchObject({ status, offset })
    expect(errorOf(codec, bytes(good, stream))).toMatchObject({
      status,
      offset: good.length + offset,
    })
  })

  test('400 at the first byte after the last request', () => {
    const last = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
    const error = errorOf(http1Request(), bytes(last, '\r\nGET'))
    expect(error).toMatchObject({ status: 400, offset: last.length + 2 })
  })
})

test('http1Response says where a stream is refused; a client answers nothing', () => {
  const codec = http1Response(limits)
  const head = 'HTTP/1.1 200 OK\r\n\r\n'
  expect(errorOf(codec, bytes(`${head}hello`))).toMatchObject({
    status: undefined,
    offset: head.length + 4,
  })
  const empty = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'
  const asked = {
    decoder() {
      const decoder = codec.decoder()
      decoder.expect('GET')
      return decoder
    },
  }
  expect(errorOf(asked, bytes(empty, '\r\n', empty))).toMatchObject({
    code: 'ERR_FRAME_MALFORMED',
    status: undefined,
    offset: empty.length + 2,
  })
  // Where the CR alone is, however the stream was cut behind it.
  for (const behind of ['\rx', '\r\r\n', `\r${empty}`]) {
    const { message, offset } = errorOf(asked, bytes(empty, '\r\n', behind))
    expect([message, offset]).toEqual(['first line: CR without LF', empty.length + 2])
  }
})

test('http1Response takes a response that is asked for later, when it is read then', () => {
  const decoder = http1Response().decoder()
  const empty = bytes('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  decoder.expect('GET')
  decoder.push(empty)
  expect(decoder.read()?.status).toBe(200)
  decoder.push(empty)
  decoder.expect('HEAD')
  expect(decoder.read()?.requestMethod).toBe('HEAD')
})

test('http1Response joins folded lines with spaces (RFC 9112 section 5.2)', () => {
  const head = 'HTTP/1.1 200 OK\r\nX: 1\r\n \t2\r\n\t3 \r\nY:\r\n 4\r\nContent-Length: 2\r\n\r\nhi'
  for (const [cut, chunks] of allCuts(bytes(head, head))) {
    const given = chunks.map(chunk => Uint8Array.from(chunk))
    const decoder = http1Response().decoder()
    const found: unknown[] = []
    for (const chunk of given) {
      decoder.push(chunk)
      for (let frame = decoder.read(); frame !== null; frame = decoder.read()) {
        found.push([...frame.headers, String(bytes(frame.body))])
        expect(frame.headers.get('x')).toBe('1    2   3')
      }
    }
    const fields = [['X', '1    2   3'], ['Y', '4'], ['Content-Length', '2'], 'hi']
    expect([cut, ...found]).toEqual([cut, fields, fields])
    // What was pushed is the caller's, and stays as it came.
    expect(bytes(...given).toString()).toBe(head + head)
  }
})

test('http1Request sees 100-continue among other expectations (RFC 9110 section 10.1.1)', () => {
  const expects = (value: string) => {
    const decoder = http1Request().decoder()
    decoder.push(bytes(`${post}Expect: ${value}\r\nContent-Length: 1\r\n\r\n`))
    decoder.read()
    return decoder.awaitsContinue
  }
  for (const value of [
    'foo=bar, 100-continue',
    '100-Continue,x',
    ', 100-continue ,',
    'a="\\"",100-continue',
  ]) {
    expect([value, expects(value)]).toEqual([value, true])
  }
  for (const value of [
    '100-continue;x',
    'x 100-continue',
    'a="b, 100-continue"',
    'a="\\", 100-continue',
  ]) {
    expect([value, expects(value)]).toEqual([value, false])
  }
})
