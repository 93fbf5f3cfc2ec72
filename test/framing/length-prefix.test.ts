import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameError } from '#lib/framing/frame.ts'
import { type LengthPrefixOptions, lengthPrefix } from '#lib/framing/length-prefix.ts'
import { bytes, expectForAllCuts } from './support/cuts.ts'

const shapes: LengthPrefixOptions[] = ([1, 2, 3, 4, 6, 8] as const).flatMap(prefixBytes => [
  { prefixBytes, endian: 'big' },
  { prefixBytes, endian: 'little' },
])

describe.each(shapes)('lengthPrefix of $prefixBytes bytes, $endian endian,', shape => {
  test('reads what it wrote at every cut', () => {
    const frames = [bytes('one'), bytes(''), bytes('\0\0\0\0\0\0\0\x01'), bytes('')]
    const codec = lengthPrefix(shape)
    expectForAllCuts(codec, bytes(...frames.map(frame => codec.encode(frame))), frames)
  })

  test('takes a frame of exactly the limit and refuses one byte more', () => {
    const codec = lengthPrefix({ ...shape, maxFrameBytes: 9 })
    const good = codec.encode(bytes('123456789'))
    const bad = lengthPrefix(shape).encode(bytes('1234567890'))
    expectForAllCuts(codec, bytes(good, good), [bytes('123456789'), bytes('123456789')])
    expectForAllCuts(codec, bytes(good, bad, good), [bytes('123456789')], 'ERR_FRAME_TOO_LARGE')
    expect(() => codec.encode(bytes('1234567890'))).toThrow(RangeError)
  })

  test('says that a stream was cut off inside the count or the payload', () => {
    const codec = lengthPrefix(shape)
    const stream = codec.encode(bytes('abc'))
    for (let kept = 1; kept < stream.length; kept++) {
      expectForAllCuts(codec, stream.subarray(0, kept), [], 'ERR_FRAME_TRUNCATED')
    }
  })
})

test('lengthPrefix writes and reads the two-byte prefix of DNS over TCP', () => {
  // A query for example.com, type A: 29 bytes, RFC 1035 section 4.2.2.
  const query = bytes(
    [0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    [7, ...Buffer.from('example'), 3, ...Buffer.from('com'), 0, 0, 1, 0, 1],
  )
  const codec = lengthPrefix({ prefixBytes: 2 })
  expect(codec.encode(query)).toEqual(bytes([0x00, 0x1d], query))
  expectForAllCuts(codec, bytes([0x00, 0x1d], query, [0x00, 0x1d], query), [query, query])
})

test.each([
  [1, 'big', 255, [255]],
  [2, 'big', 258, [1, 2]],
  [2, 'little', 258, [2, 1]],
  [3, 'big', 0x010203, [1, 2, 3]],
  [3, 'little', 0x010203, [3, 2, 1]],
  [4, 'big', 0x010203, [0, 1, 2, 3]],
  [4, 'little', 0x010203, [3, 2, 1, 0]],
  [6, 'big', 258, [0, 0, 0, 0, 1, 2]],
  [8, 'little', 258, [2, 1, 0, 0, 0, 0, 0, 0]],
] as const)('lengthPrefix of %i bytes, %s endian, writes %i as %j', (size, endian, n, count) => {
  const codec = lengthPrefix({ prefixBytes: size, endian })
  const wire = codec.encode(new Uint8Array(n))
  expect([...wire.subarray(0, size)]).toEqual(count)
  expect(wire.length).toBe(size + n)
})

const forged: [number, bigint, LengthPrefixOptions['prefixBytes']][] = [
  [2 ** 31, 2n ** 31n, 4],
  [2 ** 32 - 1, 2n ** 32n - 1n, 4],
  [2 ** 53, 2n ** 53n, 8],
  [2 ** 53 + 1, 2n ** 53n + 1n, 8],
  [2 ** 64 - 1, 2n ** 64n - 1n, 8],
]
test.each(forged)('lengthPrefix refuses a forged length of %d', (_, exact, prefixBytes = 4) => {
  for (const endian of ['big', 'little'] as const) {
    const count = Buffer.alloc(8)
    if (endian === 'big') count.writeBigUInt64BE(exact)
    else count.writeBigUInt64LE(exact)
    const wire = endian === 'big' ? count.subarray(8 - prefixBytes) : count.subarray(0, prefixBytes)
    const codec = lengthPrefix({ prefixBytes, endian })
    const largest = lengthPrefix({ prefixBytes, endian, maxFrameBytes: Number.MAX_SAFE_INTEGER })
    const good = codec.encode(bytes('good'))
    const frames = [bytes('good'), bytes('good')]
    expectForAllCuts(codec, bytes(wire, 'x'), [], 'ERR_FRAME_TOO_LARGE')
    expectForAllCuts(codec, bytes(good, good, wire, 'x'), frames, 'ERR_FRAME_TOO_LARGE')
    const tooLarge = exact > Number.MAX_SAFE_INTEGER
    const verdict = tooLarge ? 'ERR_FRAME_TOO_LARGE' : 'ERR_FRAME_TRUNCATED'
    expectForAllCuts(largest, bytes(good, good, wire, 'x'), frames, verdict)
    const decoder = codec.decoder()
    decoder.push(wire)
    const size = tooLarge ? 'more than 2^53 - 1' : exact
    expect(() => decoder.read()).toThrow(`frame of ${size} bytes, limit 1048576`)
  }
})

test('lengthPrefix names the option that is out of range, and its value', () => {
  const wrong = (options: object) => () => lengthPrefix(options)
  expect(wrong({ prefixBytes: 5 })).toThrow(
    new RangeError('prefixBytes is 5: expected 1, 2, 3, 4, 6 or 8'),
  )
  expect(wrong({ endian: 'middle' })).toThrow(RangeError)
  for (const maxFrameBytes of [-1, 1.5, Number.NaN, Infinity, 2 ** 53, '9']) {
    expect(wrong({ maxFrameBytes })).toThrow(`maxFrameBytes is ${maxFrameBytes}: `)
  }
})

test('lengthPrefix is limited by what the prefix can say', () => {
  const codec = lengthPrefix({ prefixBytes: 1, maxFrameBytes: 1000 })
  expect(codec.encode(new Uint8Array(255)).length).toBe(256)
  expect(() => codec.encode(new Uint8Array(256))).toThrow('frame is 256 bytes, limit 255')
})

test('lengthPrefix returns any frames under any limit at any cut', () => {
  const anyStream = fc.record({
    shape: fc.constantFrom(...shapes),
    maxFrameBytes: fc.nat(40),
    frames: fc.array(fc.uint8Array({ maxLength: 48 }), { maxLength: 12 }),
  })
  fc.assert(
    fc.property(anyStream, ({ shape, maxFrameBytes, frames }) => {
      const codec = lengthPrefix({ ...shape, maxFrameBytes })
      const anySize = lengthPrefix(shape)
      const bad = frames.findIndex(frame => frame.length > maxFrameBytes)
      for (const [i, frame] of frames.entries()) {
        if (frame.length > maxFrameBytes) expect(() => codec.encode(frame)).toThrow(RangeError)
        else expect(codec.encode(frame)).toEqual(anySize.encode(frame))
        if (i === bad) break
      }
      const stream = bytes(...frames.map(frame => anySize.encode(frame)))
      const good = bad === -1 ? frames : frames.slice(0, bad)
      const code = bad === -1 ? null : 'ERR_FRAME_TOO_LARGE'
      expectForAllCuts(
        codec,
        stream,
        good.map(frame => Buffer.from(frame)),
        code,
      )
    }),
    { numRuns: 60 },
  )
})

test('FrameError carries its name, code and message', () => {
  const decoder = lengthPrefix().decoder()
  decoder.push(Uint8Array.of(0, 0))
  expect(decoder.read()).toBeNull()
  expect(() => decoder.end()).toThrow(
    expect.objectContaining({
      name: 'FrameError',
      code: 'ERR_FRAME_TRUNCATED',
      message: 'the stream ended after 2 of the 4 bytes of a length prefix',
    }),
  )
  expect(() => decoder.end()).toThrow(FrameError)
})
