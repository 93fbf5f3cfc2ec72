import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PcapError, PcapReader } from '#lib/kernel/pcap.ts'
import type { CapturedFrame } from '#lib/trace/captured-frame.ts'
import { type FileOptions, pcapFile } from './packets.ts'

const FRAMES = [
  { bytes: Buffer.from('first'), timeNs: 1_795_233_684_890_902_081n },
  { bytes: Buffer.alloc(0), timeNs: 1_795_233_684_890_902_082n, bytesOnWire: 9 },
  { bytes: Buffer.alloc(9000, 7), timeNs: 4_294_967_295_999_999_999n },
  { bytes: Buffer.from('last'), timeNs: 0n },
]

/** Everything that comes out of a file that comes in pieces, and the error that ended it. */
function readAll(chunks: readonly Uint8Array[]) {
  const reader = new PcapReader()
  const frames: CapturedFrame[] = []
  try {
    for (const chunk of chunks) {
      reader.push(chunk)
      for (let frame = reader.read(); frame; frame = reader.read()) frames.push(frame)
    }
    reader.end()
  } catch (error) {
    if (!(error instanceof PcapError)) throw error
    expect(() => reader.read()).toThrow(error)
    expect(() => reader.end()).toThrow(error)
    return { frames, error }
  }
  return { frames, header: reader.header }
}

/** The ways in which a file may come: whole, in two pieces, and byte by byte. */
function* cuts(file: Buffer): Iterable<{ name: string; chunks: Uint8Array[] }> {
  yield { name: 'whole', chunks: [file] }
  yield { name: 'byte by byte', chunks: Array.from(file, byte => Uint8Array.of(byte)) }
  for (let at = 1; at < file.length; at++)
    yield { name: `cut at ${at}`, chunks: [file.subarray(0, at), file.subarray(at)] }
}

const variants: FileOptions[] = [true, false].flatMap(littleEndian =>
  [true, false].map(nanoseconds => ({ littleEndian, nanoseconds })),
)

describe('PcapReader', () => {
  test.each(variants)('reads every packet of a file with %j', options => {
    const { frames, header } = readAll([pcapFile(1, FRAMES, options)])
    expect(header).toEqual({ linkType: 1, snapBytes: 262_144, ...options })
    const perUnit = options.nanoseconds ? 1n : 1000n
    expect(frames).toEqual(
      FRAMES.map(({ bytes, timeNs, bytesOnWire = bytes.length }) => ({
        ...{ linkType: 1, bytes: new Uint8Array(bytes), bytesOnWire },
        timeNs: timeNs - (timeNs % perUnit),
      })),
    )
  })

  test('reads a file that comes in pieces as it reads the whole', () => {
    const file = pcapFile(1, [FRAMES[0]!, FRAMES[1]!, FRAMES[3]!])
    const whole = readAll([file])
    expect(whole.frames).toHaveLength(3)
    for (const { name, chunks } of cuts(file)) expect(readAll(chunks), name).toEqual(whole)
  })

  test('ends with an error wherever a file is cut but between packets', () => {
    const file = pcapFile(1, [FRAMES[0]!, FRAMES[3]!])
    const between = [24, 24 + 16 + 5, file.length]
    for (let length = 0; length <= file.length; length++) {
      const { error, frames } = readAll([file.subarray(0, length)])
      expect(frames).toHaveLength(between.filter(end => end > 24 && end <= length).length)
      if (between.includes(length)) expect(error).toBeUndefined()
      else expect([error?.code, error?.offset]).toEqual(['ERR_PCAP_TRUNCATED', length])
    }
    expect(readAll([file.subarray(0, 50)]).error?.message).toBe(
      'the capture file ends inside a packet (at byte 50)',
    )
  })

  test('reads the link type without what the upper bits say of a frame check sequence', () => {
    const file = pcapFile(1, [])
    file.writeUInt32LE(0x24000001, 20)
    expect(readAll([file]).header?.linkType).toBe(1)
  })

  const changed = (at: number, value: number): Buffer => {
    const file = pcapFile(1, FRAMES)
    file.writeUInt32LE(value, at)
    return file
  }
  test.each<[string, Buffer, PcapError['code'], string]>([
    [
      'text',
      Buffer.from('no capture'),
      'ERR_PCAP_FORMAT',
      'no pcap file: it begins with 6e6f2063 (at byte 0)',
    ],
    [
      'a pcapng file',
      Buffer.from('0a0d0d0a1c0000004d3c2b1a', 'hex'),
      'ERR_PCAP_FORMAT',
      'a pcapng file, and only pcap can be read: editcap -F pcap converts it (at byte 0)',
    ],
    [
      'another version',
      changed(4, 0x00050002),
      'ERR_PCAP_FORMAT',
      'pcap version 2.5; only 2.4 can be read (at byte 4)',
    ],
    [
      'a length that no packet has',
      changed(32, 262_145),
      'ERR_PCAP_MALFORMED',
      'this cannot be: a packet of 262145 bytes; 262144 are possible (at byte 32)',
    ],
    [
      'a fraction of more than a second',
      changed(24 + 16 + 5 + 4, 1_000_000_000),
      'ERR_PCAP_MALFORMED',
      'this cannot be: a time of 1000000000 1000000000ths of a second (at byte 49)',
    ],
  ])('refuses %s', (_what, file, code, message) => {
    for (const { name, chunks } of cuts(file.subarray(0, 80))) {
      const { error } = readAll(chunks)
      expect([error?.code, error?.message], name).toEqual([code, message])
    }
  })

  test('throws nothing but PcapError, whatever it is given', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 9 })
    fc.assert(
      fc.property(damage, changes => {
        const file = pcapFile(1, [FRAMES[0]!, FRAMES[3]!])
        for (const [at, byte] of changes) file[at % file.length] = byte
        readAll([file])
      }),
    )
  })
})
