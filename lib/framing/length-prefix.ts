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
  allocForWire,
  ChunkReader,
  checkBytes,
  DEFAULT_MAX_FRAME_BYTES,
  wholeNumber,
} from './codec-base.ts'
import type { ByteFrameCodec, ByteFrameDecoder } from './frame.ts'

export interface LengthPrefixOptions {
  /** Size of the count in bytes. Default 4. */
  prefixBytes?: 1 | 2 | 3 | 4 | 6 | 8
  /** Which byte of the count comes first. Default `'big'`, the network's order. */
  endian?: 'big' | 'little'
  /** Largest payload in bytes, without the count. Default 1 MiB. A smaller prefix limits it too. */
  maxFrameBytes?: number
  /** How many bytes of a header stand before the count. Default 0. */
  lengthFieldOffset?: number
  /**
   * How many bytes come after the count, minus what the count says. Default 0.
   *
   * Above 0: a header goes on behind the count, which does not count it. Below 0: the count
   * includes itself, or what stands before it.
   */
  lengthAdjustment?: number
  /**
   * How many bytes at the start are no part of the frame that `read()` returns. Default: header and
   * count. With 0 the frame has them too.
   */
  stripBytes?: number
}

/**
 * Returns a codec for frames that start with their own length.
 *
 * Payloads are 0 to `maxFrameBytes` bytes of any value. Each costs `prefixBytes` more on the wire.
 * Decoding takes constant time per frame, and one copy of a frame that spans chunks. The length is
 * checked as soon as the count is complete, before memory is reserved. Counts above 2^53 - 1 are
 * too large, never rounded.
 *
 * Many protocols have their count inside a header: `lengthFieldOffset`, `lengthAdjustment` and
 * `stripBytes` say where, and what it counts. `maxFrameBytes` limits the frame as it is returned.
 *
 *     PostgreSQL   { lengthFieldOffset: 1, lengthAdjustment: -4, stripBytes: 0 }
 *     MySQL        { prefixBytes: 3, endian: 'little', lengthAdjustment: 1, stripBytes: 0 }
 *     HTTP/2       { prefixBytes: 3, lengthAdjustment: 6, stripBytes: 0 }
 *     TLS records  { prefixBytes: 2, lengthFieldOffset: 3, stripBytes: 0 }
 *     Modbus/TCP   { prefixBytes: 2, lengthFieldOffset: 4, stripBytes: 0 }
 *
 * With `stripBytes: 0` `encode()` takes frames with their header, and writes the count itself over
 * whatever stands in its place. Where a header is stripped it cannot be written: `encode()` throws.
 *
 * @throws {RangeError} when an option is out of range, and from `encode()` when a frame is larger
 *   than `maxFrameBytes` or than the prefix can say, or smaller than its header.
 * @throws {FrameError} from the decoder: `ERR_FRAME_TOO_LARGE` when a count is above
 *   `maxFrameBytes`, `ERR_FRAME_MALFORMED` when it is too small for the header that it includes,
 *   `ERR_FRAME_TRUNCATED` when the stream ends inside a frame.
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
  const layout = layoutOf(options, prefixBytes)
  if (layout !== null) return withHeader(layout, endian === 'little', maxFrameBytes)
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
      const target = allocForWire(frame, prefixBytes + frame.length)
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

/** Where the count is, in frames that have more of a header than a count. */
interface Layout {
  /** The count is from here to `headerBytes`. */
  countStart: number
  headerBytes: number
  /** A frame has this many bytes more than its count says. */
  extra: number
  strip: number
}

/** Returns `null` for a count alone, which has a quicker way. */
function layoutOf(options: LengthPrefixOptions, prefixBytes: number): Layout | null {
  const { lengthFieldOffset = 0, lengthAdjustment = 0 } = options
  wholeNumber('lengthFieldOffset', lengthFieldOffset, 0, 2 ** 16)
  wholeNumber('lengthAdjustment', lengthAdjustment, -(2 ** 16), 2 ** 16)
  const headerBytes = lengthFieldOffset + prefixBytes
  const strip = wholeNumber('stripBytes', options.stripBytes ?? headerBytes, 0, 2 ** 16)
  if (lengthFieldOffset === 0 && lengthAdjustment === 0 && strip === prefixBytes) return null
  const extra = headerBytes + lengthAdjustment
  return { countStart: lengthFieldOffset, headerBytes, extra, strip }
}

function withHeader(layout: Layout, little: boolean, maxFrameBytes: number): ByteFrameCodec {
  const { countStart, headerBytes, extra, strip } = layout
  const prefixBytes = headerBytes - countStart
  // What is stripped must be the count and nothing else, or it is lost for a writer.
  const added = strip === 0 || (countStart === 0 && strip === headerBytes) ? strip : -1

  /** Returns the size of the frame on the wire. */
  function check(frame: Uint8Array): number {
    checkBytes(frame)
    if (added === -1) throw new RangeError(`${strip} bytes are stripped: they cannot be written`)
    const { length } = frame
    if (length > maxFrameBytes) {
      throw new RangeError(`frame is ${length} bytes, limit ${maxFrameBytes}`)
    }
    const count = length + added - extra
    const least = Math.max(headerBytes - added, extra - added)
    if (length < least) throw new RangeError(`frame is ${length} bytes, its header ${least}`)
    if (count >= 256 ** prefixBytes) {
      throw new RangeError(`frame is ${length} bytes: ${prefixBytes} bytes cannot count it`)
    }
    return length + added
  }

  function write(frame: Uint8Array, target: Uint8Array, offset: number): number {
    target.set(frame, offset + added)
    const first = offset + countStart
    let rest = frame.length + added - extra
    for (let i = 0; i < prefixBytes; i++, rest = Math.floor(rest / 256)) {
      target[little ? first + i : first + prefixBytes - 1 - i] = rest
    }
    return offset + added + frame.length
  }

  return {
    encode(frame) {
      const target = allocForWire(frame, check(frame))
      write(frame, target, 0)
      return target
    },
    encodeInto(frame, target, offset) {
      const wireBytes = check(frame)
      wholeNumber('offset', offset, 0, target.length)
      return offset + wireBytes > target.length ? -1 : write(frame, target, offset)
    },
    decoder: () => new HeaderDecoder(layout, little, maxFrameBytes),
  }
}

class HeaderDecoder extends ChunkReader implements ByteFrameDecoder {
  readonly #layout: Layout
  readonly #little: boolean
  readonly #maxFrameBytes: number
  /** The size of the frame with all its header; 0 = the header has not come. */
  #wireBytes = 0

  constructor(layout: Layout, little: boolean, maxFrameBytes: number) {
    super()
    this.#layout = layout
    this.#little = little
    this.#maxFrameBytes = maxFrameBytes
  }

  next(): boolean {
    this.check()
    if (this.#wireBytes === 0 && !this.#readHeader()) return false
    if (this.heldBytes === this.#wireBytes) this.take(0, this.#wireBytes)
    else if (!this.fill(this.#wireBytes)) return false
    this.start += this.#layout.strip
    this.#wireBytes = 0
    return true
  }

  read(): Uint8Array | null {
    return this.next() ? this.view() : null
  }

  /** Finds the size of the frame; a header that spans chunks is put together first. */
  #readHeader(): boolean {
    const { headerBytes } = this.#layout
    while (this.heldBytes > 0 || this.chunk.length - this.at < headerBytes) {
      if (this.heldBytes === headerBytes) break
      if (!this.ready()) return false
      if (this.heldBytes === 0 && this.chunk.length - this.at >= headerBytes) break
      if (this.held.length < headerBytes) this.grow(headerBytes)
      this.hold(Math.min(this.chunk.length, this.at + headerBytes - this.heldBytes))
    }
    if (this.heldBytes > 0) this.#size(this.held, 0)
    else this.#size(this.chunk, this.at)
    return true
  }

  #size(bytes: Uint8Array, at: number): void {
    const { countStart, headerBytes, extra, strip } = this.#layout
    let count = 0
    for (let i = countStart; i < headerBytes; i++) {
      count = count * 256 + bytes[at + (this.#little ? headerBytes - 1 - i + countStart : i)]!
    }
    const offset = this.offset - this.heldBytes + countStart
    const size = count + extra
    const least = Math.max(headerBytes, strip)
    if (size < least) {
      const message = `a count of ${count} bytes in a header of ${least}`
      throw this.fail('ERR_FRAME_MALFORMED', message, offset)
    }
    if (size - strip > this.#maxFrameBytes) {
      const shown = Number.isSafeInteger(size) ? size - strip : 'more than 2^53 - 1'
      const message = `frame of ${shown} bytes, limit ${this.#maxFrameBytes}`
      throw this.fail('ERR_FRAME_TOO_LARGE', message, offset)
    }
    this.#wireBytes = size
  }

  protected override describePartialFrame(): string | null {
    if (this.#wireBytes > 0)
      return `after ${this.heldBytes} of the ${this.#wireBytes} bytes of a frame`
    if (this.heldBytes === 0) return null
    return `after ${this.heldBytes} of the ${this.#layout.headerBytes} bytes of a header`
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
      throw this.fail('ERR_FRAME_TOO_LARGE', message, this.offset - this.#prefixBytes)
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

  protected override describePartialFrame(): string | null {
    if (this.#counted === 0) return null
    return this.#counted < this.#prefixBytes
      ? `after ${this.#counted} of the ${this.#prefixBytes} bytes of a length prefix`
      : `after ${this.heldBytes} of the ${this.#length} bytes of a frame`
  }
}
