/** What options change: several marks, frames that are skipped, a last line without its end, UTF-8. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { byteStuffing } from '#lib/framing/byte-stuffing.ts'
import { delimiter } from '#lib/framing/delimiter.ts'
import type { FrameCodec } from '#lib/framing/frame.ts'
import { type LinesOptions, lines } from '#lib/framing/lines.ts'
import { bytes, expectForAllCuts, outcome } from './support/cuts.ts'

const skip = { onTooLarge: 'skip' } as const
const unended = { lastLine: 'may lack its end' } as const

describe('delimiter with several marks', () => {
  test.each([
    [['\n', '\r\n'], 'one\ntwo\r\n\r\r\n\n', ['one', 'two', '\r', '']],
    [['\r\n', '\n'], 'one\ntwo\r\n\r\r\n\n', ['one', 'two', '\r', '']],
    [[';', ', '], 'a;b, c,d; , ', ['a', 'b', 'c,d', ' ']],
    [['ab', 'bc'], 'xabcbcab', ['x', 'c', '']],
    [['aab', 'ab', 'b'], 'aaabxabb', ['a', 'x', '']],
    [['abcd', 'bx'], 'abcbxabcabcd', ['abc', 'abc']],
    [['aaa', 'aba'], 'aabaaaaabaa', ['a', '', '']],
  ])('%j end the frames of %j at every cut', (marks, stream, frames) => {
    const [found, tail] = reference(marks, stream)
    expect(found).toEqual(frames)
    const code = tail === '' ? null : 'ERR_FRAME_TRUNCATED'
    const codec = delimiter({ delimiter: marks })
    expectForAllCuts(
      codec,
      bytes(stream),
      frames.map(each => bytes(each)),
      code,
    )
  })

  test('write the first of them, and refuse a frame that any of them would end early', () => {
    const codec = delimiter({ delimiter: ['\n', '\r\n', '--'] })
    expect(codec.encode(bytes('a'))).toEqual(bytes('a\n'))
    const refused = { 'a\nb': 1, 'x--y': 1, 'a\r': 1, '\r\n': 0 }
    for (const [frame, at] of Object.entries(refused)) {
      const message = `frame holds the delimiter at byte ${at}`
      expect(() => codec.encode(bytes(frame))).toThrow(new RangeError(message))
    }
    expect(codec.encode(bytes('a\rb-'))).toEqual(bytes('a\rb-\n'))
  })

  test('refuse a list in which one can never be found', () => {
    expect(() => delimiter({ delimiter: ['\r\n', '\r'] })).toThrow(
      new RangeError('delimiter 1 can never be found: delimiter 2 ends inside it'),
    )
    expect(() => delimiter({ delimiter: ['b', 'abc'] })).toThrow('delimiter 2 can never be found')
    expect(() => delimiter({ delimiter: [] })).toThrow('no delimiter: expected one or more')
    expect(() => delimiter({ delimiter: ['a', ''] })).toThrow('delimiter is empty')
  })

  test('read any bytes the same way at any cut, with a limit and with skipping', () => {
    const word = (least: number, most: number) =>
      fc.array(fc.constantFrom('a', 'b'), { minLength: least, maxLength: most })
    const list = fc.array(word(1, 4), { minLength: 2, maxLength: 4 })
    fc.assert(
      fc.property(list, word(0, 30), fc.nat(8), (all, letters, maxFrameBytes) => {
        const marks = all.map(mark => mark.join(''))
        const stream = letters.join('')
        if (marks.some(mark => marks.some(other => endsInside(other, mark)))) {
          expect(() => delimiter({ delimiter: marks })).toThrow(RangeError)
          return
        }
        const [parts, rest] = reference(marks, stream)
        const bad = parts.findIndex(part => part.length > maxFrameBytes)
        const frames = (bad === -1 ? parts : parts.slice(0, bad)).map(part => bytes(part))
        const least = rest.length - longestBeginning(marks, rest)
        const tooLarge = bad !== -1 || least > maxFrameBytes
        const cutOff = rest === '' ? null : ('ERR_FRAME_TRUNCATED' as const)
        const codec = delimiter({ delimiter: marks, maxFrameBytes })
        expectForAllCuts(codec, bytes(stream), frames, tooLarge ? 'ERR_FRAME_TOO_LARGE' : cutOff)
        const kept = parts.filter(part => part.length <= maxFrameBytes)
        const skipped = parts.length - kept.length + (least > maxFrameBytes ? 1 : 0)
        const skipping = delimiter({ delimiter: marks, maxFrameBytes, ...skip })
        const left = kept.map(part => bytes(part))
        expectForAllCuts(skipping, bytes(stream), left, cutOff, skipped)
        for (const part of kept) {
          const same = reference(marks, part + marks[0])[0][0] === part
          if (same) expect(bytes(codec.encode(bytes(part)))).toEqual(bytes(part, marks[0]!))
          else expect(() => codec.encode(bytes(part))).toThrow(RangeError)
        }
      }),
      { numRuns: 300 },
    )
  })
})

/** Cuts a text the plain way: the first mark to end ends a frame, the longest if several do. */
function reference(marks: string[], stream: string): [frames: string[], rest: string] {
  const frames: string[] = []
  let frame = ''
  for (const letter of stream) {
    frame += letter
    const ends = marks.filter(mark => frame.endsWith(mark)).map(mark => mark.length)
    if (ends.length === 0) continue
    frames.push(frame.slice(0, -Math.max(...ends)))
    frame = ''
  }
  return [frames, frame]
}

function endsInside(other: string, mark: string): boolean {
  const at = mark.indexOf(other)
  return at !== -1 && at + other.length < mark.length
}

function longestBeginning(marks: string[], text: string): number {
  const all = marks.flatMap(mark => Array.from(mark, (_, size) => mark.slice(0, size)))
  return Math.max(...all.filter(start => text.endsWith(start)).map(start => start.length))
}

describe("onTooLarge: 'skip'", () => {
  test('delimiter drops frames above the limit, whole, cut and without an end', () => {
    const codec = delimiter({ delimiter: '\r\n', maxFrameBytes: 3, ...skip })
    const stream = bytes('one\r\nfour\r\n\r\ntwo\r\nand so on\r\nsix\r\nlarger\r\nlarger\r\n')
    const frames = ['one', '', 'two', 'six'].map(each => bytes(each))
    expectForAllCuts(codec, stream, frames, null, 4)
    expectForAllCuts(codec, bytes('one\r\nfour'), [bytes('one')], 'ERR_FRAME_TRUNCATED', 1)
  })

  test('lines drops lines above the limit, read as text and as bytes', () => {
    const stream = bytes('one\nfour\r\n\ntwo\r\r\nétés\nsix\r\nand so on\nlarger\n')
    const frames = ['one', '', 'six']
    for (const codec of [
      lines({ maxLineBytes: 3, ...skip }),
      inPlace({ maxLineBytes: 3, ...skip }),
    ]) {
      expectForAllCuts(codec, stream, frames, null, 5)
      expectForAllCuts(codec, bytes(stream, 'four'), frames, 'ERR_FRAME_TRUNCATED', 6)
      expectForAllCuts(codec, bytes(stream, 'two\r'), frames, 'ERR_FRAME_TRUNCATED', 5)
    }
  })

  test('byteStuffing drops frames above the limit, with escapes and without', () => {
    const codec = byteStuffing({ maxFrameBytes: 2, ...skip })
    const write = byteStuffing()
    const sizes = [2, 3, 1, 9, 2, 3]
    for (const byte of [7, 0xc0, 0xdb]) {
      const all = sizes.map(size => Buffer.alloc(size, byte))
      const stream = bytes(...all.map(each => write.encode(each)))
      expectForAllCuts(codec, stream, [all[0]!, all[2]!, all[4]!], null, 3)
    }
  })

  test('byteStuffing ends the stream at a bad escape that comes before the limit, and not behind', () => {
    const codec = byteStuffing({ maxFrameBytes: 2, ...skip })
    const good = bytes([0xc0, 7, 0xc0])
    const behind = bytes([1, 2, 3, 0xdb, 9, 0xdb, 0xc0])
    expectForAllCuts(codec, bytes(behind, good), [bytes([7])], null, 1)
    const before = bytes([1, 0xdb, 9, 2, 3, 0xc0])
    expectForAllCuts(codec, bytes(good, before), [bytes([7])], 'ERR_FRAME_MALFORMED')
    expectForAllCuts(codec, bytes(good, [1, 2, 3, 0xdb]), [bytes([7])], 'ERR_FRAME_TRUNCATED', 1)
  })

  test('byteStuffing reads any bytes with it as without it, but for the frames above the limit', () => {
    const byte = fc.constantFrom(1, 2, 0xc0, 0xc0)
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 40 }), fc.nat(4), (stream, maxFrameBytes) => {
        const parts = bytes(stream).toString('latin1').split('\u00c0')
        const rest = parts.pop()!
        const frames = parts.filter(part => part !== '' && part.length <= maxFrameBytes)
        const skipped = [...parts, rest].filter(part => part.length > maxFrameBytes).length
        const codec = byteStuffing({ maxFrameBytes, ...skip })
        const code = rest === '' ? null : 'ERR_FRAME_TRUNCATED'
        const left = frames.map(frame => Buffer.from(frame, 'latin1'))
        expectForAllCuts(codec, bytes(stream), left, code, skipped)
      }),
      { numRuns: 300 },
    )
  })

  test.each([
    ['delimiter', delimiter({ delimiter: '\n', maxFrameBytes: 1000, ...skip })],
    ['delimiter of two', delimiter({ delimiter: ['\n', '\0'], maxFrameBytes: 1000, ...skip })],
    ['lines', lines({ maxLineBytes: 1000, ...skip })],
    ['lines, fatal', lines({ maxLineBytes: 1000, fatal: true, ...skip })],
    ['byteStuffing', byteStuffing({ maxFrameBytes: 1000, ...skip })],
  ] as [string, FrameCodec<unknown>][])(
    '%s drops 64 MiB in no more memory than a chunk',
    (name, codec) => {
      const end = name === 'byteStuffing' ? 0xc0 : 0x0a
      const decoder = codec.decoder() as ReturnType<typeof codec.decoder> & {
        skippedFrames: number
      }
      const chunk = Buffer.alloc(65_536, 'x')
      decoder.push(chunk)
      expect(decoder.read()).toBeNull()
      const before = process.memoryUsage()
      for (let i = 0; i < 1024; i++) {
        decoder.push(chunk)
        expect(decoder.read()).toBeNull()
      }
      const after = process.memoryUsage()
      expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(4 * 1024 * 1024)
      decoder.push(bytes([end], 'good', [end]))
      expect(String(decoder.read())).toBe('good')
      expect(decoder.skippedFrames).toBe(1)
      decoder.end()
    },
  )

  test.each([
    ['delimiter', () => delimiter({ delimiter: 'x', onTooLarge: 'drop' as 'skip' })],
    ['lines', () => lines({ onTooLarge: 'drop' as 'skip' })],
    ['byteStuffing', () => byteStuffing({ onTooLarge: 'drop' as 'skip' })],
  ])('%s names a value that it does not know', (_, make) => {
    expect(make).toThrow(new RangeError('onTooLarge is "drop": expected "throw" or "skip"'))
  })
})

/** The same format, read with `next()`. */
function inPlace(options: LinesOptions): FrameCodec<string> {
  const codec = lines(options)
  return {
    encode: codec.encode,
    decoder() {
      const decoder = codec.decoder()
      return {
        push: chunk => decoder.push(chunk),
        end: () => decoder.end(),
        get skippedFrames() {
          return decoder.skippedFrames
        },
        read() {
          if (!decoder.next()) return null
          return String(bytes(decoder.bytes.subarray(decoder.start, decoder.endOffset)))
        },
      }
    },
  }
}

describe("lines({ lastLine: 'may lack its end' })", () => {
  test('gives the last line after end()', () => {
    for (const codec of [lines(unended), inPlace(unended)]) {
      expectForAllCuts(codec, bytes('one\ntwo'), ['one', 'two'])
      expectForAllCuts(codec, bytes('one\r\n\ntwé'), ['one', '', 'twé'])
      expectForAllCuts(codec, bytes('one\ntwo\n'), ['one', 'two'])
      expectForAllCuts(codec, new Uint8Array(bytes('one')), ['one'])
      expectForAllCuts(codec, bytes(''), [])
    }
  })

  test('leaves the last line a CR at its end, which counts for the limit', () => {
    for (const codec of [
      lines({ ...unended, maxLineBytes: 2 }),
      inPlace({ ...unended, maxLineBytes: 2 }),
    ]) {
      expectForAllCuts(codec, bytes('ab\r\na\r'), ['ab', 'a\r'])
      expectForAllCuts(codec, bytes('\n\r'), ['', '\r'])
      expectForAllCuts(codec, bytes('ok\nab\r'), ['ok'], 'ERR_FRAME_TOO_LARGE')
      expect(outcome(codec, [bytes('ok\nab\r')]).error?.offset).toBe(5)
    }
    const skipping = { ...unended, ...skip, maxLineBytes: 2 }
    for (const codec of [lines(skipping), inPlace(skipping)]) {
      expectForAllCuts(codec, bytes('ok\nab\r'), ['ok'], null, 1)
      expectForAllCuts(codec, bytes('ok\nabc'), ['ok'], null, 1)
    }
  })

  test('still refuses rest() inside a line, before end() and behind it', () => {
    const decoder = lines(unended).decoder()
    decoder.push(bytes('one\ntwo'))
    expect(decoder.read()).toBe('one')
    expect(decoder.read()).toBeNull()
    expect(() => decoder.rest()).toThrow(RangeError)
    decoder.end()
    expect(() => decoder.rest()).toThrow('rest() before the last line: read until null first')
    expect(decoder.read()).toBe('two')
    expect(decoder.rest()).toHaveLength(0)
  })

  test('gives a long last line, of which most is text already', () => {
    const long = 'é'.repeat(100_000)
    const decoder = lines(unended).decoder()
    for (const part of [`a\n${long.slice(0, 60_000)}`, long.slice(60_000)]) {
      decoder.push(bytes(part))
      while (decoder.read() !== null);
    }
    decoder.end()
    expect(decoder.read()).toBe(long)
    expect(decoder.read()).toBeNull()
  })

  test('names a value that it does not know', () => {
    expect(() => lines({ lastLine: 'maybe' as 'needs its end' })).toThrow(
      new RangeError('lastLine is "maybe": expected "needs its end" or "may lack its end"'),
    )
  })
})

describe('lines({ fatal: true })', () => {
  const fatal = { fatal: true }

  test('takes all that is UTF-8', () => {
    const text = 'é ß ☃ 漢字 😀 \ufeff \ufffd \u{10ffff} \ud7ff \ue000'
    for (const codec of [lines(fatal), inPlace(fatal)]) {
      expectForAllCuts(codec, bytes(`${text}\n\r\n${text}\r\n`), [text, '', text])
    }
  })

  test.each([
    ['a lone continuation byte', [0x80], 0],
    ['a character without its end', [0xe2, 0x82], 2],
    ['a first byte only', [0xf0], 1],
    ['an overlong slash', [0xc0, 0xaf], 0],
    ['an overlong character of three bytes', [0xe0, 0x9f, 0xbf], 1],
    ['half of a surrogate pair', [0xed, 0xa0, 0x80], 1],
    ['a character above U+10FFFF', [0xf4, 0x90, 0x80, 0x80], 1],
    ['a byte that UTF-8 never has', [0xff], 0],
    ['one continuation byte too many', [0xf0, 0x9f, 0x98, 0x80, 0x80], 4],
  ])('refuses %s, at the byte that cannot be right', (_, bad, at) => {
    for (const codec of [lines(fatal), inPlace(fatal)]) {
      for (const end of ['\n', '\r\n', 'x\n']) {
        const stream = bytes('ok\né\nx', bad, end, 'ok\n')
        expectForAllCuts(codec, stream, ['ok', 'é'], 'ERR_FRAME_MALFORMED')
        expect(outcome(codec, [stream]).error?.offset).toBe(7 + at)
        const plain = new Uint8Array(bytes(bad, end))
        expectForAllCuts(codec, plain, [], 'ERR_FRAME_MALFORMED')
        expect(outcome(codec, [plain]).error?.offset).toBe(at)
      }
    }
  })

  test('finds a bad byte beyond the 64 KiB of a line that are held as bytes', () => {
    const held = 65_536
    for (const bad of [[0xff], [0xf0, 0x9f, 0x98, 0x80, 0x80], [0xe2]]) {
      for (let at = held - 6; at < held + 4; at++) {
        const stream = bytes('x'.repeat(at), bad, 'y'.repeat(held), '\n')
        const whole = outcome(lines(fatal), [stream])
        expect(whole.error?.code).toBe('ERR_FRAME_MALFORMED')
        const parts = Array.from({ length: 20 }, (_, i) =>
          stream.subarray(i * 9999, (i + 1) * 9999),
        )
        expect(outcome(lines(fatal), parts)).toEqual(whole)
      }
    }
  })

  test('agrees with TextDecoder for any bytes, at any cut, with all options', () => {
    const anyByte = fc.constantFrom(
      0x0a,
      0x0a,
      0x0d,
      0x61,
      0xc3,
      0xa9,
      0xe2,
      0x82,
      0xac,
      0xf0,
      0xff,
    )
    const anyStream = fc.array(anyByte, { maxLength: 30 }).map(all => bytes(all))
    fc.assert(
      fc.property(anyStream, fc.nat(12), fc.boolean(), fc.boolean(), (stream, most, lax, skips) => {
        const options: LinesOptions = {
          maxLineBytes: most,
          fatal: true,
          ...(lax ? unended : {}),
          ...(skips ? skip : {}),
        }
        const [frames, code, skipped] = plainly(stream, options)
        expectForAllCuts(lines(options), stream, frames, code, skipped)
        expectForAllCuts(inPlace(options), new Uint8Array(stream), frames, code, skipped)
      }),
      { numRuns: 300 },
    )
  })
})

/** Reads lines the plain way, one by one. */
function plainly(
  stream: Buffer,
  { maxLineBytes = 0, lastLine, onTooLarge }: LinesOptions,
): [
  string[],
  'ERR_FRAME_TOO_LARGE' | 'ERR_FRAME_TRUNCATED' | 'ERR_FRAME_MALFORMED' | null,
  number,
] {
  const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true })
  const frames: string[] = []
  let skipped = 0
  for (let at = 0; at < stream.length; ) {
    const end = stream.indexOf(0x0a, at)
    const line = stream.subarray(at, end === -1 ? stream.length : end)
    const whole = end === -1 && lastLine === 'may lack its end'
    const content = line.at(-1) === 0x0d && !whole ? line.subarray(0, -1) : line
    const tooLarge = content.length > maxLineBytes
    if (tooLarge && onTooLarge !== 'skip') return [frames, 'ERR_FRAME_TOO_LARGE', 0]
    if (tooLarge) skipped++
    if (end === -1 && !whole) return [frames, 'ERR_FRAME_TRUNCATED', skipped]
    try {
      if (!tooLarge) frames.push(strict.decode(content))
    } catch {
      return [frames, 'ERR_FRAME_MALFORMED', skipped]
    }
    at = end === -1 ? stream.length : end + 1
  }
  return [frames, null, skipped]
}
