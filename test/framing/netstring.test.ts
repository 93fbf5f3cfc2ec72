import fc from 'fast-check'
import { expect, test } from 'vitest'
import { netstring } from '#lib/framing/netstring.ts'
import { bytes, expectForAllCuts } from './support/cuts.ts'

test('netstring reads and writes the example of its specification', () => {
  const wire = bytes([0x31, 0x32, 0x3a], 'hello world!', [0x2c])
  expect(netstring().encode(bytes('hello world!'))).toEqual(wire)
  expectForAllCuts(netstring(), wire, [bytes('hello world!')])
  expect(netstring().encode(bytes(''))).toEqual(bytes('0:,'))
  expectForAllCuts(netstring(), bytes('0:,0:,'), [bytes(''), bytes('')])
})

test('netstring takes any bytes as payload, netstrings too', () => {
  const stream = bytes('9:3:a,b,0:,,1:\0,1:\n,')
  expectForAllCuts(netstring(), stream, [bytes('3:a,b,0:,'), bytes('\0'), bytes('\n')])
})

test.each([
  ['a leading zero', '00:,'],
  ['a leading zero before digits', '03:abc,'],
  ['a sign', '+3:abc,'],
  ['a minus sign', '-0:,'],
  ['a space in front', ' 3:abc,'],
  ['a space behind the digits', '3 :abc,'],
  ['no digits', ':abc,'],
  ['a hexadecimal digit', 'a:0123456789,'],
  ['an exponent', '1e1:0123456789,'],
  ['a newline behind the comma', '\n3:abc,'],
  ['a wide digit', '\u0663:abc,'],
  ['a byte in the place of the comma', '3:abc;'],
  ['a payload that is longer than it says', '3:abcd,'],
  ['a byte below the digits', '/:,'],
  ['a semicolon in the place of the colon', '3;abc,'],
])('netstring refuses %s', (_, bad) => {
  const stream = bytes('2:ok,0:,', bad)
  expectForAllCuts(netstring(), stream, [bytes('ok'), bytes('')], 'ERR_FRAME_MALFORMED')
})

test('netstring says that a payload shorter than its count has no comma behind it', () => {
  expectForAllCuts(netstring(), bytes('3:ab,3:abc,'), [], 'ERR_FRAME_MALFORMED')
  const decoder = netstring().decoder()
  decoder.push(bytes('3:ab,3:abc,'))
  expect(() => decoder.read()).toThrow('0x33 instead of a comma after 3 bytes')
})

test('netstring judges a bad comma only when it is there', () => {
  expectForAllCuts(netstring(), bytes('3:abc'), [], 'ERR_FRAME_TRUNCATED')
})

test.each(['1', '1:', '1:a', '12', '12:hello world!'])('netstring says that %j is cut off', cut => {
  expectForAllCuts(netstring(), bytes(cut), [], 'ERR_FRAME_TRUNCATED')
})

test('netstring refuses a count at the first digit that takes it above the limit', () => {
  const codec = netstring({ maxFrameBytes: 100 })
  expectForAllCuts(codec, bytes('101'), [], 'ERR_FRAME_TOO_LARGE')
  expectForAllCuts(codec, bytes('1000000000000000000000'), [], 'ERR_FRAME_TOO_LARGE')
  expectForAllCuts(codec, bytes('101x'), [], 'ERR_FRAME_TOO_LARGE')
  expectForAllCuts(codec, bytes('100'), [], 'ERR_FRAME_TRUNCATED')
  for (const forged of [2n ** 31n, 2n ** 32n - 1n, 2n ** 53n, 10n ** 40n]) {
    const stream = bytes(`1:a,1:b,${forged}:x`)
    expectForAllCuts(netstring(), stream, [bytes('a'), bytes('b')], 'ERR_FRAME_TOO_LARGE')
  }
  const largest = netstring({ maxFrameBytes: Number.MAX_SAFE_INTEGER })
  expectForAllCuts(largest, bytes(`${2n ** 53n}:x`), [], 'ERR_FRAME_TOO_LARGE')
  expectForAllCuts(largest, bytes(`${2n ** 53n - 1n}:x`), [], 'ERR_FRAME_TRUNCATED')
})

test('netstring takes a frame of exactly the limit and refuses one byte more', () => {
  for (const limit of [0, 1, 9, 10, 100]) {
    const codec = netstring({ maxFrameBytes: limit })
    const good = Buffer.alloc(limit, 1)
    const wire = codec.encode(good)
    const bad = netstring().encode(Buffer.alloc(limit + 1, 2))
    expectForAllCuts(codec, bytes(wire, wire), [good, good])
    expectForAllCuts(codec, bytes(wire, bad, wire), [good], 'ERR_FRAME_TOO_LARGE')
    expect(() => codec.encode(Buffer.alloc(limit + 1))).toThrow(RangeError)
  }
})

test('netstring names the option that is out of range, and its value', () => {
  for (const maxFrameBytes of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
    expect(() => netstring({ maxFrameBytes })).toThrow(`maxFrameBytes is ${maxFrameBytes}: `)
  }
})

test('netstring returns any frames under any limit at any cut', () => {
  const anyStream = fc.record({
    maxFrameBytes: fc.nat(30),
    frames: fc.array(fc.uint8Array({ maxLength: 34 }), { maxLength: 8 }),
  })
  fc.assert(
    fc.property(anyStream, ({ maxFrameBytes, frames }) => {
      const codec = netstring({ maxFrameBytes })
      const bad = frames.findIndex(frame => frame.length > maxFrameBytes)
      const good = bad === -1 ? frames : frames.slice(0, bad)
      for (const frame of good) {
        expect(bytes(codec.encode(frame))).toEqual(bytes(`${frame.length}:`, frame, ','))
      }
      if (bad !== -1) expect(() => codec.encode(frames[bad]!)).toThrow(RangeError)
      const stream = bytes(...frames.flatMap(frame => [`${frame.length}:`, frame, ',']))
      const code = bad === -1 ? null : 'ERR_FRAME_TOO_LARGE'
      expectForAllCuts(
        codec,
        stream,
        good.map(frame => bytes(frame)),
        code,
      )
    }),
    { numRuns: 60 },
  )
})

test('netstring reads any bytes the same way at any cut', () => {
  const anyBytes = fc.array(fc.constantFrom(...'0123:,:,ab'), { maxLength: 24 })
  fc.assert(
    fc.property(anyBytes, fc.nat(12), (letters, maxFrameBytes) => {
      const stream = letters.join('')
      const [frames, code] = reference(stream, maxFrameBytes)
      expectForAllCuts(
        netstring({ maxFrameBytes }),
        bytes(stream),
        frames.map(f => bytes(f)),
        code,
      )
    }),
    { numRuns: 300 },
  )
})

/** Reads netstrings the plain way, from one string. */
function reference(
  stream: string,
  limit: number,
): [string[], 'ERR_FRAME_TOO_LARGE' | 'ERR_FRAME_MALFORMED' | 'ERR_FRAME_TRUNCATED' | null] {
  const frames: string[] = []
  for (let at = 0; at < stream.length; ) {
    const count = /^(0|[1-9]\d*)?/.exec(stream.slice(at))![0]
    for (let i = 1; i <= count.length; i++) {
      if (Number(count.slice(0, i)) > limit) return [frames, 'ERR_FRAME_TOO_LARGE']
    }
    const colon = at + count.length
    if (colon === stream.length) return [frames, 'ERR_FRAME_TRUNCATED']
    if (count === '' || stream[colon] !== ':') return [frames, 'ERR_FRAME_MALFORMED']
    const comma = colon + 1 + Number(count)
    if (comma >= stream.length) return [frames, 'ERR_FRAME_TRUNCATED']
    if (stream[comma] !== ',') return [frames, 'ERR_FRAME_MALFORMED']
    frames.push(stream.slice(colon + 1, comma))
    at = comma + 1
  }
  return [frames, null]
}
