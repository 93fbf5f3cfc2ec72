/** Candidates for the measurements of one large frame: bytes in, a note when the frame is out. */

import { EventEmitter } from 'node:events'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import type { FrameDecoder } from '../lib/framing/frame.ts'
import type { DuplexLike } from './candidate.ts'

/** Takes the next chunk; a promise when the candidate wants its writer to wait. */
export type Feed = (chunk: Buffer) => Promise<void> | undefined

export interface Feeder {
  id: string
  label: string
  package?: string
  /** The bytes before and behind the payload on the wire. */
  head(frameBytes: number): Buffer
  tail: Buffer
  /** Calls `out` with each frame. */
  open(frameBytes: number, out: (frame: unknown) => void): Promise<Feed>
}

const none = Buffer.alloc(0)
const newline = Buffer.from('\n')

function prefixed(write: 'writeUInt32BE' | 'writeUInt32LE'): (frameBytes: number) => Buffer {
  return frameBytes => {
    const head = Buffer.alloc(4)
    head[write](frameBytes)
    return head
  }
}

const uint32be = prefixed('writeUInt32BE')
const uint32le = prefixed('writeUInt32LE')

function markedLength(frameBytes: number): Buffer {
  return Buffer.concat([Buffer.of(0xfe), uint32le(frameBytes)])
}

/** Room for the whole frame at once, and one copy: the least that joining chunks can cost. */
function slab(frameBytes: number, head: number, out: (frame: unknown) => void): Feed {
  let room = Buffer.allocUnsafeSlow(head + frameBytes)
  let at = 0
  return chunk => {
    room.set(chunk, at)
    at += chunk.length
    if (at < room.length) return undefined
    out(room)
    at = 0
    room = Buffer.allocUnsafeSlow(head + frameBytes)
    return undefined
  }
}

function fromDecoder(decoder: FrameDecoder<unknown>, out: (frame: unknown) => void): Feed {
  return chunk => {
    decoder.push(chunk)
    for (let frame = decoder.read(); frame !== null; frame = decoder.read()) out(frame)
    return undefined
  }
}

function fromStream(stream: DuplexLike, out: (frame: unknown) => void): Feed {
  stream.on('data', out)
  return chunk => {
    if (stream.write(chunk)) return undefined
    return new Promise(resume => stream.once('drain', resume))
  }
}

export const prefixFeeders: readonly Feeder[] = [
  {
    id: 'slab',
    label: 'by hand: room at once, set()',
    head: uint32be,
    tail: none,
    open: async (frameBytes, out) => slab(frameBytes, 4, out),
  },
  {
    id: 'kit',
    label: 'this kit, lengthPrefix()',
    head: uint32be,
    tail: none,
    async open(frameBytes, out) {
      const { lengthPrefix } = await import('../lib/framing/length-prefix.ts')
      return fromDecoder(lengthPrefix({ maxFrameBytes: frameBytes }).decoder(), out)
    },
  },
  {
    id: 'frame-stream',
    label: 'frame-stream',
    package: 'frame-stream',
    head: uint32be,
    tail: none,
    async open(_, out) {
      const { decode } = await import('frame-stream')
      return fromStream(decode(), out)
    },
  },
  {
    id: 'framed-stream',
    label: 'framed-stream',
    package: 'framed-stream',
    head: uint32le,
    tail: none,
    async open(_, out) {
      const { default: FramedStream } = await import('framed-stream')
      const raw = Object.assign(new EventEmitter(), { pause() {}, resume() {}, destroy() {} })
      new FramedStream(raw).on('data', out)
      return chunk => {
        raw.emit('data', chunk)
        return undefined
      }
    },
  },
  {
    id: 'length-prefix-framed',
    label: 'length-prefix-framed-stream',
    package: 'length-prefix-framed-stream',
    head: markedLength,
    tail: none,
    async open(_, out) {
      const { Decode } = await import('length-prefix-framed-stream')
      return fromStream(new Decode(), out)
    },
  },
  {
    id: 'it-length-prefixed',
    label: 'it-length-prefixed, in one piece',
    package: 'it-length-prefixed',
    head: uint32be,
    tail: none,
    open: itLengthPrefixed,
  },
]

/** Its synchronous mode, driven through an iterator that hands over one chunk at a time. */
async function itLengthPrefixed(frameBytes: number, out: (frame: unknown) => void): Promise<Feed> {
  const { decode } = await import('it-length-prefixed')
  const readPrefix = (bytes: { byteLength: number; getUint32(at: number): number }): number => {
    if (bytes.byteLength < 4) throw new RangeError('short')
    return bytes.getUint32(0)
  }
  const lengthDecoder = Object.assign(readPrefix, { bytes: 4 })
  const waiting: Buffer[] = []
  let wake: (() => void) | null = null
  async function* source(): AsyncGenerator<Buffer> {
    for (;;) {
      const chunk = waiting.shift()
      if (chunk === undefined) await new Promise<void>(resume => (wake = resume))
      else yield chunk
    }
  }
  const frames = decode(source(), { lengthDecoder, maxDataLength: frameBytes })
  void (async () => {
    for await (const frame of frames) out(frame.subarray())
  })()
  let fed = 0
  return chunk => {
    waiting.push(chunk)
    wake?.()
    wake = null
    return ++fed % 256 === 0 || chunk.length > 1024
      ? new Promise(resume => setImmediate(resume))
      : undefined
  }
}

const lineFeeder = {
  head: () => none,
  tail: newline,
}

export const lineFeeders: readonly Feeder[] = [
  {
    id: 'slab',
    label: 'by hand: room at once, set()',
    ...lineFeeder,
    open: async (frameBytes, out) => slab(frameBytes + 1, 0, out),
  },
  {
    id: 'kit',
    label: 'this kit, lines()',
    ...lineFeeder,
    async open(frameBytes, out) {
      const { lines } = await import('../lib/framing/lines.ts')
      return fromDecoder(lines({ maxLineBytes: frameBytes }).decoder(), out)
    },
  },
  {
    id: 'kit-bytes',
    label: 'this kit, delimiter()',
    ...lineFeeder,
    async open(frameBytes, out) {
      const { delimiter } = await import('../lib/framing/delimiter.ts')
      const codec = delimiter({ delimiter: newline, maxFrameBytes: frameBytes })
      return fromDecoder(codec.decoder(), out)
    },
  },
  {
    id: 'split2',
    label: 'split2("\\n")',
    package: 'split2',
    ...lineFeeder,
    async open(_, out) {
      const { default: split } = await import('split2')
      return fromStream(split('\n'), out)
    },
  },
  {
    id: 'readline',
    label: 'node:readline',
    ...lineFeeder,
    async open(_, out) {
      const input = new Readable({ read() {} })
      createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY }).on('line', out)
      let fed = 0
      return chunk => {
        input.push(chunk)
        return ++fed % 256 === 0 ? new Promise(resume => setImmediate(resume)) : undefined
      }
    },
  },
  {
    id: 'byline',
    label: 'byline',
    package: 'byline',
    ...lineFeeder,
    async open(_, out) {
      const { default: byline } = await import('byline')
      const stream = new byline.LineStream({ keepEmptyLines: true })
      stream.encoding = 'utf8'
      return fromStream(stream, out)
    },
  },
  {
    id: 'binary-split',
    label: 'binary-split("\\n")',
    package: 'binary-split',
    ...lineFeeder,
    async open(_, out) {
      const { default: split } = await import('binary-split')
      return fromStream(split('\n'), out)
    },
  },
]
