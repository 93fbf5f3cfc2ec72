import { isDeepStrictEqual } from 'node:util'
import { expect } from 'vitest'
import { type FrameCodec, type FrameDecoder, FrameError } from '#lib/framing/frame.ts'

/** What came out of a stream: its frames in order, and the error that ended it, if one did. */
export interface Outcome<Frame> {
  frames: Frame[]
  error: { code: string; message: string; offset: number } | null
  /** How many frames the decoder dropped, where it dropped some. */
  skipped?: number
}

/** Joins byte strings; text stands for its UTF-8 bytes. */
export function bytes(...parts: (string | Uint8Array | readonly number[])[]): Buffer {
  return Buffer.concat(parts.map(part => Buffer.from(part as Uint8Array)))
}

/** Feeds the chunks one by one, reads to `null` after each, and ends the stream. */
export function outcome<Frame>(codec: FrameCodec<Frame>, chunks: Uint8Array[]): Outcome<Frame> {
  return drive(codec, chunks, false)
}

/** Feeds all chunks before the first frame is read. */
function lateOutcome<Frame>(codec: FrameCodec<Frame>, chunks: Uint8Array[]): Outcome<Frame> {
  return drive(codec, chunks, true)
}

function drive<Frame>(
  codec: FrameCodec<Frame>,
  chunks: Uint8Array[],
  late: boolean,
): Outcome<Frame> {
  const decoder = codec.decoder() as FrameDecoder<Frame> & { skippedFrames?: number }
  const frames: Frame[] = []
  const skipped = () => (decoder.skippedFrames ? { skipped: decoder.skippedFrames } : {})
  try {
    for (const chunk of chunks) {
      decoder.push(chunk)
      while (!late) {
        const frame = decoder.read()
        if (frame === null) break
        frames.push(frame)
      }
    }
    if (late) decoder.end()
    for (let frame = decoder.read(); frame !== null; frame = decoder.read()) frames.push(frame)
    if (!late) decoder.end()
    // The last frame may end with the stream.
    for (let frame = decoder.read(); frame !== null; frame = decoder.read()) frames.push(frame)
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    for (const again of [() => decoder.read(), () => decoder.end()]) {
      expect(thrownBy(again)).toBe(error)
      decoder.push(Uint8Array.of(1))
    }
    expect(thrownBy(() => decoder.read())).toBe(error)
    const { code, message, offset } = error
    return { frames, error: { code, message, offset }, ...skipped() }
  }
  expect(decoder.read()).toBeNull()
  return { frames, error: null, ...skipped() }
}

function thrownBy(call: () => unknown): unknown {
  try {
    return { returned: call() }
  } catch (error) {
    return error
  }
}

/** Cuts `stream` at the given places. */
export function cutAt(stream: Uint8Array, places: number[]): Uint8Array[] {
  const edges = [0, ...places.filter(place => place <= stream.length).sort((a, b) => a - b)]
  return edges.map((from, i) => stream.subarray(from, edges[i + 1] ?? stream.length))
}

/** The ways to cut a stream that every case runs through: whole, at each place, byte by byte. */
export function* allCuts(stream: Uint8Array): Generator<[name: string, chunks: Uint8Array[]]> {
  yield ['whole', [stream]]
  for (let place = 0; place <= stream.length; place++) {
    yield [`cut at ${place}`, cutAt(stream, [place])]
  }
  yield ['byte by byte', Array.from(stream, (_, i) => stream.subarray(i, i + 1))]
}

/** Expects these frames, then this error, for every way to cut the stream; and what is skipped. */
export function expectForAllCuts<Frame>(
  codec: FrameCodec<Frame>,
  stream: Uint8Array,
  frames: Frame[],
  code: FrameError['code'] | null = null,
  skipped = 0,
): void {
  const whole = outcome(codec, [stream])
  const found = { frames: whole.frames, code: whole.error?.code ?? null }
  expect({ ...found, skipped: whole.skipped ?? 0 }).toEqual({ frames, code, skipped })
  for (const [name, chunks] of allCuts(stream)) {
    for (const run of [outcome, lateOutcome]) {
      const cut = run(codec, chunks)
      // The quick comparison first: there are many cuts, and nearly all of them are right.
      if (!isDeepStrictEqual(cut, whole)) expect({ name, ...cut }).toStrictEqual({ name, ...whole })
    }
  }
}
