import fc from 'fast-check'
import { expect, test } from 'vitest'
import { varintPrefix } from '#lib/framing/varint-prefix.ts'
import { bytes, expectForAllCuts } from './support/cuts.ts'

/** The shortest base-128 form of `value`, or a longer one of `size` bytes. */
function varint(value: bigint, size = 1): Buffer {
  const out: number[] = []
  let rest = value
  while (rest >= 128n || out.length + 1 < size) {
    out.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  return bytes([...out, Number(rest)])
}

test('varintPrefix reads what it wrote at every cut', () => {
  const codec = varintPrefix()
  const frames = [bytes('one'), bytes(''), Buffer.alloc(130, 7), bytes('\x80\x01'), bytes('')]
  expectForAllCuts(codec, bytes(...frames.map(frame => codec.encode(frame))), frames)
})

test.each([
  [0, [0x00]],
  [1, [0x01]],
  [127, [0x7f]],
  [128, [0x80, 0x01]],
  [150, [0x96, 0x01]],
  [300, [0xac, 0x02]],
  [16383, [0xff, 0x7f]],
  [16384, [0x80, 0x80, 0x01]],
  [2 ** 21, [0x80, 0x80, 0x80, 0x01]],
])('varintPrefix writes and reads the count %i as Protocol Buffers does', (length, count) => {
  const codec = varintPrefix({ maxFrameBytes: 2 ** 21 })
  const wire = codec.encode(Buffer.alloc(length, 9))
  expect([...wire.subarray(0, count.length)]).toEqual(count)
  expect(wire.length).toBe(count.length + length)
  const decoder = codec.decoder()
  decoder.push(wire)
  expect(decoder.read()).toHaveLength(length)
  decoder.end()
})

test('varintPrefix reads a count that is longer than it must be, up to ten bytes', () => {
  for (let size = 1; size <= 10; size++) {
    const stream = bytes(varint(2n, size), 'hi', varint(0n, size), varint(1n, size), 'x')
    expectForAllCuts(varintPrefix(), stream, [bytes('hi'), bytes(''), bytes('x')])
  }
})

test('varintPrefix reads frames with counts of three bytes behind each other', () => {
  const frames = [bytes('a'), Buffer.alloc(20_000, 1), Buffer.alloc(40_000, 2), bytes('b')]
  const decoder = varintPrefix().decoder()
  decoder.push(bytes(...frames.map(frame => varintPrefix().encode(frame))))
  for (const frame of frames) expect(Buffer.compare(decoder.read()!, frame)).toBe(0)
  expect(decoder.read()).toBeNull()
})

test('varintPrefix refuses a count that goes on after ten bytes', () => {
  const good = bytes([1], 'x')
  for (const filler of [0x80, 0xff, 0x81]) {
    const endless = Buffer.alloc(10, filler)
    expectForAllCuts(varintPrefix(), bytes(good, endless, [0]), [bytes('x')], 'ERR_FRAME_MALFORMED')
    const nine = endless.subarray(0, 9)
    expectForAllCuts(varintPrefix(), bytes(good, nine), [bytes('x')], 'ERR_FRAME_TRUNCATED')
  }
})

test('varintPrefix refuses a count that does not fit in 64 bits', () => {
  const stream = bytes(Buffer.alloc(9, 0x80), [0x02])
  expectForAllCuts(varintPrefix(), stream, [], 'ERR_FRAME_MALFORMED')
})

test.each([
  2n ** 20n + 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 63n,
  2n ** 64n - 1n,
])('varintPrefix refuses a forged count of %d', count => {
  const stream = bytes([1], 'a', [1], 'b', varint(count), 'x')
  const frames = [bytes('a'), bytes('b')]
  expectForAllCuts(varintPrefix(), stream, frames, 'ERR_FRAME_TOO_LARGE')
  const largest = varintPrefix({ maxFrameBytes: Number.MAX_SAFE_INTEGER })
  const verdict = count >= 2n ** 53n ? 'ERR_FRAME_TOO_LARGE' : 'ERR_FRAME_TRUNCATED'
  expectForAllCuts(largest, stream, frames, verdict)
})

test('varintPrefix takes a frame of exactly the limit and refuses one byte more', () => {
  for (const limit of [0, 1, 127, 128, 300]) {
    const codec = varintPrefix({ maxFrameBytes: limit })
    const good = Buffer.alloc(limit, 1)
    const wire = bytes(codec.encode(good))
    const bad = varintPrefix().encode(Buffer.alloc(limit + 1, 2))
    expectForAllCuts(codec, bytes(wire, wire), [good, good])
    expectForAllCuts(codec, bytes(wire, bad, wire), [good], 'ERR_FRAME_TOO_LARGE')
    expect(() => codec.encode(Buffer.alloc(limit + 1))).toThrow(RangeError)
  }
})

test('varintPrefix says that a stream was cut off inside the count or the payload', () => {
  const stream = varintPrefix().encode(Buffer.alloc(200))
  for (const kept of [1, 2, 3, 201]) {
    expectForAllCuts(varintPrefix(), stream.subarray(0, kept), [], 'ERR_FRAME_TRUNCATED')
  }
})

test('varintPrefix names the option that is out of range, and its value', () => {
  for (const maxFrameBytes of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
    expect(() => varintPrefix({ maxFrameBytes })).toThrow(`maxFrameBytes is ${maxFrameBytes}: `)
  }
})

test('varintPrefix returns any frames with counts of any length at any cut', () => {
  const anyFrame = fc.record({
    payload: fc.uint8Array({ maxLength: 150 }),
    countBytes: fc.integer({ min: 1, max: 10 }),
  })
  const anyStream = fc.record({
    maxFrameBytes: fc.nat(160),
    frames: fc.array(anyFrame, { maxLength: 5 }),
  })
  fc.assert(
    fc.property(anyStream, ({ maxFrameBytes, frames }) => {
      const codec = varintPrefix({ maxFrameBytes })
      const bad = frames.findIndex(frame => frame.payload.length > maxFrameBytes)
      const good = bad === -1 ? frames : frames.slice(0, bad)
      for (const { payload } of good) {
        const count = varint(BigInt(payload.length))
        expect(codec.encode(payload)).toEqual(new Uint8Array(bytes(count, payload)))
      }
      if (bad !== -1) expect(() => codec.encode(frames[bad]!.payload)).toThrow(RangeError)
      const parts = frames.flatMap(({ payload, countBytes }) => [
        varint(BigInt(payload.length), countBytes),
        payload,
      ])
      const expected = good.map(frame => bytes(frame.payload))
      const code = bad === -1 ? null : 'ERR_FRAME_TOO_LARGE'
      expectForAllCuts(codec, bytes(...parts), expected, code)
    }),
    { numRuns: 40 },
  )
})
