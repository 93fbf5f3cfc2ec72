/**
 * Frames that all have the same size, with nothing between them.
 *
 *      0               frameBytes          2 × frameBytes
 *     ┌───────────────┬───────────────────┬─────
 *     │ frame         │ frame             │ …
 *     └───────────────┴───────────────────┴─────
 *
 * The size is agreed beforehand: MPEG transport streams have 188 bytes (ISO/IEC 13818-1 section
 * 2.4.3), ATM cells 53 (ITU-T I.361). Shorter messages are padded, and the reader must know how to
 * take the padding off.
 */
import { allocForWire, ChunkReader, checkBytes, wholeNumber } from './codec-base.ts'
import type { ByteFrameCodec, ByteFrameDecoder } from './frame.ts'

export interface FixedLengthOptions {
  /** Size of every frame in bytes, at least 1. */
  frameBytes: number
}

/**
 * Returns a codec for frames that all have the same size.
 *
 * A frame is exactly `frameBytes` bytes of any value, and costs nothing more on the wire. Decoding
 * takes constant time per frame, and one copy of a frame that spans chunks.
 *
 * @throws {RangeError} when `frameBytes` is no whole number above 0, and from `encode()` when a
 *   frame has another size.
 * @throws {FrameError} from the decoder: `ERR_FRAME_TRUNCATED` when the stream ends inside a frame.
 * @see ISO/IEC 13818-1 section 2.4.3 for a protocol of this kind.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { fixedLength } from './fixed-length.ts'
 *
 * const codec = fixedLength({ frameBytes: 4 })
 * const decoder = codec.decoder()
 * decoder.push(Buffer.from('LEFTRIG'))
 * assert.equal(decoder.read()?.toString(), 'LEFT')
 * assert.equal(decoder.read(), null) // 3 of 4 bytes
 * decoder.push(Buffer.from('H'))
 * assert.equal(decoder.read()?.toString(), 'RIGH')
 * decoder.end()
 * assert.throws(() => codec.encode(Buffer.from('RIGHT')), RangeError)
 * ```
 */
export function fixedLength(options: FixedLengthOptions): ByteFrameCodec {
  const frameBytes = wholeNumber('frameBytes', options.frameBytes, 1)

  function check(frame: Uint8Array): void {
    checkBytes(frame)
    if (frame.length !== frameBytes) {
      throw new RangeError(`frame is ${frame.length} bytes, expected ${frameBytes}`)
    }
  }

  function encodeInto(frame: Uint8Array, target: Uint8Array, offset: number): number {
    check(frame)
    wholeNumber('offset', offset, 0, target.length)
    if (offset + frameBytes > target.length) return -1
    target.set(frame, offset)
    return offset + frameBytes
  }

  return {
    encode(frame) {
      check(frame)
      const target = allocForWire(frame, frameBytes)
      target.set(frame)
      return target
    },
    encodeInto,
    decoder: () => new FixedLengthDecoder(frameBytes),
  }
}

class FixedLengthDecoder extends ChunkReader implements ByteFrameDecoder {
  readonly #frameBytes: number

  constructor(frameBytes: number) {
    super()
    this.#frameBytes = frameBytes
  }

  next(): boolean {
    const end = this.at + this.#frameBytes
    if (end <= this.limit) {
      this.start = this.at
      this.endOffset = end
      this.at = end
      return true
    }
    this.check()
    return this.ready() && this.fill(this.#frameBytes)
  }

  read(): Uint8Array | null {
    return this.next() ? this.view() : null
  }

  protected override describePartialFrame(): string | null {
    if (this.heldBytes === 0) return null
    return `after ${this.heldBytes} of the ${this.#frameBytes} bytes of a frame`
  }
}
