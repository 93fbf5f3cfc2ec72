/**
 * A decimal count of bytes, a colon, that many bytes, a comma.
 *
 *     ┌──────────────────────┬───┬──────────────────┬───┐
 *     │ n, decimal digits    │ : │ payload, n bytes │ , │  next frame …
 *     └──────────────────────┴───┴──────────────────┴───┘
 *       5:hello,   0:,
 *
 * A person can read it, and the comma shows at once when a count was wrong. From D. J. Bernstein,
 * "Netstrings" (1997); used by QMTP and QMQP.
 */
import {
  allocForWire,
  ChunkReader,
  checkBytes,
  DEFAULT_MAX_FRAME_BYTES,
  wholeNumber,
} from './codec-base.ts'
import type { ByteFrameCodec, ByteFrameDecoder } from './frame.ts'

const COLON = 0x3a
const COMMA = 0x2c
const DIGIT_0 = 0x30

export interface NetstringOptions {
  /** Largest payload in bytes, without digits, colon and comma. Default 1 MiB. */
  maxFrameBytes?: number
}

/**
 * Returns a codec for netstrings.
 *
 * Payloads are 0 to `maxFrameBytes` bytes of any value. They cost two bytes more on the wire, and
 * one for each digit of the count. A count has no sign, no space and no leading zero, except that
 * 0 itself is written `0`. Decoding takes constant time per frame, and one copy of a frame that
 * spans chunks.
 *
 * @throws {RangeError} when `maxFrameBytes` is out of range, and from `encode()` when a frame is
 *   larger.
 * @throws {FrameError} from the decoder: `ERR_FRAME_TOO_LARGE` at the first digit that takes a
 *   count above `maxFrameBytes`, `ERR_FRAME_MALFORMED` when a count or a comma is not as above,
 *   `ERR_FRAME_TRUNCATED` when the stream ends inside a frame.
 * @see https://cr.yp.to/proto/netstrings.txt
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { netstring } from './netstring.ts'
 *
 * const codec = netstring()
 * assert.equal(codec.encode(Buffer.from('hello')).toString(), '5:hello,')
 *
 * const decoder = codec.decoder()
 * decoder.push(Buffer.from('5:hello,0:,03:abc,'))
 * assert.equal(decoder.read()?.toString(), 'hello')
 * assert.equal(decoder.read()?.toString(), '')
 * assert.throws(() => decoder.read(), { code: 'ERR_FRAME_MALFORMED' }) // leading zero
 * ```
 */
export function netstring(options: NetstringOptions = {}): ByteFrameCodec {
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
    const colon = offset + digits(length)
    const comma = colon + 1 + length
    if (comma >= target.length) return -1
    for (let at = colon - 1, rest = length; at >= offset; at--, rest = Math.floor(rest / 10)) {
      target[at] = DIGIT_0 + (rest % 10)
    }
    target[colon] = COLON
    target.set(frame, colon + 1)
    target[comma] = COMMA
    return comma + 1
  }

  return {
    encode(frame) {
      check(frame)
      const target = allocForWire(frame, digits(frame.length) + frame.length + 2)
      encodeInto(frame, target, 0)
      return target
    },
    encodeInto,
    decoder: () => new NetstringDecoder(maxFrameBytes),
  }
}

/** Returns how many decimal digits `length` has. */
function digits(length: number): number {
  let count = 1
  for (let rest = length; rest >= 10; rest = Math.floor(rest / 10)) count++
  return count
}

class NetstringDecoder extends ChunkReader implements ByteFrameDecoder {
  readonly #maxFrameBytes: number
  /** The count as far as it has come: its first `#digits` digits. */
  #digits = 0
  #length = 0
  #complete = false

  constructor(maxFrameBytes: number) {
    super()
    this.#maxFrameBytes = maxFrameBytes
  }

  next(): boolean {
    const { chunk: bytes, limit } = this
    let at = this.at
    if (at < limit) {
      let length = bytes[at++]! - DIGIT_0
      if (length > 0 && length <= 9) {
        // Up to 9 digits, then the colon.
        for (const last = Math.min(limit, at + 9); at < last; at++) {
          const digit = bytes[at]! - DIGIT_0
          if (digit < 0 || digit > 9) break
          length = length * 10 + digit
        }
        const comma = at + 1 + length
        if (
          length <= this.#maxFrameBytes &&
          comma < limit &&
          bytes[at] === COLON &&
          bytes[comma] === COMMA
        ) {
          this.start = at + 1
          this.endOffset = comma
          this.at = comma + 1
          return true
        }
      }
    }
    return this.#slow()
  }

  read(): Uint8Array | null {
    return this.next() ? this.view() : null
  }

  /** Goes on byte by byte in the count, and with whatever has come of payload and comma. */
  #slow(): boolean {
    this.check()
    while (!this.#complete) {
      if (!this.ready()) return false
      this.#count(this.chunk[this.at++]!)
    }
    if (!this.fill(this.#length + 1)) return false
    this.endOffset--
    const comma = this.bytes[this.endOffset]!
    if (comma !== COMMA) {
      const found = hex(comma)
      const message = `${found} instead of a comma after ${this.#length} bytes`
      throw this.fail('ERR_FRAME_MALFORMED', message, this.offset - 1)
    }
    this.#digits = 0
    this.#length = 0
    this.#complete = false
    return true
  }

  /** Takes one digit of a count, or the colon behind it. */
  #count(byte: number): void {
    if (byte === COLON && this.#digits > 0) {
      this.#complete = true
      return
    }
    const digit = byte - DIGIT_0
    if (digit < 0 || digit > 9) {
      const wanted = this.#digits === 0 ? 'a digit' : 'a digit or a colon'
      throw this.fail('ERR_FRAME_MALFORMED', `${hex(byte)} instead of ${wanted}`, this.offset - 1)
    }
    if (this.#digits > 0 && this.#length === 0) {
      throw this.fail('ERR_FRAME_MALFORMED', 'a count with a leading zero', this.offset - 1)
    }
    this.#digits++
    this.#length = this.#length * 10 + digit
    if (this.#length > this.#maxFrameBytes) {
      const message = `frame of at least ${this.#length} bytes, limit ${this.#maxFrameBytes}`
      throw this.fail('ERR_FRAME_TOO_LARGE', message, this.offset - 1)
    }
  }

  protected override describePartialFrame(): string | null {
    if (this.#complete) {
      return `after ${this.heldBytes} of the ${this.#length} bytes of a frame and a comma`
    }
    return this.#digits === 0 ? null : `after ${this.#digits} digits of a count`
  }
}

function hex(byte: number): string {
  return `0x${byte.toString(16).padStart(2, '0')}`
}
