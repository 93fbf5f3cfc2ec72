import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fixedLength } from '#lib/framing/fixed-length.ts'
import { bytes, expectForAllCuts } from './support/cuts.ts'

test('fixedLength cuts a stream into frames of one size at every cut', () => {
  const codec = fixedLength({ frameBytes: 3 })
  expectForAllCuts(codec, bytes('onetwosix'), [bytes('one'), bytes('two'), bytes('six')])
  expectForAllCuts(codec, bytes(''), [])
})

test('fixedLength says that the last frame is cut off', () => {
  const codec = fixedLength({ frameBytes: 3 })
  expectForAllCuts(codec, bytes('on'), [], 'ERR_FRAME_TRUNCATED')
  expectForAllCuts(codec, bytes('onetw'), [bytes('one')], 'ERR_FRAME_TRUNCATED')
  const decoder = codec.decoder()
  decoder.push(bytes('onetw'))
  decoder.read()
  decoder.read()
  expect(() => decoder.end()).toThrow('the stream ended after 2 of the 3 bytes of a frame')
})

test('fixedLength of one byte returns every byte', () => {
  expectForAllCuts(fixedLength({ frameBytes: 1 }), bytes('ab'), [bytes('a'), bytes('b')])
})

test('fixedLength refuses to write a frame of another size', () => {
  const codec = fixedLength({ frameBytes: 3 })
  expect(codec.encode(bytes('abc'))).toEqual(bytes('abc'))
  for (const frame of ['', 'ab', 'abcd']) {
    expect(() => codec.encode(bytes(frame))).toThrow(`frame is ${frame.length} bytes, expected 3`)
    expect(() => codec.encodeInto(bytes(frame), new Uint8Array(9), 0)).toThrow(RangeError)
  }
})

test('fixedLength names the option that is out of range, and its value', () => {
  for (const frameBytes of [0, -1, 2.5, Number.NaN, Infinity, 2 ** 53]) {
    expect(() => fixedLength({ frameBytes })).toThrow(`frameBytes is ${frameBytes}: expected`)
  }
})

test('fixedLength reserves no memory for a frame that has not come', () => {
  const decoder = fixedLength({ frameBytes: Number.MAX_SAFE_INTEGER }).decoder()
  decoder.push(bytes('x'))
  expect(decoder.read()).toBeNull()
})

test('fixedLength returns any frames at any cut', () => {
  const anyStream = fc.record({
    frameBytes: fc.integer({ min: 1, max: 20 }),
    stream: fc.uint8Array({ maxLength: 80 }),
  })
  fc.assert(
    fc.property(anyStream, ({ frameBytes, stream }) => {
      const whole = Math.floor(stream.length / frameBytes)
      const frames = Array.from({ length: whole }, (_, i) =>
        bytes(stream.subarray(i * frameBytes, (i + 1) * frameBytes)),
      )
      const code = stream.length % frameBytes === 0 ? null : 'ERR_FRAME_TRUNCATED'
      const codec = fixedLength({ frameBytes })
      expectForAllCuts(codec, bytes(stream), frames, code)
      expect(bytes(...frames.map(frame => codec.encode(frame)))).toEqual(
        bytes(stream.subarray(0, whole * frameBytes)),
      )
    }),
    { numRuns: 60 },
  )
})
