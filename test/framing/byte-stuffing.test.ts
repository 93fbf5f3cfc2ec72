import fc from 'fast-check'
import { expect, test } from 'vitest'
import { byteStuffing } from '#lib/framing/byte-stuffing.ts'
import { bytes, expectForAllCuts } from './support/cuts.ts'

const END = 0xc0
const ESC = 0xdb

test.each([
  ['plain bytes', [1, 2, 3], [END, 1, 2, 3, END]],
  ['END', [END], [END, ESC, 0xdc, END]],
  ['ESC', [ESC], [END, ESC, 0xdd, END]],
  ['END and ESC', [1, END, ESC, 2], [END, 1, ESC, 0xdc, ESC, 0xdd, 2, END]],
  ['the codes behind ESC', [0xdc, 0xdd], [END, 0xdc, 0xdd, END]],
  ['ESC and a code', [ESC, 0xdc], [END, ESC, 0xdd, 0xdc, END]],
])('byteStuffing writes and reads %s as RFC 1055 says', (_, frame, wire) => {
  const codec = byteStuffing()
  expect([...codec.encode(bytes(frame))]).toEqual(wire)
  expectForAllCuts(codec, bytes(wire, wire), [bytes(frame), bytes(frame)])
})

test('byteStuffing escapes the same whether escapes are dense or far apart', () => {
  const escaped = (frame: Uint8Array): number[] =>
    Array.from(frame).flatMap(byte =>
      byte === END ? [ESC, 0xdc] : byte === ESC ? [ESC, 0xdd] : [byte],
    )
  const codec = byteStuffing()
  for (const gap of [1, 2, 15, 16, 17, 40, 199, 200]) {
    for (const first of [0, 1, gap - 1]) {
      const frame = Buffer.alloc(200, 'plain bytes')
      for (let at = first, turn = 0; at < 200; at += gap, turn++) {
        frame[at] = turn % 3 === 0 ? ESC : END
      }
      const wire = [END, ...escaped(frame), END]
      expect([...codec.encode(frame)]).toEqual(wire)
      const target = Buffer.alloc(wire.length + 2, 0x77)
      expect(codec.encodeInto(frame, target, 1)).toBe(wire.length + 1)
      expect([...target]).toEqual([0x77, ...wire, 0x77])
    }
  }
})

test('byteStuffing reads frames with one END between them, or many', () => {
  const frames = [bytes('one'), bytes('two'), bytes('six')]
  expectForAllCuts(byteStuffing(), bytes('one', [END], 'two', [END], 'six', [END]), frames)
  const more = bytes([END, END], 'one', [END, END, END], 'two', [END], 'six', [END, END])
  expectForAllCuts(byteStuffing(), more, frames)
  expectForAllCuts(byteStuffing(), bytes([END, END, END]), [])
  expectForAllCuts(byteStuffing(), bytes(''), [])
})

test('byteStuffing makes a frame of noise in front of an END, and reads on', () => {
  const noise = bytes([0xff, 0x00, END])
  const stream = bytes(noise, byteStuffing().encode(bytes('one')))
  expectForAllCuts(byteStuffing(), stream, [bytes([0xff, 0x00]), bytes('one')])
})

test.each([
  ['a plain byte', [ESC, 1, END]],
  ['a second ESC', [ESC, ESC, 0xdc, END]],
  ['END', [1, ESC, END]],
  ['END at once', [ESC, END]],
  ['a byte, late in a frame', [1, 2, ESC, 0xdc, 3, ESC, 0xde, END]],
  ['a byte, in a frame without END', [1, ESC, 0xdb]],
])('byteStuffing refuses ESC before %s', (_, bad) => {
  const good = bytes([END, 7, END])
  expectForAllCuts(byteStuffing(), bytes(good, bad), [bytes([7])], 'ERR_FRAME_MALFORMED')
})

test('byteStuffing says that the last frame is cut off', () => {
  for (const cut of [[1], [ESC], [1, ESC, 0xdc], [END, 1, 2]]) {
    expectForAllCuts(byteStuffing(), bytes([7, END], cut), [bytes([7])], 'ERR_FRAME_TRUNCATED')
  }
})

test('byteStuffing counts the payload for its limit, not the escapes', () => {
  for (const limit of [1, 2, 5]) {
    const codec = byteStuffing({ maxFrameBytes: limit })
    for (const byte of [1, END, ESC]) {
      const good = Buffer.alloc(limit, byte)
      const wire = codec.encode(good)
      const bad = byteStuffing().encode(Buffer.alloc(limit + 1, byte))
      expectForAllCuts(codec, bytes(wire, wire), [good, good])
      expectForAllCuts(codec, bytes(wire, bad, wire), [good], 'ERR_FRAME_TOO_LARGE')
      expectForAllCuts(codec, bytes(wire, bad.subarray(0, -1)), [good], 'ERR_FRAME_TOO_LARGE')
      expect(() => codec.encode(Buffer.alloc(limit + 1, byte))).toThrow(RangeError)
    }
  }
})

test('byteStuffing reports the first fault in the stream, whatever comes behind it', () => {
  const codec = byteStuffing({ maxFrameBytes: 2 })
  expectForAllCuts(codec, bytes([1, 2, 3, ESC, 9, END]), [], 'ERR_FRAME_TOO_LARGE')
  expectForAllCuts(codec, bytes([1, 2, ESC, 9, 3, END]), [], 'ERR_FRAME_MALFORMED')
  expectForAllCuts(codec, bytes([1, 2, ESC, 0xdc, ESC, 9]), [], 'ERR_FRAME_TOO_LARGE')
  expectForAllCuts(codec, bytes([1, 2, ESC, END]), [], 'ERR_FRAME_MALFORMED')
  expectForAllCuts(codec, bytes([1, 2, ESC]), [], 'ERR_FRAME_TRUNCATED')
})

test('byteStuffing refuses to write an empty frame: a reader would skip it', () => {
  expect(() => byteStuffing().encode(bytes(''))).toThrow('frame is empty: a reader would skip it')
  expect(() => byteStuffing().encodeInto(bytes(''), new Uint8Array(9), 0)).toThrow(RangeError)
})

test('byteStuffing reads the same memory again after it was filled anew', () => {
  const decoder = byteStuffing().decoder()
  const memory = Buffer.alloc(4)
  memory.set([END, 1, 2, END])
  decoder.push(memory)
  expect([...decoder.read()!]).toEqual([1, 2])
  expect(decoder.read()).toBeNull()
  memory.set([END, ESC, 0xdd, END])
  decoder.push(memory)
  expect([...decoder.read()!]).toEqual([ESC])
})

test('byteStuffing names the option that is out of range, and its value', () => {
  for (const maxFrameBytes of [-1, 0.5, Number.NaN, Infinity, 2 ** 53]) {
    expect(() => byteStuffing({ maxFrameBytes })).toThrow(`maxFrameBytes is ${maxFrameBytes}: `)
  }
})

const spicyByte = fc.constantFrom(1, 0xdc, 0xdd, ESC, END)

test('byteStuffing returns any frames at any cut', () => {
  const frame = fc.array(fc.oneof(spicyByte, fc.nat(255)), { minLength: 1, maxLength: 20 })
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 6 }), frames => {
      const codec = byteStuffing()
      const stream = bytes(...frames.map(frame => codec.encode(bytes(frame))))
      expectForAllCuts(
        codec,
        stream,
        frames.map(frame => bytes(frame)),
      )
    }),
    { numRuns: 100 },
  )
})

test('byteStuffing reads any bytes the same way at any cut', () => {
  fc.assert(
    fc.property(fc.array(spicyByte, { maxLength: 30 }), fc.nat(4), (stream, maxFrameBytes) => {
      const [frames, code] = reference(stream, maxFrameBytes)
      const expected = frames.map(frame => bytes(frame))
      expectForAllCuts(byteStuffing({ maxFrameBytes }), bytes(stream), expected, code)
    }),
    { numRuns: 500 },
  )
})

/** Reads SLIP the plain way, one byte after the other. */
function reference(
  stream: number[],
  limit: number,
): [number[][], 'ERR_FRAME_TOO_LARGE' | 'ERR_FRAME_MALFORMED' | 'ERR_FRAME_TRUNCATED' | null] {
  const frames: number[][] = []
  let frame: number[] = []
  let escaped = false
  for (const byte of stream) {
    if (escaped) {
      if (byte !== 0xdc && byte !== 0xdd) return [frames, 'ERR_FRAME_MALFORMED']
      frame.push(byte === 0xdc ? END : ESC)
      escaped = false
    } else if (byte === ESC) escaped = true
    else if (byte !== END) frame.push(byte)
    else {
      if (frame.length > 0) frames.push(frame)
      frame = []
    }
    if (frame.length > limit) return [frames, 'ERR_FRAME_TOO_LARGE']
  }
  return [frames, frame.length > 0 || escaped ? 'ERR_FRAME_TRUNCATED' : null]
}
