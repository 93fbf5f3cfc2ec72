import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FrameCodec } from '#lib/framing/frame.ts'
import { lines } from '#lib/framing/lines.ts'
import { bytes, expectForAllCuts, outcome } from './support/cuts.ts'

test('lines takes LF and CR LF, mixed', () => {
  expectForAllCuts(lines(), bytes('one\ntwo\r\n\n\r\nsix\n'), ['one', 'two', '', '', 'six'])
  expectForAllCuts(lines(), bytes(''), [])
})

test('lines keeps a CR that stands anywhere else', () => {
  const stream = bytes('\rone\rtwo\n\r\r\nthree\r\r\r\n')
  expectForAllCuts(lines(), stream, ['\rone\rtwo', '\r', 'three\r\r'])
})

test('lines puts characters together that were cut', () => {
  const text = 'é ß ☃ 漢字 😀 e\u0301 \u{10ffff}'
  expectForAllCuts(lines(), bytes(`${text}\r\n\n${text}\n`), [text, '', text])
})

test('lines keeps a byte order mark, in every line', () => {
  const stream = bytes('\ufeffone\n\ufefftwo\n')
  expectForAllCuts(lines(), stream, ['\ufeffone', '\ufefftwo'])
  expectForAllCuts(lines(), new Uint8Array(stream), ['\ufeffone', '\ufefftwo'])
})

const texts = ['', 'one', 'é ß ☃ 漢字 😀', '漢'.repeat(20), 'cr \r inside']

describe.each([
  ['Buffer', (size: number) => Buffer.alloc(size, 0x77)],
  ['Uint8Array', (size: number) => new Uint8Array(size).fill(0x77)],
])('lines encodeInto() into a %s', (_, room) => {
  test.each(['\n', '\r\n'] as const)('writes what encode() returns, with %j', lineEnd => {
    const codec = lines({ lineEnd })
    const wire = Buffer.concat(texts.map(text => codec.encode(text)))
    for (const spare of [0, 1, 300]) {
      const target = room(wire.length + 2 + spare)
      let offset = 2
      for (const text of texts) offset = codec.encodeInto(text, target, offset)
      expect(offset).toBe(wire.length + 2)
      const wanted = Buffer.concat([bytes([0x77, 0x77]), wire, Buffer.alloc(spare, 0x77)])
      expect(Buffer.from(target)).toEqual(wanted)
    }
  })

  test('returns -1 and writes nothing when there is too little room', () => {
    for (const text of texts) {
      const size = lines().encode(text).length
      for (let bytesLeft = 0; bytesLeft < size; bytesLeft++) {
        const target = room(bytesLeft + 3)
        expect(lines().encodeInto(text, target, 3)).toBe(-1)
        expect(target).toEqual(room(bytesLeft + 3))
      }
    }
  })

  test.each([
    ['LF', 'two\nlines'],
    ['a CR at its end', 'line\r'],
    ['half a character', 'x\ud83d'],
    ['one byte too many', '漢字!'],
  ])('refuses a line with %s, and writes nothing', (_, text) => {
    const codec = text === '漢字!' ? lines({ maxLineBytes: 6 }) : lines()
    const target = room(99)
    expect(() => codec.encode(text)).toThrow(RangeError)
    expect(() => codec.encodeInto(text, target, 0)).toThrow(RangeError)
    expect(target).toEqual(room(99))
  })

  test('refuses an offset outside the target', () => {
    for (const offset of [-1, 0.5, 41, Number.NaN]) {
      expect(() => lines().encodeInto('x', room(40), offset)).toThrow(
        `offset is ${offset}: expected a whole number from 0 to 40`,
      )
    }
  })
})

test.each([
  ['a lone continuation byte', [0x80]],
  ['a character without its end', [0xe2, 0x82]],
  ['a first byte only', [0xf0]],
  ['an overlong slash', [0xc0, 0xaf]],
  ['half of a surrogate pair', [0xed, 0xa0, 0x80]],
  ['a character above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
  ['bytes that UTF-8 never has', [0xfe, 0xff]],
])('lines replaces %s in its own line only', (_, bad) => {
  const broken = new TextDecoder().decode(bytes(bad))
  expect(broken).toMatch(/^\ufffd+$/)
  const stream = bytes('ok\n', bad, '\n\u00e9\n', 'x', bad, 'x\r\n', bad, '\r\nok\n')
  const frames = ['ok', broken, 'é', `x${broken}x`, broken, 'ok']
  expectForAllCuts(lines(), stream, frames)
})

test('lines says that the last line has no end', () => {
  for (const cut of ['a', 'a\r', '\r', 'é']) {
    expectForAllCuts(lines(), bytes('ok\n', cut), ['ok'], 'ERR_FRAME_TRUNCATED')
  }
})

test('lines takes a line of exactly the limit and refuses one byte more', () => {
  for (const limit of [0, 1, 2, 7]) {
    const codec = lines({ maxLineBytes: limit })
    const good = 'x'.repeat(limit)
    expect(codec.encode(good)).toEqual(new TextEncoder().encode(`${good}\n`))
    expectForAllCuts(codec, bytes(`${good}\n${good}\r\n${good}\n`), [good, good, good])
    expectForAllCuts(codec, bytes(`${good}\n${good}x\n`), [good], 'ERR_FRAME_TOO_LARGE')
    expectForAllCuts(codec, bytes(`${good}\n${good}x`), [good], 'ERR_FRAME_TOO_LARGE')
    expectForAllCuts(codec, bytes(`${good}\n${good}\r\r\n`), [good], 'ERR_FRAME_TOO_LARGE')
    expectForAllCuts(codec, bytes(`${good}\n${good}\r`), [good], 'ERR_FRAME_TRUNCATED')
    expect(() => codec.encode(`${good}x`)).toThrow(`line is ${limit + 1} bytes, limit ${limit}`)
  }
})

test('lines counts bytes for its limit, not characters', () => {
  const codec = lines({ maxLineBytes: 4 })
  expectForAllCuts(codec, bytes('😀\néé\n'), ['😀', 'éé'])
  expectForAllCuts(codec, bytes('ééx\n'), [], 'ERR_FRAME_TOO_LARGE')
  expect(() => codec.encode('ééx')).toThrow('line is 5 bytes, limit 4')
})

test('lines reads a line that is longer than its blocks, cut anywhere', () => {
  const long = 'é'.repeat(40_000)
  const wire = bytes(`short\n${long}\nshort\r\n`)
  for (const size of [wire.length, 65_536, 9_999, 512, 1]) {
    const decoder = lines().decoder()
    const found: string[] = []
    for (let at = 0; at < wire.length; at += size) {
      decoder.push(wire.subarray(at, at + size))
      for (let line = decoder.read(); line !== null; line = decoder.read()) found.push(line)
    }
    decoder.end()
    expect(found).toEqual(['short', long, 'short'])
  }
})

test('lines has an exact limit for a line that is longer than its blocks', () => {
  const codec = lines({ maxLineBytes: 100_000 })
  for (const size of [100_000, 100_001]) {
    for (const chunkBytes of [size + 2, 65_536, 1000]) {
      const decoder = codec.decoder()
      const wire = bytes('x'.repeat(size), '\r\n')
      const read = (): string | null => {
        for (let at = 0; at < wire.length; at += chunkBytes) {
          decoder.push(wire.subarray(at, at + chunkBytes))
          const line = decoder.read()
          if (line !== null) return line
        }
        return null
      }
      if (size === 100_000) expect(read()).toHaveLength(size)
      else expect(read).toThrow('line of more than 100000 bytes')
    }
  }
})

test('lines keeps a character whole that lies across the end of what it holds', () => {
  const held = 65_536
  for (const character of ['\u{1f600}', '\u6f22', '\xe9', 'e']) {
    const size = Buffer.byteLength(character)
    // The character ends exactly where 64 KiB are held, or a few bytes before or behind that.
    for (let end = held - 3; end <= held + 3; end++) {
      const line = `${'x'.repeat(end - size)}${character}${'y'.repeat(100)}`
      const content = bytes(line)
      for (const pushed of [content.length, 7, 3, 1]) {
        const decoder = lines().decoder()
        let found: string | null = null
        for (let at = 0; at < content.length; ) {
          const stop = pushed < 10 && at === 0 ? held - 20 : at + pushed
          decoder.push(content.subarray(at, stop))
          found ??= decoder.read()
          at = stop
        }
        decoder.push(bytes('\r\n'))
        found ??= decoder.read()
        if (found !== line) expect([character, end, pushed, found?.slice(-110)]).toBeNull()
      }
    }
  }
})

test('lines writes the end it was told to', () => {
  expect(lines().encode('a')).toEqual(new TextEncoder().encode('a\n'))
  expect(lines({ lineEnd: '\r\n' }).encode('é')).toEqual(new TextEncoder().encode('é\r\n'))
})

test.each([
  ['a\nb', 'line holds LF at character 1'],
  ['a\r', 'line ends with CR: a reader would drop it'],
  ['ab\ud800', 'line holds half a character at character 2'],
  ['\udc00\ud800', 'line holds half a character at character 0'],
])('lines refuses to write %j', (line, message) => {
  expect(() => lines().encode(line)).toThrow(new RangeError(message))
})

test('lines names the option that is out of range, and its value', () => {
  for (const maxLineBytes of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
    expect(() => lines({ maxLineBytes })).toThrow(`maxLineBytes is ${maxLineBytes}: `)
  }
  const lineEnd = '\r' as '\n'
  expect(() => lines({ lineEnd })).toThrow('lineEnd is "\\r": expected "\\n" or "\\r\\n"')
})

test('lines returns what it wrote, for any text it does not refuse', () => {
  const text = fc.string({ unit: 'binary', maxLength: 30 })
  const anyEnd = fc.constantFrom('\n' as const, '\r\n' as const)
  fc.assert(
    fc.property(fc.array(text, { maxLength: 8 }), anyEnd, (all, lineEnd) => {
      const codec = lines({ lineEnd })
      // Of CR CR LF the decoder drops one CR, of CR LF the only one.
      const bad = (line: string) => (lineEnd === '\n' ? /\n|\r$/ : /\n/).test(line)
      for (const line of all.filter(bad)) expect(() => codec.encode(line)).toThrow(RangeError)
      const good = all.filter(line => !bad(line))
      expectForAllCuts(codec, bytes(...good.map(line => codec.encode(line))), good)
    }),
    { numRuns: 150 },
  )
})

test('lines writes every line that it can read, with CR LF, and reads it again', () => {
  const codec = lines({ lineEnd: '\r\n' })
  expect(codec.encode('a\r')).toEqual(new TextEncoder().encode('a\r\r\n'))
  expectForAllCuts(codec, bytes(codec.encode('a\r'), codec.encode('\r')), ['a\r', '\r'])
  const anyByte = fc.constantFrom(0x0a, 0x0a, 0x0d, 0x0d, 0x61, 0xc3, 0xa9, 0xff)
  fc.assert(
    fc.property(fc.array(anyByte, { maxLength: 40 }), stream => {
      const { frames } = outcome(codec, [bytes(stream, '\n')])
      const again = bytes(...frames.map(line => codec.encode(line)))
      expect(outcome(codec, [again])).toEqual({ frames, error: null })
      for (const line of frames) {
        if (line.endsWith('\r')) expect(() => lines().encode(line)).toThrow('line ends with CR')
        else expect(outcome(lines(), [lines().encode(line)]).frames).toEqual([line])
      }
    }),
    { numRuns: 300 },
  )
})

test('lines reads any bytes the same way at any cut', () => {
  const anyByte = fc.constantFrom(0x0a, 0x0d, 0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0xff)
  const anyStream = fc.array(anyByte, { maxLength: 40 }).map(all => bytes(all))
  fc.assert(
    fc.property(anyStream, fc.nat(12), (stream, maxLineBytes) => {
      const [frames, code] = reference(stream, maxLineBytes)
      expectForAllCuts(lines({ maxLineBytes }), stream, frames, code)
      expectForAllCuts(lines({ maxLineBytes }), new Uint8Array(stream), frames, code)
    }),
    { numRuns: 300 },
  )
})

/** The same format, read with `next()`; every `stringEvery`-th line with `read()` instead. */
function inPlace(maxLineBytes: number, stringEvery = Number.POSITIVE_INFINITY): FrameCodec<string> {
  const codec = lines({ maxLineBytes })
  return {
    encode: codec.encode,
    decoder() {
      const decoder = codec.decoder()
      let found = 0
      return {
        push: chunk => decoder.push(chunk),
        end: () => decoder.end(),
        read() {
          if (++found % stringEvery === 0) return decoder.read()
          if (!decoder.next()) return null
          const { bytes: all, start, endOffset } = decoder
          return Buffer.from(all.subarray(start, endOffset)).toString()
        },
      }
    },
  }
}

test('lines finds the same lines with next(), as bytes, at any cut', () => {
  const anyByte = fc.constantFrom(0x0a, 0x0a, 0x0d, 0x61, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xff)
  const anyStream = fc.array(anyByte, { maxLength: 40 }).map(all => bytes(all))
  fc.assert(
    fc.property(anyStream, fc.nat(12), fc.integer({ min: 2, max: 4 }), (stream, limit, every) => {
      const [frames, code] = reference(stream, limit)
      expectForAllCuts(inPlace(limit), stream, frames, code)
      expectForAllCuts(inPlace(limit, every), new Uint8Array(stream), frames, code)
    }),
    { numRuns: 300 },
  )
})

test('lines leaves a line in its chunk with next(), and joins one that was cut', () => {
  const decoder = lines().decoder()
  const chunk = bytes('one\r\ntwo\r')
  decoder.push(chunk)
  expect([decoder.next(), decoder.bytes === chunk, decoder.start, decoder.endOffset]).toEqual([
    true,
    true,
    0,
    3,
  ])
  expect(decoder.next()).toBe(false)
  decoder.push(bytes('\nend\n'))
  expect(decoder.next()).toBe(true)
  expect(decoder.bytes.subarray(decoder.start, decoder.endOffset).toString()).toBe('two')
  expect(decoder.read()).toBe('end')
  expect(decoder.next()).toBe(false)
})

test('lines refuses next() after read(), which has decoded the lines that follow', () => {
  const decoder = lines().decoder()
  decoder.push(bytes('one\ntwo\n'))
  expect(decoder.read()).toBe('one')
  expect(() => decoder.next()).toThrow(RangeError)
  expect(decoder.read()).toBe('two')
})

/** Reads lines the plain way: cuts the bytes first, decodes each line by itself. */
function reference(
  stream: Buffer,
  limit: number,
): [string[], 'ERR_FRAME_TOO_LARGE' | 'ERR_FRAME_TRUNCATED' | null] {
  const frames: string[] = []
  const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
  for (let at = 0; at < stream.length; ) {
    const end = stream.indexOf(0x0a, at)
    const line = stream.subarray(at, end === -1 ? stream.length : end)
    const content = line.at(-1) === 0x0d ? line.subarray(0, -1) : line
    if (content.length > limit) return [frames, 'ERR_FRAME_TOO_LARGE']
    if (end === -1) return [frames, 'ERR_FRAME_TRUNCATED']
    frames.push(utf8.decode(content))
    at = end + 1
  }
  return [frames, null]
}
