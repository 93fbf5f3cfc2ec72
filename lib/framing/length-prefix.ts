/**
 * A count of bytes, then that many bytes.
 *
 *      0                 prefixBytes           prefixBytes + n
 *     ┌─────────────────┬──────────────────────┐
 *     │ n, big endian   │ payload, n bytes     │  next frame …
 *     └─────────────────┴──────────────────────┘
 *
 * The count does not include itself. DNS over TCP has 2 bytes (RFC 1035 section 4.2.2), TLS records
 * end their header with 2, HTTP/2 starts with 3 (RFC 9113 section 4.1), Kafka and most private
 * protocols have 4.
 */
import {
  type ByteFrameCodec,
  type ByteFrameDecoder,
  ChunkReader,
  checkBytes,
  DEFAULT_MAX_FRAME_BYTES,
  wholeNumber,
  wireRoom,
} from './frame.ts'

export interface LengthPrefixOptions {
  /** Size of the count in bytes. Default 4. */
  prefixBytes?: 1 | 2 | 3 | 4 | 6 | 8
  /** Which byte of the count comes first. Default `'big'`, the network's order. */
  endian?: 'big' | 'little'
  /** Largest payload in bytes, without the count. Default 1 MiB. A smaller prefix limits it too. */
  maxFrameBytes?: number
}

/**
 * Returns a codec for frames that start with their own length.
 *
 * Payloads are 0 to `maxFrameBytes` bytes of any value. Each costs `prefixBytes` more on the wire.
 * Decoding takes constant time per frame, and one copy of a frame that spans chunks. The length is
 * checked as soon as the count is complete, before memory is reserved. Counts above 2^53 - 1 are
 * too large, never rounded.
 *
 * @throws {RangeError} when an option is out of range, and from `encode()` when a frame is larger
 *   than `maxFrameBytes` or than the prefix can say.
 * @throws {FrameError} from the decoder: `ERR_FRAME_TOO_LARGE` when a count is above
 *   `maxFrameBytes`, `ERR_FRAME_TRUNCATED` when the stream ends inside a frame.
 * @see RFC 1035 section 4.2.2, https://www.rfc-editor.org/rfc/rfc1035#section-4.2.2
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { lengthPrefix } from './length-prefix.ts'
 *
 * const codec = lengthPrefix({ prefixBytes: 2, maxFrameBytes: 1024 })
 * assert.deepEqual(codec.encode(Buffer.from('hi')), Buffer.from('\0\x02hi'))
 *
 * const decoder = codec.decoder()
 * decoder.push(Buffer.from('\0\x02hi\0\x05the'))
 * assert.equal(decoder.read()?.toString(), 'hi')
 * assert.equal(decoder.read(), null) // the second frame is not complete
 * decoder.push(Buffer.from('re'))
 * assert.equal(decoder.read()?.toString(), 'there')
 * decoder.end()
 * ```
 */
export function lengthPrefix(options: LengthPrefixOptions = {}): ByteFrameCodec {
  const { prefixBytes = 4, endian = 'big', maxFrameBytes = DEFAULT_MAX_FRAME_BYTES } = options
  if (![1, 2, 3, 4, 6, 8].includes(prefixBytes)) {
    throw new RangeError(`prefixBytes is ${prefixBytes}: expected 1, 2, 3, 4, 6 or 8`)
  }
  if (endian !== 'big' && endian !== 'little') {
    throw new RangeError(`endian is ${String(endian)}: expected 'big' or 'little'`)
  }
  wholeNumber('maxFrameBytes', maxFrameBytes, 0)
  const largest = Math.min(maxFrameBytes, 256 ** prefixBytes - 1)
  const little = endian === 'little'

  function check(frame: Uint8Array): void {
    checkBytes(frame)
    const { length } = frame
    if (length > largest) throw new RangeError(`frame is ${length} bytes, limit ${largest}`)
  }

  function write(frame: Uint8Array, target: Uint8Array, offset: number): number {
    const length = frame.length
    const payload = offset + prefixBytes
    if (prefixBytes === 4 && !little) {
      target[offset] = length >>> 24
      target[offset + 1] = length >>> 16
      target[offset + 2] = length >>> 8
      target[offset + 3] = length
    } else {
      for (let i = 0, rest = length; i < prefixBytes; i++, rest = Math.floor(rest / 256)) {
        target[little ? offset + i : payload - 1 - i] = rest
      }
    }
    target.set(frame, payload)
    return payload + length
  }

  return {
    encode(frame) {
      check(frame)
      const target = wireRoom(frame, prefixBytes + frame.length)
      write(frame, target, 0)
      return target
    },
    encodeInto(frame, target, offset) {
      check(frame)
      wholeNumber('offset', offset, 0, target.length)
      if (offset + prefixBytes + frame.length > target.length) return -1
      return write(frame, target, offset)
    },
    decoder: () => new LengthPrefixDecoder(prefixBytes, little, largest),
  }
}

class LengthPrefixDecoder extends ChunkReader implements ByteFrameDecoder {
  readonly #prefixBytes: number
  readonly #little: boolean
  /** The largest length that the quick way in `#move()` takes; -1 = it knows no such prefix. */
  readonly #quick: number
  readonly #largest: number
  /** The count as far as it has come: its first `#counted` bytes. */
  #counted = 0
  #length = 0

  constructor(prefixBytes: number, little: boolean, largest: number) {
    super()
    this.#prefixBytes = prefixBytes
    this.#little = little
    this.#quick = prefixBytes === 4 && !little ? Math.min(largest, 2 ** 31 - 1) : -1
    this.#largest = largest
  }

  next(): boolean {
    return this.#move(true)
  }

  read(): Uint8Array | null {
    return this.#move(false) ? this.view() : null
  }

  /** Moves to the next frame; with `reuse` nobody keeps it when it is put together from chunks. */
  #move(reuse: boolean): boolean {
    const { chunk: bytes, at } = this
    const payload = at + 4
    if (payload <= this.limit) {
      const length =
        (bytes[at]! << 24) | (bytes[at + 1]! << 16) | ((bytes[at + 2]! << 8) | bytes[at + 3]!)
      const end = payload + length
      if (length >>> 0 <= this.#quick) {
        if (end <= this.limit) {
          this.start = payload
          this.endOffset = end
          this.at = end
          return true
        }
        this.#counted = 4
        this.#length = length
        this.at = payload
      }
    }
    return this.#slow(reuse)
  }

  /** Reads the count, byte by byte if it is cut, and whatever has come of the payload. */
  #slow(reuse: boolean): boolean {
    this.check()
    while (this.#counted < this.#prefixBytes) {
      if (!this.ready()) return false
      const end = Math.min(this.#prefixBytes, this.#counted + this.chunk.length - this.at)
      if (this.#little) this.#countLittle(end)
      else this.#countBig(end)
    }
    if (this.#length > this.#largest) {
      const size = Number.isSafeInteger(this.#length) ? this.#length : 'more than 2^53 - 1'
      const message = `frame of ${size} bytes, limit ${this.#largest}`
      throw this.lost('ERR_FRAME_TOO_LARGE', message, this.offset - this.#prefixBytes)
    }
    if (!this.fill(this.#length, reuse)) return false
    this.#counted = 0
    this.#length = 0
    return true
  }

  #countBig(end: number): void {
    const { chunk, at } = this
    const first = this.#counted
    let length = this.#length
    for (let i = first; i < end; i++) length = length * 256 + chunk[at + i - first]!
    this.#length = length
    this.#counted = end
    this.at = at + end - first
  }

  #countLittle(end: number): void {
    const { chunk, at } = this
    const first = this.#counted
    let length = 0
    for (let i = end - 1; i >= first; i--) length = length * 256 + chunk[at + i - first]!
    this.#length += length * 256 ** first
    this.#counted = end
    this.at = at + end - first
  }

  protected override unfinished(): string | null {
    if (this.#counted === 0) return null
    return this.#counted < this.#prefixBytes
      ? `after ${this.#counted} of the ${this.#prefixBytes} bytes of a length prefix`
      : `after ${this.heldBytes} of the ${this.#length} bytes of a frame`
  }
}
