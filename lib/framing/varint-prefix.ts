/**
 * A count of bytes in base 128, then that many bytes.
 *
 *     ┌───────────────────────┬──────────────────────┐
 *     │ n, 1 to 10 bytes      │ payload, n bytes     │  next frame …
 *     └───────────────────────┴──────────────────────┘
 *       1ccccccc … 0ccccccc
 *
 * Each byte of the count carries 7 bits, the lowest first; a set top bit says that another byte
 * follows. 300 is `AC 02`. This is what `writeDelimitedTo()` of Protocol Buffers puts before each
 * message.
 */
import {
  allocForWire,
  ChunkReader,
  checkBytes,
  DEFAULT_MAX_FRAME_BYTES,
  wholeNumber,
} from './codec-base.ts'
import type { ByteFrameCodec, ByteFrameDecoder } from './frame.ts'

/** 64 bits of 7 each. Protocol Buffers, "Base 128 Varints": one to ten bytes. */
const MAX_COUNT_BYTES = 10

export interface VarintPrefixOptions {
  /** Largest payload in bytes, without the count. Default 1 MiB. */
  maxFrameBytes?: number
}

/**
 * Returns a codec for frames that start with their own length as a base-128 number.
 *
 * Payloads are 0 to `maxFrameBytes` bytes of any value. Below 128 bytes they cost one byte more on
 * the wire, below 16 KiB two. The encoder writes the shortest count. The decoder takes longer forms
 * too, as the conformance tests of Protocol Buffers demand, up to ten bytes and 2^64 - 1.
 * Decoding takes constant time per frame, and one copy of a frame that spans chunks.
 *
 * @throws {RangeError} when `maxFrameBytes` is out of range, and from `encode()` when a frame is
 *   larger.
 * @throws {FrameError} from the decoder: `ERR_FRAME_TOO_LARGE` when a count is above
 *   `maxFrameBytes`, `ERR_FRAME_MALFORMED` when a count has no end after ten bytes or does not fit
 *   in 64 bits, `ERR_FRAME_TRUNCATED` when the stream ends inside a frame.
 * @see https://protobuf.dev/programming-guides/encoding/#varints
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { varintPrefix } from './varint-prefix.ts'
 *
 * const codec = varintPrefix({ maxFrameBytes: 4096 })
 * assert.deepEqual(codec.encode(Buffer.from('hi')), Buffer.from('\x02hi'))
 * assert.deepEqual(codec.encode(Buffer.alloc(300)).subarray(0, 2), Buffer.of(0xac, 0x02))
 *
 * const decoder = codec.decoder()
 * decoder.push(Buffer.from('\x02hi\x05the'))
 * assert.equal(decoder.read()?.toString(), 'hi')
 * assert.equal(decoder.read(), null) // the second frame is not complete
 * ```
 */
export function varintPrefix(options: VarintPrefixOptions = {}): ByteFrameCodec {
  const { maxFrameBytes = DEFAULT_MAX_FRAME_BYTES } = options
  wholeNumber('maxFrameBytes', maxFrameBytes, 0)

  function check(frame: Uint8Array): void {
    checkBytes(frame)
    const { length } = frame
    if (length > maxFrameBytes) {
      throw new RangeError(`frame is ${length} bytes, limit ${maxFrameBytes}`)
    }
  }

  function encodeInto(frame: Uint8Array, target: Uint8Array, offset: number): number {
    check(frame)
    wholeNumber('offset', offset, 0, target.length)
    const { length } = frame
    const payload = offset + countBytes(length)
    if (payload + length > target.length) return -1
    let rest = length
    for (let at = offset; at < payload - 1; at++) {
      target[at] = (rest % 128) | 0x80
      rest = Math.floor(rest / 128)
    }
    target[payload - 1] = rest
    target.set(frame, payload)
    return payload + length
  }

  return {
    encode(frame) {
      check(frame)
      const target = allocForWire(frame, countBytes(frame.length) + frame.length)
      encodeInto(frame, target, 0)
      return target
    },
    encodeInto,
    decoder: () => new VarintPrefixDecoder(maxFrameBytes),
  }
}

/** Returns how many bytes the shortest count of `length` has. */
function countBytes(length: number): number {
  let bytes = 1
  for (let rest = length; rest >= 128; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

class VarintPrefixDecoder extends ChunkReader implements ByteFrameDecoder {
  readonly #maxFrameBytes: number
  /** The count as far as it has come: its first `#counted` bytes. */
  #counted = 0
  #complete = false
  #length = 0

  constructor(maxFrameBytes: number) {
    super()
    this.#maxFrameBytes = maxFrameBytes
  }

  next(): boolean {
    const { chunk: bytes, at, limit } = this
    if (at + 2 <= limit) {
      // A count of one or two bytes is a frame below 16 KiB; all others take the slow way.
      let length = bytes[at]!
      let payload = at + 1
      if (length > 127) length += (bytes[payload++]! - 1) * 128
      const end = payload + length
      if (length <= this.#maxFrameBytes && end <= limit && bytes[payload - 1]! < 128) {
        this.start = payload
        this.endOffset = end
        this.at = end
        return true
      }
    }
    return this.#slow()
  }

  read(): Uint8Array | null {
    return this.next() ? this.view() : null
  }

  /** Goes on byte by byte in the count, and with whatever has come of the payload. */
  #slow(): boolean {
    this.check()
    while (!this.#complete) {
      if (!this.ready()) return false
      this.#count(this.chunk[this.at++]!)
    }
    if (!this.fill(this.#length)) return false
    this.#counted = 0
    this.#complete = false
    this.#length = 0
    return true
  }

  /** Takes one byte of a count, and judges the count when it is complete. */
  #count(byte: number): void {
    // The tenth byte holds bit 63 alone: anything above 1 would not fit in 64 bits.
    if (++this.#counted === MAX_COUNT_BYTES && byte > 1) {
      const fault = byte > 127 ? 'goes on after 10 bytes' : 'does not fit in 64 bits'
      throw this.fail('ERR_FRAME_MALFORMED', `a varint ${fault}`, this.offset - 1)
    }
    this.#length += (byte & 127) * 128 ** (this.#counted - 1)
    if (byte > 127) return
    if (this.#length > this.#maxFrameBytes) {
      const size = Number.isSafeInteger(this.#length) ? this.#length : 'more than 2^53 - 1'
      const message = `frame of ${size} bytes, limit ${this.#maxFrameBytes}`
      throw this.fail('ERR_FRAME_TOO_LARGE', message, this.offset - this.#counted)
    }
    this.#complete = true
  }

  protected override describePartialFrame(): string | null {
    if (this.#complete) return `after ${this.heldBytes} of the ${this.#length} bytes of a frame`
    return this.#counted === 0 ? null : `after ${this.#counted} bytes of a length prefix`
  }
}
