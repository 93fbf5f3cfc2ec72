/** Counts inside a header: protocols as they are on the wire, and every layout by chance. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type LengthPrefixOptions, lengthPrefix } from '#lib/framing/length-prefix.ts'
import { bytes, expectForAllCuts } from './support/cuts.ts'

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')

const protocols: [name: string, options: LengthPrefixOptions, frames: Buffer[]][] = [
  [
    'PostgreSQL: a type, then a count that includes itself (Query, Sync, ReadyForQuery)',
    { lengthFieldOffset: 1, lengthAdjustment: -4, stripBytes: 0 },
    [
      bytes('Q', hex('0000000d'), 'SELECT 1\0'),
      hex('53 00000004'),
      bytes('Z', hex('00000005'), 'I'),
    ],
  ],
  [
    'MySQL: a little-endian count of 3 bytes, then a sequence number (COM_QUERY, OK)',
    { prefixBytes: 3, endian: 'little', lengthAdjustment: 1, stripBytes: 0 },
    [bytes(hex('090000 00 03'), 'SELECT 1'), hex('070000 01 00 00 00 0200 0000')],
  ],
  [
    'MQTT with packets below 128 bytes: a type, then a count of 1 byte (PINGREQ, PUBLISH)',
    { prefixBytes: 1, lengthFieldOffset: 1, stripBytes: 0, maxFrameBytes: 129 },
    [hex('c0 00'), bytes(hex('30 07 0003'), 'a/b', 'hi')],
  ],
  [
    'HTTP/2: a count of 3 bytes, then 6 more bytes of header (SETTINGS, PING)',
    { prefixBytes: 3, lengthAdjustment: 6, stripBytes: 0 },
    [hex('000000 04 01 00000000'), hex('000008 06 00 00000000 0102030405060708')],
  ],
  [
    'TLS records: a type and a version, then the count (alert close_notify, ChangeCipherSpec)',
    { prefixBytes: 2, lengthFieldOffset: 3, stripBytes: 0 },
    [hex('15 0303 0002 0100'), hex('14 0303 0001 01')],
  ],
  [
    'Modbus/TCP: transaction and protocol, then the count (read 2 registers, its answer)',
    { prefixBytes: 2, lengthFieldOffset: 4, stripBytes: 0 },
    [hex('0001 0000 0006 11 03 006b 0002'), hex('0001 0000 0007 11 03 04 022b 0000')],
  ],
]

describe.each(protocols)('lengthPrefix reads and writes %s', (_, options, frames) => {
  const codec = lengthPrefix(options)
  const wire = bytes(...frames)

  test('at every cut', () => {
    expectForAllCuts(codec, wire, frames)
  })

  test('and writes the count itself, over what stands in its place', () => {
    const { lengthFieldOffset = 0, prefixBytes = 4 } = options
    for (const frame of frames) {
      const blank = Buffer.from(frame).fill(
        0xee,
        lengthFieldOffset,
        lengthFieldOffset + prefixBytes,
      )
      expect(bytes(codec.encode(blank))).toEqual(frame)
      const target = Buffer.alloc(frame.length + 2)
      expect(codec.encodeInto(blank, target, 1)).toBe(frame.length + 1)
      expect(target).toEqual(bytes([0], frame, [0]))
      expect(codec.encodeInto(blank, target, 3)).toBe(-1)
    }
  })

  test('and refuses a frame that is smaller than its header', () => {
    const smallest = Math.min(...frames.map(frame => frame.length))
    const { lengthFieldOffset = 0, prefixBytes = 4 } = options
    expect(() => codec.encode(Buffer.alloc(lengthFieldOffset + prefixBytes - 1))).toThrow(
      RangeError,
    )
    expect(() => codec.encode(Buffer.alloc(smallest))).not.toThrow()
  })

  test('and says that a stream was cut off', () => {
    for (let kept = 1; kept < frames[0]!.length; kept++) {
      expectForAllCuts(codec, wire.subarray(0, kept), [], 'ERR_FRAME_TRUNCATED')
    }
  })
})

test('lengthPrefix refuses a count that is too small for what it includes', () => {
  const postgres = lengthPrefix({ lengthFieldOffset: 1, lengthAdjustment: -4, stripBytes: 0 })
  const good = hex('53 00000004')
  expectForAllCuts(postgres, bytes(good, hex('53 00000003')), [good], 'ERR_FRAME_MALFORMED')
  const decoder = postgres.decoder()
  decoder.push(bytes(good, hex('53 00000003')))
  decoder.read()
  expect(() => decoder.read()).toThrow(
    expect.objectContaining({ message: 'a count of 3 bytes in a header of 5', offset: 6 }),
  )
})

test('lengthPrefix strips a header, and then cannot write it', () => {
  const tls = lengthPrefix({ prefixBytes: 2, lengthFieldOffset: 3 })
  expectForAllCuts(tls, hex('15 0303 0002 0100 14 0303 0001 01'), [hex('0100'), hex('01')])
  expect(() => tls.encode(hex('01'))).toThrow('5 bytes are stripped: they cannot be written')
  const itself = lengthPrefix({ prefixBytes: 2, lengthAdjustment: -2 })
  expect(bytes(itself.encode(bytes('hi')))).toEqual(bytes([0, 4], 'hi'))
  expectForAllCuts(itself, bytes([0, 4], 'hi', [0, 2]), [bytes('hi'), bytes('')])
})

test('lengthPrefix refuses a forged count in a header before it reserves memory', () => {
  const codec = lengthPrefix({ prefixBytes: 8, lengthFieldOffset: 1, stripBytes: 0 })
  for (const count of ['7fffffffffffffff', 'ffffffffffffffff', '0000000000100001']) {
    expectForAllCuts(codec, bytes('x', hex(count), 'y'), [], 'ERR_FRAME_TOO_LARGE')
  }
})

test('lengthPrefix names the option of a header that is out of range', () => {
  for (const value of [-1, 0.5, Number.NaN, 2 ** 16 + 1]) {
    expect(() => lengthPrefix({ lengthFieldOffset: value })).toThrow(
      `lengthFieldOffset is ${value}`,
    )
    expect(() => lengthPrefix({ stripBytes: value })).toThrow(`stripBytes is ${value}`)
  }
  expect(() => lengthPrefix({ lengthAdjustment: 0.5 })).toThrow('lengthAdjustment is 0.5')
})

test('lengthPrefix returns what it wrote, for any layout of a header', () => {
  const layout = fc.record({
    prefixBytes: fc.constantFrom(1, 2, 3, 4, 6, 8),
    endian: fc.constantFrom('big', 'little'),
    lengthFieldOffset: fc.nat(4),
    lengthAdjustment: fc.integer({ min: -6, max: 6 }),
    stripBytes: fc.constant(0),
    maxFrameBytes: fc.integer({ min: 20, max: 60 }),
  })
  const payloads = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 })
  fc.assert(
    fc.property(layout, payloads, (options, frames) => {
      const codec = lengthPrefix(options as LengthPrefixOptions)
      const wires: Buffer[] = []
      for (const frame of frames) {
        try {
          wires.push(bytes(codec.encode(frame)))
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError)
        }
      }
      expectForAllCuts(codec, bytes(...wires), wires)
    }),
    { numRuns: 150 },
  )
})
