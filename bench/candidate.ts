/** The words the tables are written in, and the ways to drive a candidate. */

import type { EventEmitter } from 'node:events'
import type { ByteFrameDecoder, FrameDecoder } from '../lib/framing/frame.ts'
import type { LineDecoder } from '../lib/framing/lines.ts'
import type { Input } from './input.ts'

/** Counts what comes out of a candidate; every candidate pays for the same counting. */
export class Tally {
  frames = 0
  /** Bytes of payload; characters where the frames are strings. */
  bytes = 0
  /** The frame leaves the loop, as in a real program: else the compiler need not even make it. */
  last: unknown = null
  /** While a candidate is checked, copies of everything that came out. */
  kept: Buffer[] | null = null

  take(frame: Uint8Array | string): void {
    this.frames++
    this.bytes += frame.length
    this.last = frame
    if (this.kept !== null) this.kept.push(Buffer.from(frame as Uint8Array))
  }

  /** Counts a frame that is a list of pieces; they are joined only while a candidate is checked. */
  takeList(frame: { byteLength: number; subarray(): Uint8Array }): void {
    this.frames++
    this.bytes += frame.byteLength
    this.last = frame
    if (this.kept !== null) this.kept.push(Buffer.from(frame.subarray()))
  }
}

/** A candidate, ready to be timed. */
export interface Work {
  /** One pass over the input. */
  run: () => void | Promise<void>
  /** What one pass must yield. */
  payloads: Buffer[]
  /** Bytes on the wire in one pass. */
  wireBytes: number
  tally: Tally
}

export interface Candidate {
  id: string
  label: string
  /** The npm package that is measured, if it is one. */
  package?: string
  /** Loads the candidate, in the process that measures it and in no other. */
  prepare(): Promise<Work>
}

/** What the kit promises: `ours` is at least so many times as fast as the fastest of `than`. */
export interface Target {
  ours: string
  than: string[]
  atLeast: number
}

/** Candidates that do the same work, measured side by side in one run. */
export interface Table {
  name: string
  /** What `npm run bench -- <group>` selects. */
  group: string
  title: string
  unit: string
  /** What a reader must know to read the table fairly. */
  remark?: string
  /** The candidate that the others are compared with in print. */
  reference: string
  candidates: Candidate[]
  targets: Target[]
}

/** One pass through a decoder of this kit. */
export function throughDecoder(
  decoder: FrameDecoder<Uint8Array> | FrameDecoder<string>,
  input: Input,
): Work {
  const tally = new Tally()
  const run = (): void => {
    for (const chunk of input.chunks) {
      decoder.push(chunk)
      for (let frame = decoder.read(); frame !== null; frame = decoder.read()) tally.take(frame)
    }
  }
  return work(input, tally, run)
}

/** One pass with `next()`: frames are found and counted, and no view is made of them. */
export function throughNext(decoder: ByteFrameDecoder | LineDecoder, input: Input): Work {
  const tally = new Tally()
  const run = (): void => {
    for (const chunk of input.chunks) {
      decoder.push(chunk)
      if (tally.kept !== null) {
        while (decoder.next()) {
          tally.take(decoder.bytes.subarray(decoder.start, decoder.endOffset))
        }
        continue
      }
      let frames = 0
      let bytes = 0
      while (decoder.next()) {
        frames++
        bytes += decoder.endOffset - decoder.start
      }
      tally.frames += frames
      tally.bytes += bytes
    }
  }
  return work(input, tally, run)
}

/** What the drivers need of a Node stream: `write()`, 'data' and 'drain'. */
export interface DuplexLike extends EventEmitter {
  write(chunk: Uint8Array): boolean
}

/**
 * A buffer large enough that a whole pass fits. Where a package lets its user set it, `write()` need
 * not wait for 'drain', which is the fastest it can be driven.
 */
export const wideOpen = { writableHighWaterMark: 16 * 1024 * 1024 }

/** One pass through a Node stream: `write()`, waiting for 'drain' when told to; frames from 'data'. */
export function throughStream(stream: DuplexLike, input: Input): Work {
  const tally = new Tally()
  stream.on('data', (frame: Uint8Array | string) => tally.take(frame))
  const run = async (): Promise<void> => {
    const goal = tally.frames + input.payloads.length
    for (const chunk of input.chunks) {
      if (!stream.write(chunk)) await new Promise(resume => stream.once('drain', resume))
    }
    while (tally.frames < goal) await new Promise(resume => setImmediate(resume))
  }
  return work(input, tally, run)
}

export function work(input: Input, tally: Tally, run: () => void | Promise<void>): Work {
  return { run, payloads: input.payloads, wireBytes: input.wireBytes, tally }
}

/**
 * Runs a candidate once and compares every byte that came out with what went in.
 *
 * @throws {Error} when a frame is missing, superfluous or different.
 */
export async function check(candidate: string, { run, tally, payloads }: Work): Promise<void> {
  tally.kept = []
  await run()
  const { kept } = tally
  tally.kept = null
  if (kept.length !== payloads.length)
    throw new Error(`${candidate} yields ${kept.length} frames, expected ${payloads.length}`)
  const wrong = payloads.findIndex((payload, i) => !payload.equals(kept[i]!))
  if (wrong !== -1) throw new Error(`${candidate} yields other bytes in frame ${wrong}`)
}
