/** Frames behind a 4-byte length: the loops nobody can beat, this kit, and the packages. */

import { EventEmitter } from 'node:events'
import type { Candidate, Table, Work } from '../candidate.ts'
import { Tally, throughDecoder, throughNext, throughStream, wideOpen, work } from '../candidate.ts'
import { block, type Input, markedLength, uint32be, uint32le } from '../input.ts'

/** Length and jump over bytes that lie in one piece: what the wire format itself costs. */
function uncutSkipLoop(input: Input): Work {
  const tally = new Tally()
  const { whole } = input
  const run = (): void => {
    if (tally.kept !== null) {
      joinLoop(input.chunks, tally)
      return
    }
    let at = 0
    let frames = 0
    let bytes = 0
    while (at + 4 <= whole.length) {
      const length =
        (whole[at]! << 24) | (whole[at + 1]! << 16) | (whole[at + 2]! << 8) | whole[at + 3]!
      at += 4 + (length >>> 0)
      bytes += length >>> 0
      frames++
    }
    tally.frames += frames
    tally.bytes += bytes
  }
  return work(input, tally, run)
}

/** Length and jump over the chunks that the decoders get. A cut frame is skipped, never joined. */
function skipLoop(input: Input): Work {
  const tally = new Tally()
  const run = (): void => {
    if (tally.kept !== null) {
      joinLoop(input.chunks, tally)
      return
    }
    let frames = 0
    let bytes = 0
    let skip = 0
    let head: Buffer = Buffer.alloc(0)
    for (const chunk of input.chunks) {
      let at = skip
      if (head.length > 0) {
        const length = Buffer.concat([head, chunk.subarray(0, 4 - head.length)]).readUInt32BE()
        at = 4 - head.length + length
        head = head.subarray(0, 0)
        bytes += length
        frames++
      }
      while (at + 4 <= chunk.length) {
        const length = chunk.readUInt32BE(at)
        at += 4 + length
        bytes += length
        frames++
      }
      if (at < chunk.length) head = chunk.subarray(at)
      skip = Math.max(0, at - chunk.length)
    }
    tally.frames += frames
    tally.bytes += bytes
  }
  return work(input, tally, run)
}

/**
 * The same for somebody who must let go of a chunk when it is used up: the beginning of a cut frame
 * is copied, in the quickest way there is, and its end is skipped.
 */
function skipAndKeepLoop(input: Input): Work {
  const tally = new Tally()
  const kept = Buffer.allocUnsafeSlow(64 * 1024)
  const run = (): void => {
    if (tally.kept !== null) {
      joinLoop(input.chunks, tally)
      return
    }
    let frames = 0
    let bytes = 0
    let at = 0
    let have = 0
    for (const chunk of input.chunks) {
      if (have > 0) {
        for (let i = 0; have < 4; i++) kept[have++] = chunk[i]!
        at += 4 + kept.readUInt32BE()
        bytes += kept.readUInt32BE()
        frames++
      }
      for (; at + 4 <= chunk.length; frames++) {
        const length = chunk.readUInt32BE(at)
        if (at + 4 + length > chunk.length) break
        at += 4 + length
        bytes += length
      }
      have = chunk.length - at
      if (have > 0) kept.set(new Uint8Array(chunk.buffer, chunk.byteOffset + at, have))
      at = -have
    }
    tally.frames += frames
    tally.bytes += bytes
  }
  return work(input, tally, run)
}

/** Length and one view a frame over bytes that lie in one piece. */
function uncutViewLoop(input: Input): Work {
  const tally = new Tally()
  const { whole } = input
  return work(input, tally, () => {
    let at = 0
    while (at + 4 <= whole.length) {
      const length = whole.readUInt32BE(at)
      tally.take(whole.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
  })
}

/** Length and one view a frame over chunks. A frame that is cut once is joined with one copy. */
function joinLoop(chunks: readonly Buffer[], tally: Tally): void {
  let rest: Buffer = Buffer.alloc(0)
  for (const chunk of chunks) {
    let at = 0
    if (rest.length > 0) {
      const head = rest.length >= 4 ? rest : Buffer.concat([rest, chunk.subarray(0, 4)])
      const frame = Buffer.allocUnsafe(4 + head.readUInt32BE())
      frame.set(rest)
      at = frame.length - rest.length
      frame.set(chunk.subarray(0, at), rest.length)
      tally.take(frame.subarray(4))
      rest = rest.subarray(0, 0)
    }
    while (at + 4 <= chunk.length) {
      const length = chunk.readUInt32BE(at)
      if (at + 4 + length > chunk.length) break
      tally.take(chunk.subarray(at + 4, at + 4 + length))
      at += 4 + length
    }
    if (at < chunk.length) rest = chunk.subarray(at)
  }
}

/** The raw stream that framed-stream listens to: pauses when told to, and does nothing else. */
class RawStream extends EventEmitter {
  #paused = false
  #resumed: (() => void) | null = null

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#resumed?.()
    this.#resumed = null
  }

  flowing(): Promise<void> | null {
    return this.#paused ? new Promise(resolve => (this.#resumed = resolve)) : null
  }
}

async function framedStream(input: Input): ReturnType<Candidate['prepare']> {
  const { default: FramedStream } = await import('framed-stream')
  const tally = new Tally()
  const raw = new RawStream()
  new FramedStream(raw).on('data', frame => tally.take(frame))
  const run = async (): Promise<void> => {
    const goal = tally.frames + input.payloads.length
    for (const chunk of input.chunks) {
      raw.emit('data', chunk)
      await raw.flowing()
    }
    while (tally.frames < goal) await new Promise(resume => setImmediate(resume))
  }
  return work(input, tally, run)
}

/** Its synchronous mode, the fastest one, with a decoder for this prefix. */
async function itLengthPrefixed(input: Input): ReturnType<Candidate['prepare']> {
  const { decode } = await import('it-length-prefixed')
  const tally = new Tally()
  const lengthDecoder = Object.assign(
    (bytes: { byteLength: number; getUint32(at: number): number }) => {
      if (bytes.byteLength < 4) throw new RangeError('short')
      return bytes.getUint32(0)
    },
    { bytes: 4 },
  )
  const run = (): void => {
    for (const frame of decode(input.chunks, { lengthDecoder })) tally.takeList(frame)
  }
  return work(input, tally, run)
}

/** What a reader would otherwise install. */
function packages(payloadBytes: number, input: () => Input): Table['candidates'] {
  return [
    {
      id: 'frame-stream',
      label: 'frame-stream',
      package: 'frame-stream',
      async prepare() {
        const { decode } = await import('frame-stream')
        return throughStream(decode(wideOpen as object), input())
      },
    },
    {
      id: 'framed-stream',
      label: 'framed-stream (little endian)',
      package: 'framed-stream',
      prepare: () => framedStream(block(payloadBytes, uint32le)),
    },
    {
      id: 'length-prefix-framed',
      label: 'length-prefix-framed-stream (1, 3, 5 B)',
      package: 'length-prefix-framed-stream',
      async prepare() {
        const { Decode } = await import('length-prefix-framed-stream')
        return throughStream(new Decode(wideOpen), block(payloadBytes, markedLength))
      },
    },
    {
      id: 'it-length-prefixed',
      label: 'it-length-prefixed (sync, own prefix)',
      package: 'it-length-prefixed',
      prepare: () => itLengthPrefixed(input()),
    },
  ]
}

function table(payloadBytes: number): Table {
  const input = (): Input => block(payloadBytes, uint32be)
  return {
    name: `length-prefix-${payloadBytes}`,
    group: 'length-prefix',
    title: `${payloadBytes} B frames behind a 4-byte length, in 64 KiB chunks`,
    unit: 'frames',
    remark:
      'The bare loops know no limits and no errors. Over uncut bytes they need not join frames; ' +
      'over chunks the one with views joins a cut frame. The one that skips does not even keep what ' +
      'came of it, which a decoder must: the chunk belongs to its reader. The line below it does.',
    reference: 'view-loop',
    candidates: [
      {
        id: 'uncut-skip-loop',
        label: 'bare loop, uncut bytes, shifts, skip',
        prepare: async () => uncutSkipLoop(input()),
      },
      {
        id: 'skip-loop',
        label: 'bare loop, readUInt32BE(), skip',
        prepare: async () => skipLoop(input()),
      },
      {
        id: 'keep-loop',
        label: 'the same, cut frames begun in a copy',
        prepare: async () => skipAndKeepLoop(input()),
      },
      {
        id: 'next',
        label: 'this kit, next()',
        async prepare() {
          const { lengthPrefix } = await import('../../lib/framing/length-prefix.ts')
          return throughNext(lengthPrefix().decoder(), input())
        },
      },
      {
        id: 'uncut-view-loop',
        label: 'bare loop, uncut bytes, subarray()',
        prepare: async () => uncutViewLoop(input()),
      },
      {
        id: 'view-loop',
        label: 'bare loop, readUInt32BE(), subarray()',
        async prepare() {
          const given = input()
          const tally = new Tally()
          return work(given, tally, () => joinLoop(given.chunks, tally))
        },
      },
      {
        id: 'read',
        label: 'this kit, read()',
        async prepare() {
          const { lengthPrefix } = await import('../../lib/framing/length-prefix.ts')
          return throughDecoder(lengthPrefix().decoder(), input())
        },
      },
      {
        id: 'transform',
        label: 'this kit, frameTransform()',
        async prepare() {
          const { lengthPrefix } = await import('../../lib/framing/length-prefix.ts')
          const { frameTransform } = await import('../../lib/framing/stream.ts')
          return throughStream(frameTransform(lengthPrefix()), input())
        },
      },
      ...packages(payloadBytes, input),
    ],
    targets: [
      { ours: 'next', than: ['skip-loop'], atLeast: 0.85 },
      { ours: 'read', than: ['view-loop'], atLeast: 0.9 },
      {
        ours: 'read',
        than: ['frame-stream', 'framed-stream', 'length-prefix-framed', 'it-length-prefixed'],
        atLeast: 2,
      },
    ],
  }
}

export const lengthPrefixTables: Table[] = [table(16), table(64), table(1024)]
