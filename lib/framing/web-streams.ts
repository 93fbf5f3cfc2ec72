/**
 * Joins a codec to Web Streams, which browsers, Deno, Bun and Node have.
 *
 * Nothing is imported: the streams are globals of all these runtimes.
 */
import type { FrameDecoder } from './frame.ts'

/** What `pipeThrough()` takes: bytes in, frames out. */
export interface FrameStream<Frame> {
  readonly writable: WritableStream<Uint8Array>
  readonly readable: ReadableStream<Frame>
}

/**
 * Returns a pair for `pipeThrough()`: bytes in, frames out.
 *
 * It is used as a `TransformStream` is, and differs in two things. A frame is made only when it is
 * asked for, so a chunk of many small frames fills no queue. And a `FrameError` comes out after
 * the good frames before it, whereas an error in a `TransformStream` drops what is queued. The
 * writing side fails with the same error. Cancelling the frames aborts the writing side.
 *
 * @throws {FrameError} through the streams, when the bytes are lost or end inside a frame.
 * @see https://streams.spec.whatwg.org/#rs-pipe-through
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { lines } from './lines.ts'
 * import { frameStream } from './web-streams.ts'
 *
 * const body = new Blob(['one\ntw', 'o\r\n']).stream()
 * const found: string[] = []
 * const reader = body.pipeThrough(frameStream(lines())).getReader()
 * for (let next = await reader.read(); !next.done; next = await reader.read()) {
 *   found.push(next.value)
 * }
 * assert.deepEqual(found, ['one', 'two'])
 * ```
 */
export function frameStream<Frame>(
  codec: { decoder(): FrameDecoder<Frame> },
  { decoder = codec.decoder() }: { decoder?: FrameDecoder<Frame> } = {},
): FrameStream<Frame> {
  let frames: ReadableStreamDefaultController<Frame> | undefined
  let bytes: WritableStreamDefaultController | undefined
  let over = false
  /** Resolves the write whose chunk is not read to its end, and the pull that waits for a chunk. */
  let written = (): void => {}
  let pulled = (): void => {}

  function fail(error: unknown): void {
    over = true
    frames?.error(error)
    bytes?.error(error)
    written()
    pulled()
  }

  /** Puts out one frame; `false` = none is complete. */
  function step(): boolean {
    try {
      const frame = decoder.read()
      if (frame === null) return false
      frames?.enqueue(frame)
    } catch (error) {
      fail(error)
    }
    return true
  }

  const readable = new ReadableStream<Frame>(
    {
      start(controller) {
        frames = controller
      },
      async pull() {
        while (!over && !step()) {
          const more = new Promise<void>(resolve => {
            pulled = resolve
          })
          written()
          await more
        }
      },
      cancel(reason) {
        over = true
        bytes?.error(reason)
        written()
      },
    },
    { highWaterMark: 0 },
  )

  const writable = new WritableStream<Uint8Array>({
    start(controller) {
      bytes = controller
    },
    async write(chunk) {
      const read = new Promise<void>(resolve => {
        written = resolve
      })
      try {
        decoder.push(chunk)
      } catch (error) {
        fail(error)
        throw error
      }
      pulled()
      await read
    },
    async close() {
      try {
        decoder.end()
        // What is left came with the end: a body that ends with its connection.
        while (!over && step());
        if (!over) frames?.close()
        over = true
        pulled()
      } catch (error) {
        fail(error)
        throw error
      }
    },
    abort(reason) {
      over = true
      frames?.error(reason)
      pulled()
    },
  })

  return { readable, writable }
}
