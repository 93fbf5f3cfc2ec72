import fc from 'fast-check'
import { expect, test } from 'vitest'
import { delimiter } from '#lib/framing/delimiter.ts'
import { bytes, expectForAllCuts } from './support/cuts.ts'

test.each([
  ['\n', 'one\n\ntwo\n', ['one', '', 'two']],
  ['\0', 'one\0two\0', ['one', 'two']],
  ['\r\n', 'one\r\ntwo\r\r\n\n\r\n\r\n', ['one', 'two\r', '\n', '']],
  ['\r\n\r\n', 'a\r\n\r\n\r\n\r\nb\r\n\r\r\n\r\n', ['a', '', 'b\r\n\r']],
  ['aab', 'aaab', ['a']],
  ['aab', 'aaaabaabaaaaab', ['aa', '', 'aaa']],
  ['aa', 'aabaacaaaa', ['', 'b', 'c', '']],
  ['abab', 'ababxabaabab', ['', 'xaba']],
  ['abcabd', 'abcabcabd', ['abc']],
  ['aabaaab', 'aabaaabaaabxaabaabaaab', ['', 'aaabxaab']],
  ['--boundary', '-----boundary--bound--boundary', ['---', '--bound']],
  ['é', 'caf\u00e9\u00e8\u00e9', ['caf', '\u00e8']],
])('delimiter %j cuts %j at every cut', (mark, stream, frames) => {
  const codec = delimiter({ delimiter: mark })
  expectForAllCuts(
    codec,
    bytes(stream),
    frames.map(frame => bytes(frame)),
  )
  expectForAllCuts(
    delimiter({ delimiter: bytes(mark) }),
    bytes(stream),
    frames.map(f => bytes(f)),
  )
})

test('delimiter says that a stream ended behind anything else than a delimiter', () => {
  const codec = delimiter({ delimiter: '\r\n' })
  expectForAllCuts(codec, bytes(''), [])
  for (const cut of ['a', '\r', 'a\r', '\n', '\r\r']) {
    expectForAllCuts(codec, bytes('ok\r\n', cut), [bytes('ok')], 'ERR_FRAME_TRUNCATED')
  }
})

test.each(['\n', '\r\n', 'aab', 'aaa'])('delimiter %j has an exact limit', mark => {
  for (const limit of [0, 1, 2, 5]) {
    const codec = delimiter({ delimiter: mark, maxFrameBytes: limit })
    const good = bytes('x'.repeat(limit))
    const wire = bytes(good, mark)
    expect(bytes(codec.encode(good))).toEqual(wire)
    expectForAllCuts(codec, bytes(wire, wire), [good, good])
    expectForAllCuts(codec, bytes(wire, 'x', wire, wire), [good], 'ERR_FRAME_TOO_LARGE')
    expectForAllCuts(codec, bytes(wire, 'x', good), [good], 'ERR_FRAME_TOO_LARGE')
    expect(() => codec.encode(bytes('x', good))).toThrow(RangeError)
  }
})

test('delimiter waits for bytes that may still be the delimiter, and no longer', () => {
  const codec = delimiter({ delimiter: '\r\n', maxFrameBytes: 2 })
  expectForAllCuts(codec, bytes('ab\r'), [], 'ERR_FRAME_TRUNCATED')
  expectForAllCuts(codec, bytes('ab\r\r'), [], 'ERR_FRAME_TOO_LARGE')
  expectForAllCuts(codec, bytes('abc'), [], 'ERR_FRAME_TOO_LARGE')
  expectForAllCuts(codec, bytes('a\r\r\n'), [bytes('a\r')])
})

test.each([
  ['\n', 'a\nb', 1],
  ['\n', '\n', 0],
  ['\r\n', 'a\r\nb', 1],
  ['aa', 'xa', 1],
  ['aab', 'xaab', 1],
  ['abab', 'xab', 1],
  ['--', 'x-', 1],
])('delimiter %j refuses to write %j: it would end early', (mark, frame, at) => {
  const codec = delimiter({ delimiter: mark })
  const message = `frame holds the delimiter at byte ${at}`
  expect(() => codec.encode(bytes(frame))).toThrow(new RangeError(message))
  expect(() => codec.encodeInto(bytes(frame), new Uint8Array(99), 0)).toThrow(RangeError)
})

test('delimiter writes a frame that only looks like the delimiter', () => {
  expect(delimiter({ delimiter: '\r\n' }).encode(bytes('a\r'))).toEqual(bytes('a\r\r\n'))
  expect(delimiter({ delimiter: 'aab' }).encode(bytes('aa'))).toEqual(bytes('aaaab'))
})

test('delimiter keeps its own copy of the mark', () => {
  const mark = bytes('\n')
  const codec = delimiter({ delimiter: mark })
  mark[0] = 0
  expect(codec.encode(bytes('a'))).toEqual(bytes('a\n'))
})

test('delimiter names the option that is out of range, and its value', () => {
  expect(() => delimiter({ delimiter: '' })).toThrow(
    new RangeError('delimiter is empty: expected one or more bytes'),
  )
  for (const maxFrameBytes of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
    expect(() => delimiter({ delimiter: '\n', maxFrameBytes })).toThrow(
      `maxFrameBytes is ${maxFrameBytes}: `,
    )
  }
})

test('delimiter reads any bytes the same way at any cut', () => {
  const letters = (most: number) =>
    fc.array(fc.constantFrom('a', 'b'), { maxLength: most }).map(all => all.join(''))
  const mark = letters(5).filter(text => text !== '')
  fc.assert(
    fc.property(mark, letters(40), fc.nat(12), (mark, stream, maxFrameBytes) => {
      const parts = stream.split(mark)
      const rest = parts.pop()!
      const bad = parts.findIndex(part => part.length > maxFrameBytes)
      const frames = (bad === -1 ? parts : parts.slice(0, bad)).map(part => bytes(part))
      let matched = mark.length - 1
      while (!rest.endsWith(mark.slice(0, matched))) matched--
      const tooLarge = bad !== -1 || rest.length - matched > maxFrameBytes
      const cutOff = rest === '' ? null : ('ERR_FRAME_TRUNCATED' as const)
      const codec = delimiter({ delimiter: mark, maxFrameBytes })
      expectForAllCuts(codec, bytes(stream), frames, tooLarge ? 'ERR_FRAME_TOO_LARGE' : cutOff)
      for (const [i, part] of parts.entries()) {
        if (i === bad) expect(() => codec.encode(bytes(part))).toThrow(RangeError)
        else expect(bytes(codec.encode(bytes(part)))).toEqual(bytes(part, mark))
        if (i === bad) break
      }
    }),
    { numRuns: 400 },
  )
})

test('delimiter writes exactly the frames that its decoder returns unchanged', () => {
  const some = fc.array(fc.constantFrom(0x61, 0x62), { maxLength: 8 })
  fc.assert(
    fc.property(
      some.filter(mark => mark.length > 0),
      some,
      (mark, frame) => {
        const codec = delimiter({ delimiter: bytes(mark) })
        const decoder = codec.decoder()
        decoder.push(bytes(frame, mark))
        const same = decoder.read()?.length === frame.length
        if (same) expect(codec.encode(bytes(frame))).toEqual(bytes(frame, mark))
        else expect(() => codec.encode(bytes(frame))).toThrow(RangeError)
      },
    ),
    { numRuns: 500 },
  )
})
