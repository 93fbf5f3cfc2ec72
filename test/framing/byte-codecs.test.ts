import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { delimiter } from '#lib/framing/delimiter.ts'
import { fixedLength } from '#lib/framing/fixed-length.ts'
import type { ByteFrameCodec } from '#lib/framing/frame.ts'
import { lengthPrefix } from '#lib/framing/length-prefix.ts'
import { byteCodecs } from './support/byte-codecs.ts'
import { bytes, cutAt, outcome } from './support/cuts.ts'

/** What holds for every codec whose frames are bytes. All of them can carry these frames. */
const frames = [bytes('left'), bytes([0xc0, 0xdb, 0xdc, 0xdd]), bytes('righ')]
const codecs: [name: string, codec: ByteFrameCodec][] = [
  ...byteCodecs(),
  ['lengthPrefix of 2 bytes, little endian', lengthPrefix({ prefixBytes: 2, endian: 'little' })],
  ['delimiter of 1 byte', delimiter({ delimiter: '\n' })],
]

describe.each(codecs)('%s', (_, codec) => {
  const wires = frames.map(frame => codec.encode(frame))
  const stream = bytes(...wires)

  test('decoder returns a view of the chunk for a frame that arrived whole', () => {
    const decoder = codec.decoder()
    decoder.push(stream)
    expect(decoder.read()?.buffer).toBe(stream.buffer)
  })

  test('decoder reads a chunk that begins somewhere inside its memory', () => {
    for (const kind of [Buffer.alloc(stream.length + 9), new Uint8Array(stream.length + 9)]) {
      kind.fill(0xc0).set(stream, 5)
      const { frames: found } = outcome(codec, [kind.subarray(5, 5 + stream.length)])
      expect(found.map(frame => bytes(frame))).toEqual(frames)
    }
  })

  test('decoder gives a Buffer for a Buffer and a Uint8Array for a Uint8Array, at any cut', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      for (const kind of [stream, new Uint8Array(stream)]) {
        const { frames: found } = outcome(codec, cutAt(kind, [cut]))
        expect(found.map(frame => frame.constructor)).toEqual(Array(3).fill(kind.constructor))
      }
    }
  })

  test('decoder finds the same frames with next() as with read(), and with both mixed', () => {
    const byEach = fc.array(fc.boolean(), { minLength: 1, maxLength: 6 })
    const cuts = fc.array(fc.nat(stream.length), { maxLength: 4 })
    fc.assert(
      fc.property(byEach, cuts, (useNext, places) => {
        const decoder = codec.decoder()
        const found: Uint8Array[] = []
        let turn = 0
        for (const chunk of cutAt(stream, places)) {
          decoder.push(chunk)
          for (;;) {
            if (useNext[turn++ % useNext.length]) {
              if (!decoder.next()) break
              found.push(bytes(decoder.bytes.subarray(decoder.start, decoder.endOffset)))
            } else {
              const frame = decoder.read()
              if (frame === null) break
              found.push(frame)
            }
          }
        }
        decoder.end()
        expect(found.map(frame => bytes(frame))).toEqual(frames)
      }),
      { numRuns: 60 },
    )
  })

  test('decoder shows a frame of next() as often as it is looked at, and skips what is not', () => {
    const many = Array.from({ length: 40 }, (_, i) => bytes(`${1000 + i}`))
    const wire = bytes(...many.map(frame => codec.encode(frame)))
    for (const size of [1, 3, 5, 7, 11]) {
      for (const every of [1, 2, 3]) {
        const decoder = codec.decoder()
        const memory = Buffer.alloc(size)
        let found = 0
        for (let at = 0; at < wire.length; at += size) {
          const used = wire.copy(memory, 0, at)
          decoder.push(memory.subarray(0, used))
          for (; decoder.next(); found++) {
            expect(decoder.endOffset - decoder.start).toBe(4)
            if (found % every !== 0) continue
            for (const look of [decoder.bytes, decoder.bytes]) {
              expect(bytes(look.subarray(decoder.start, decoder.endOffset))).toEqual(many[found])
            }
          }
          memory.fill(0x55)
        }
        decoder.end()
        expect(found).toBe(many.length)
      }
    }
  })

  test('decoder keeps frames apart that span chunks: none is written over later', () => {
    const many = Array.from({ length: 50 }, (_, i) => bytes(`${1000 + i}`))
    const wire = bytes(...many.map(frame => codec.encode(frame)))
    const chunks = Array.from({ length: Math.ceil(wire.length / 3) }, (_, i) =>
      wire.subarray(i * 3, i * 3 + 3),
    )
    expect(outcome(codec, chunks).frames).toEqual(many)
  })

  test('decoder has let go of a chunk when read() has returned null', () => {
    for (let cut = 0; cut <= stream.length; cut++) {
      const decoder = codec.decoder()
      const memory = Buffer.alloc(stream.length)
      const found: Buffer[] = []
      for (const chunk of cutAt(stream, [cut])) {
        memory.set(chunk)
        decoder.push(memory.subarray(0, chunk.length))
        for (let frame = decoder.read(); frame !== null; frame = decoder.read()) {
          found.push(bytes(frame))
        }
        memory.fill(0x55)
      }
      expect(found).toEqual(frames)
    }
  })

  test('decoder queues chunks that are pushed before it is read, in any rhythm', () => {
    const rhythm = fc.array(fc.nat(3), { minLength: 1, maxLength: 8 })
    fc.assert(
      fc.property(rhythm, fc.integer({ min: 1, max: 5 }), (reads, size) => {
        const decoder = codec.decoder()
        const found: Uint8Array[] = []
        for (let at = 0, turn = 0; at < stream.length; at += size, turn++) {
          decoder.push(stream.subarray(at, at + size))
          for (let left = reads[turn % reads.length]!; left > 0; left--) {
            const frame = decoder.read()
            if (frame !== null) found.push(frame)
          }
        }
        decoder.end()
        for (let frame = decoder.read(); frame !== null; frame = decoder.read()) found.push(frame)
        expect(found).toEqual(frames)
      }),
      { numRuns: 60 },
    )
  })

  test('decoder ignores empty chunks', () => {
    const none = Buffer.alloc(0)
    const chunks = Array.from(stream, (_, i) => [none, stream.subarray(i, i + 1), none]).flat()
    expect(outcome(codec, chunks)).toEqual({ frames, error: null })
  })

  test('decoder takes nothing after end(), and no text', () => {
    const decoder = codec.decoder()
    for (const wrong of ['text', null, [1], new DataView(stream.buffer), new Uint16Array(2)]) {
      expect(() => decoder.push(wrong as unknown as Uint8Array)).toThrow(TypeError)
    }
    decoder.end()
    decoder.end()
    expect(decoder.read()).toBeNull()
    expect(() => decoder.push(stream)).toThrow(RangeError)
  })

  test('decoders of one codec know nothing of each other', () => {
    const [one, two] = [codec.decoder(), codec.decoder()]
    one.push(stream.subarray(0, 3))
    one.read()
    two.push(stream)
    expect(two.read()).toEqual(frames[0])
    one.push(stream.subarray(3))
    expect(one.read()).toEqual(frames[0])
  })

  test('encode and encodeInto take no text, whose length is not that of its bytes', () => {
    for (const wrong of ['left', new Uint16Array(4), [1, 2, 3, 4]] as unknown as Uint8Array[]) {
      expect(() => codec.encode(wrong)).toThrow(TypeError)
      expect(() => codec.encodeInto(wrong, new Uint8Array(40), 0)).toThrow(TypeError)
    }
  })

  test('encode gives out memory that no other frame loses when one is sent to a worker', () => {
    const [first, second] = [codec.encode(frames[0]!), codec.encode(frames[0]!)]
    const memory = first.buffer as ArrayBuffer
    try {
      structuredClone(memory, { transfer: [memory] })
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' })
    }
    expect(bytes(second)).toEqual(bytes(wires[0]!))
    expect(bytes(codec.encode(frames[0]!))).toEqual(bytes(wires[0]!))
  })

  test('encodeInto writes what encode() returns, one frame behind the other', () => {
    const target = Buffer.alloc(stream.length + 4, 0x77)
    let offset = 2
    for (const frame of frames) offset = codec.encodeInto(frame, target, offset)
    expect(offset).toBe(stream.length + 2)
    expect(target).toEqual(bytes([0x77, 0x77], stream, [0x77, 0x77]))
  })

  test('encodeInto returns -1 and writes nothing when there is too little room', () => {
    const wire = wires[1]!
    for (let room = 0; room < wire.length; room++) {
      const target = Buffer.alloc(room + 3, 0x77)
      expect(codec.encodeInto(frames[1]!, target, 3)).toBe(-1)
      expect(target).toEqual(Buffer.alloc(room + 3, 0x77))
    }
    const exact = Buffer.alloc(wire.length)
    expect(codec.encodeInto(frames[1]!, exact, 0)).toBe(wire.length)
    expect(exact).toEqual(bytes(wire))
  })

  test('encodeInto refuses an offset outside the target', () => {
    for (const offset of [-1, 0.5, 41, Number.NaN]) {
      expect(() => codec.encodeInto(frames[0]!, new Uint8Array(40), offset)).toThrow(
        `offset is ${offset}: expected a whole number from 0 to 40`,
      )
    }
  })

  test('encode returns memory of its own, of the kind it was given', () => {
    const frame = new Uint8Array(frames[0]!)
    const wire = codec.encode(frame)
    expect(wire.constructor).toBe(Uint8Array)
    expect(codec.encode(frames[0]!).constructor).toBe(Buffer)
    frame.fill(0)
    expect(bytes(wire)).toEqual(bytes(wires[0]!))
  })
})

test('encode gives every frame bytes of its own, however many share a slab', () => {
  const codec = lengthPrefix()
  const payloads = Array.from({ length: 300 }, (_, i) => Buffer.alloc((i * 37) % 5000, i))
  const wires = payloads.map(payload => codec.encode(payload))
  expect(wires.map(wire => bytes(wire))).toEqual(
    payloads.map(payload => {
      const prefix = Buffer.alloc(4)
      prefix.writeUInt32BE(payload.length)
      return bytes(prefix, payload)
    }),
  )
})

test.each([1, 100, 1024, 1025, 5000, 16_384, 16_385, 100_000])(
  'lengthPrefix next() joins frames of %i bytes whose end is looked at late, or never',
  size => {
    const codec = lengthPrefix()
    const payloads = Array.from({ length: 6 }, (_, i) => Buffer.alloc(size, i + 1))
    const wire = bytes(...payloads.map(payload => codec.encode(payload)))
    for (const first of [1, 3, 4, 5, 6, size, size + 3].filter(place => place < size + 4)) {
      const decoder = codec.decoder()
      let found = 0
      const places = payloads.map((_, i) => i * (size + 4) + first)
      for (const chunk of cutAt(wire, places)) {
        decoder.push(Buffer.from(chunk))
        for (; decoder.next(); found++) {
          if (found === 2) continue
          const { start, endOffset } = decoder
          const frame = decoder.bytes.subarray(start, endOffset)
          expect(Buffer.compare(frame, payloads[found]!)).toBe(0)
        }
      }
      expect(found).toBe(payloads.length)
    }
  },
)

test('lengthPrefix read() keeps frames apart that span chunks, also after next() did', () => {
  const codec = lengthPrefix()
  for (const nexts of [1, 2, 3]) {
    for (const size of [4, 100, 1024, 5000]) {
      const payloads = Array.from({ length: 8 }, (_, i) => Buffer.alloc(size, i + 1))
      const wire = bytes(...payloads.map(payload => codec.encode(payload)))
      const decoder = codec.decoder()
      const kept: Uint8Array[] = []
      let found = 0
      // Every frame is cut in the middle of its payload.
      for (const chunk of cutAt(
        wire,
        payloads.map((_, i) => i * (size + 4) + 4 + size / 2),
      )) {
        decoder.push(chunk)
        for (; found < nexts && decoder.next(); found++);
        if (found < nexts) continue
        for (let frame = decoder.read(); frame !== null; frame = decoder.read()) kept.push(frame)
      }
      expect(kept.length).toBe(payloads.length - nexts)
      for (const [i, frame] of kept.entries()) {
        expect(Buffer.compare(frame, payloads[nexts + i]!)).toBe(0)
      }
    }
  }
})

test('lengthPrefix returns a view of a chunk that waited, when the frame lies in it whole', () => {
  const decoder = lengthPrefix().decoder()
  const payload = Buffer.alloc(20_000, 7)
  decoder.push(Buffer.of(0, 0, 0x4e, 0x20))
  decoder.push(payload)
  expect(decoder.read()?.buffer).toBe(payload.buffer)
})

const large = Buffer.from(Array.from({ length: 200_000 }, (_, i) => 0x20 + ((i * 7) % 90)))
/** Some formats count no further than 64 KiB. */
function carriesLarge(codec: ByteFrameCodec): boolean {
  try {
    return codec.encode(large).length > 0
  } catch (error) {
    if (error instanceof RangeError) return false
    throw error
  }
}

test.each([
  ['fixedLength of 200000 bytes', fixedLength({ frameBytes: large.length })],
  ...codecs.filter(([, codec]) => carriesLarge(codec)),
])('%s puts a large frame together from chunks of any size', (_, codec) => {
  const wire = bytes(codec.encode(large), codec.encode(large))
  for (const chunkBytes of [1, 61, 1024, 65_536]) {
    const chunks = Array.from({ length: Math.ceil(wire.length / chunkBytes) }, (_, i) =>
      wire.subarray(i * chunkBytes, (i + 1) * chunkBytes),
    )
    const { frames: found, error } = outcome(codec, chunks)
    expect(error).toBeNull()
    expect(found.map(frame => Buffer.compare(frame, large))).toEqual([0, 0])
  }
})
