/** The sending side: one frame at a time, and many small frames into one slab. */

import { EventEmitter } from 'node:events'
import type { Candidate, Table, Work } from '../candidate.ts'
import { type DuplexLike, Tally } from '../candidate.ts'
import { base128, randomBytes, uint32be, uint32le, type Writer } from '../input.ts'

const framesPerPass = 10_000
const slabBytes = 64 * 1024

/** The same payloads for everybody; what must come out is each of them as `write` writes it. */
function payloadsOf(payloadBytes: number): Buffer[] {
  const payloads: Buffer[] = []
  for (let i = 0; i < 100; i++) payloads.push(randomBytes(payloadBytes, i + 1))
  return Array.from({ length: framesPerPass }, (_, i) => payloads[i % payloads.length]!)
}

function encodeWork(
  payloads: Buffer[],
  write: Writer,
  run: (tally: Tally) => void | Promise<void>,
): Work {
  const tally = new Tally()
  const expected = payloads.map(write)
  const wireBytes = expected.reduce((sum, frame) => sum + frame.length, 0)
  return { run: () => run(tally), payloads: expected, wireBytes, tally }
}

function eachFrame(
  payloadBytes: number,
  write: Writer,
  encode: (payload: Buffer) => Uint8Array,
): Work {
  const payloads = payloadsOf(payloadBytes)
  return encodeWork(payloads, write, tally => {
    for (const payload of payloads) tally.take(encode(payload))
  })
}

/** A stream that encodes; where it emits a prefix and a payload apart, two pieces are one frame. */
function eachWrite(payloadBytes: number, write: Writer, stream: DuplexLike, pieces: 1 | 2): Work {
  const payloads = payloadsOf(payloadBytes)
  let prefix: Uint8Array | null = null
  let taken: Tally | null = null
  stream.on('data', (piece: Uint8Array) => {
    const tally = taken!
    if (pieces === 1) {
      tally.take(piece)
      return
    }
    if (prefix === null) {
      prefix = piece
      return
    }
    if (tally.kept !== null) tally.take(Buffer.concat([prefix, piece]))
    else {
      tally.frames++
      tally.bytes += prefix.length + piece.length
    }
    prefix = null
  })
  return encodeWork(payloads, write, async tally => {
    taken = tally
    const goal = tally.frames + payloads.length
    for (const payload of payloads) {
      if (!stream.write(payload)) await new Promise(resume => stream.once('drain', resume))
    }
    while (tally.frames < goal) await new Promise(resume => setImmediate(resume))
  })
}

/** What a program would write by hand. */
async function byHand(payloadBytes: number): Promise<Work> {
  return eachFrame(payloadBytes, uint32be, payload => {
    const frame = Buffer.allocUnsafe(4 + payload.length)
    frame.writeUInt32BE(payload.length)
    frame.set(payload, 4)
    return frame
  })
}

/** The raw stream under framed-stream: takes what is written, and is never full. */
class RawStream extends EventEmitter {
  write(frame: Uint8Array): boolean {
    this.emit('data', frame)
    return true
  }

  pause(): void {}
  resume(): void {}
}

async function framedStream(payloadBytes: number): Promise<Work> {
  const { default: FramedStream } = await import('framed-stream')
  const raw = new RawStream()
  const stream = new FramedStream(raw)
  raw.removeAllListeners('data')
  const ends = Object.assign(new EventEmitter(), {
    write: (payload: Uint8Array) => stream.write(payload),
  })
  raw.on('data', frame => ends.emit('data', frame))
  stream.on('drain', () => ends.emit('drain'))
  return eachWrite(payloadBytes, uint32le, ends, 1)
}

function frameTable(payloadBytes: number): Table {
  return {
    name: `encode-${payloadBytes}`,
    group: 'encode',
    title: `writing single frames of ${payloadBytes} B`,
    unit: 'frames',
    remark:
      'A frame in 2 pieces costs no copy here, but a second write() or a copy later; the target ' +
      'is about frames in one piece.',
    reference: 'by-hand',
    candidates: [
      {
        id: 'by-hand',
        label: 'by hand: allocUnsafe(), writeUInt32BE(), set()',
        prepare: () => byHand(payloadBytes),
      },
      {
        id: 'encode',
        label: 'this kit, encode()',
        async prepare() {
          const { lengthPrefix } = await import('../../lib/framing/length-prefix.ts')
          const codec = lengthPrefix()
          return eachFrame(payloadBytes, uint32be, payload => codec.encode(payload))
        },
      },
      {
        id: 'frame-stream',
        label: 'frame-stream',
        package: 'frame-stream',
        async prepare() {
          const { encode } = await import('frame-stream')
          return eachWrite(payloadBytes, uint32be, encode(), 1)
        },
      },
      {
        id: 'framed-stream',
        label: 'framed-stream (little endian)',
        package: 'framed-stream',
        prepare: () => framedStream(payloadBytes),
      },
      ...listEncoders(payloadBytes),
      {
        id: 'length-prefixed-stream',
        label: 'length-prefixed-stream (varint, 2 pieces)',
        package: 'length-prefixed-stream',
        async prepare() {
          const { default: streams } = await import('length-prefixed-stream')
          return eachWrite(payloadBytes, base128, streams.encode(), 2)
        },
      },
    ],
    targets: [
      {
        ours: 'encode',
        than: ['frame-stream', 'framed-stream', 'it-length-prefixed'],
        atLeast: 1.2,
      },
    ],
  }
}

/** it-length-prefixed makes a list of prefix and payload; a socket wants its bytes in one piece. */
function listEncoders(payloadBytes: number): Candidate[] {
  const writePrefix = (length: number): Uint8Array<ArrayBuffer> => {
    const prefix = Buffer.allocUnsafe(4)
    prefix.writeUInt32BE(length)
    return prefix
  }
  const lengthEncoder = Object.assign(writePrefix, { bytes: 4 })
  return [
    {
      id: 'it-length-prefixed',
      label: 'it-length-prefixed, one piece',
      package: 'it-length-prefixed',
      async prepare() {
        const { encode } = await import('it-length-prefixed')
        const options = { lengthEncoder }
        return eachFrame(payloadBytes, uint32be, payload =>
          encode.single(payload, options).subarray(),
        )
      },
    },
    {
      id: 'it-length-prefixed-list',
      label: 'it-length-prefixed, list of 2 pieces',
      package: 'it-length-prefixed',
      async prepare() {
        const { encode } = await import('it-length-prefixed')
        const options = { lengthEncoder }
        const payloads = payloadsOf(payloadBytes)
        return encodeWork(payloads, uint32be, tally => {
          for (const payload of payloads) tally.takeList(encode.single(payload, options))
        })
      },
    },
  ]
}

/** Fills slabs of 64 KiB; a full one would be sent. `fill` returns -1 when a frame has no room. */
function slabWork(
  payloadBytes: number,
  fill: (payload: Buffer, slab: Buffer, at: number) => number,
): Work {
  const payloads = payloadsOf(payloadBytes)
  const slab = Buffer.allocUnsafeSlow(slabBytes)
  return encodeWork(payloads, uint32be, tally => {
    let at = 0
    let bytes = 0
    for (const payload of payloads) {
      let end = fill(payload, slab, at)
      if (end === -1) {
        bytes += at
        at = 0
        end = fill(payload, slab, at)
      }
      if (tally.kept !== null) tally.kept.push(Buffer.from(slab.subarray(at, end)))
      at = end
    }
    tally.frames += payloads.length
    tally.bytes += bytes + at
  })
}

function slabTable(payloadBytes: number): Table {
  return {
    name: `encode-slab-${payloadBytes}`,
    group: 'encode',
    title: `writing frames of ${payloadBytes} B into slabs of 64 KiB`,
    unit: 'frames',
    reference: 'slab',
    candidates: [
      {
        id: 'slab',
        label: 'by hand: writeUInt32BE() and set()',
        prepare: async () =>
          slabWork(payloadBytes, (payload, slab, at) => {
            const end = at + 4 + payload.length
            if (end > slab.length) return -1
            slab.writeUInt32BE(payload.length, at)
            slab.set(payload, at + 4)
            return end
          }),
      },
      {
        id: 'encode-into',
        label: 'this kit, encodeInto()',
        async prepare() {
          const { lengthPrefix } = await import('../../lib/framing/length-prefix.ts')
          const codec = lengthPrefix()
          return slabWork(payloadBytes, (payload, slab, at) => codec.encodeInto(payload, slab, at))
        },
      },
    ],
    targets: [{ ours: 'encode-into', than: ['slab'], atLeast: 0.8 }],
  }
}

export const encodeTables: Table[] = [
  frameTable(64),
  frameTable(1024),
  slabTable(16),
  slabTable(64),
  slabTable(1024),
]
