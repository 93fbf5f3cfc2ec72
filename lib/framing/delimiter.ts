/**
 * Frames that end with a mark: a byte string that no frame may contain.
 *
 *     ┌──────────────────────┬───────────┬──────────────────┬───────────┐
 *     │ payload              │ delimiter │ payload          │ delimiter │  …
 *     └──────────────────────┴───────────┴──────────────────┴───────────┘
 *
 * `find -print0` ends each name with a zero byte, and so does each message of an XMLSocket. Where a
 * protocol escapes its mark inside a payload, as mail does (RFC 5321 section 4.5.2), the escapes
 * are still there.
 */
import {
  type ByteFrameCodec,
  type ByteFrameDecoder,
  ChunkReader,
  checkBytes,
  DEFAULT_MAX_FRAME_BYTES,
  Pieces,
  roomLike,
  wholeNumber,
  wireRoom,
} from './frame.ts'

export interface DelimiterOptions {
  /** The mark: one or more bytes; text stands for its UTF-8 bytes. */
  delimiter: Uint8Array | string
  /** Largest payload in bytes, without the delimiter. Default 1 MiB. */
  maxFrameBytes?: number
}

/**
 * Returns a codec for frames that end with a delimiter.
 *
 * Payloads are 0 to `maxFrameBytes` bytes that do not contain the delimiter; the first delimiter in
 * the stream ends the frame. Decoding takes linear time for any delimiter and any stream: no byte
 * is searched twice. A frame that spans chunks is copied twice.
 *
 * @throws {RangeError} when an option is out of range, and from `encode()` when the delimiter would
 *   be found before the end of the frame: inside, or across its last bytes (`x-` before `--`).
 * @throws {FrameError} from the decoder: `ERR_FRAME_TOO_LARGE` as soon as a payload must be longer
 *   than `maxFrameBytes`, `ERR_FRAME_TRUNCATED` when the stream ends behind anything else than a
 *   delimiter.
 * @see RFC 5321 section 4.1.1.4 and section 4.5.2, for a protocol that must hide its own mark.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { delimiter } from './delimiter.ts'
 *
 * const codec = delimiter({ delimiter: '\r\n' })
 * assert.deepEqual(codec.encode(Buffer.from('PING')), Buffer.from('PING\r\n'))
 * assert.throws(() => codec.encode(Buffer.from('two\r\nlines')), RangeError)
 *
 * const decoder = codec.decoder()
 * decoder.push(Buffer.from('PING\r\nPO\rNG\r'))
 * assert.equal(decoder.read()?.toString(), 'PING')
 * assert.equal(decoder.read(), null) // half a delimiter
 * decoder.push(Buffer.from('\n'))
 * assert.equal(decoder.read()?.toString(), 'PO\rNG')
 * ```
 */
export function delimiter(options: DelimiterOptions): ByteFrameCodec {
  const { maxFrameBytes = DEFAULT_MAX_FRAME_BYTES } = options
  wholeNumber('maxFrameBytes', maxFrameBytes, 0)
  const given = options.delimiter
  const mark = typeof given === 'string' ? new TextEncoder().encode(given) : Uint8Array.from(given)
  if (mark.length === 0) throw new RangeError('delimiter is empty: expected one or more bytes')
  const search = new Search(mark)

  function check(frame: Uint8Array): void {
    checkBytes(frame)
    if (frame.length > maxFrameBytes) {
      throw new RangeError(`frame is ${frame.length} bytes, limit ${maxFrameBytes}`)
    }
    // The mark behind the frame is found in any case, so each search begins with nothing matched.
    const inside = search.find(frame, 0)
    const behind = inside === -1 ? frame.length + search.find(mark, 0) : inside
    if (behind !== frame.length + mark.length) {
      throw new RangeError(`frame holds the delimiter at byte ${behind - mark.length}`)
    }
  }

  function write(frame: Uint8Array, target: Uint8Array, offset: number): number {
    const end = offset + frame.length
    target.set(frame, offset)
    target.set(mark, end)
    return end + mark.length
  }

  return {
    encode(frame) {
      check(frame)
      const target = wireRoom(frame, frame.length + mark.length)
      write(frame, target, 0)
      return target
    },
    encodeInto(frame, target, offset) {
      check(frame)
      wholeNumber('offset', offset, 0, target.length)
      if (offset + frame.length + mark.length > target.length) return -1
      return write(frame, target, offset)
    },
    decoder: () => new DelimiterDecoder(mark, maxFrameBytes),
  }
}

/**
 * A search for a mark that goes on from one chunk to the next.
 *
 * Knuth, Morris and Pratt: all that is remembered is how much of the mark the last bytes match.
 * Where they match nothing, `indexOf()` jumps to the next byte that could begin a mark.
 */
class Search {
  /** How many of the last bytes are the beginning of the mark. */
  matched = 0
  readonly #mark: Uint8Array
  /** For each beginning of the mark: the longest shorter one that it ends with. */
  readonly #shorter: Uint32Array

  constructor(mark: Uint8Array) {
    this.#mark = mark
    this.#shorter = new Uint32Array(mark.length)
    for (let i = 1, matched = 0; i < mark.length; i++) {
      while (matched > 0 && mark[i] !== mark[matched]) matched = this.#shorter[matched - 1]!
      if (mark[i] === mark[matched]) matched++
      this.#shorter[i] = matched
    }
  }

  /** Returns the offset behind the first mark that ends in `chunk` after `from`, or -1. */
  find(chunk: Uint8Array, from: number): number {
    const mark = this.#mark
    if (mark.length === 1) return chunk.indexOf(mark[0]!, from) + 1 || -1
    let matched = this.matched
    for (let at = from; at < chunk.length; at++) {
      if (matched === 0) {
        at = chunk.indexOf(mark[0]!, at)
        if (at === -1) break
      }
      const byte = chunk[at]!
      while (matched > 0 && byte !== mark[matched]) matched = this.#shorter[matched - 1]!
      if (byte === mark[matched]) matched++
      if (matched === mark.length) {
        this.matched = 0
        return at + 1
      }
    }
    this.matched = matched
    return -1
  }
}

class DelimiterDecoder extends ChunkReader implements ByteFrameDecoder {
  readonly #search: Search
  readonly #mark: Uint8Array
  readonly #markBytes: number
  readonly #firstByte: number
  readonly #maxFrameBytes: number
  /** The bytes of this frame that came in earlier chunks, with the mark as far as it has come. */
  readonly #pieces = new Pieces()

  constructor(mark: Uint8Array, maxFrameBytes: number) {
    super()
    this.#search = new Search(mark)
    this.#mark = mark
    this.#markBytes = mark.length
    this.#firstByte = mark[0]!
    this.#maxFrameBytes = maxFrameBytes
  }

  next(): boolean {
    const { chunk: bytes, at } = this
    if (at >= this.limit) return this.#slow(at)
    const end = bytes.indexOf(this.#firstByte, at)
    if (end === -1) return this.#slow(this.limit)
    const behind = end + this.#markBytes
    if (end - at <= this.#maxFrameBytes && behind <= this.limit && this.#marks(bytes, end)) {
      this.start = at
      this.endOffset = end
      this.at = behind
      return true
    }
    return this.#slow(end)
  }

  /** Returns whether `bytes` from `end` on, past the first byte, are the rest of the mark. */
  #marks(bytes: Uint8Array, end: number): boolean {
    const mark = this.#mark
    for (let i = 1; i < mark.length; i++) if (bytes[end + i] !== mark[i]) return false
    return true
  }

  /** Goes on from `from`, before which no mark begins, to the next frame or the last chunk. */
  #slow(from: number): boolean {
    this.check()
    let skip = from - this.at
    while (this.ready()) {
      const { chunk, at } = this
      const behind = this.#search.find(chunk, at + skip)
      skip = 0
      const before = this.#pieces.length
      if (behind === -1) {
        // Bytes that may begin a mark do not count yet. What is left can only grow.
        const least = before + chunk.length - at - this.#search.matched
        if (least > this.#maxFrameBytes) throw this.#tooLarge()
        this.#pieces.add(chunk, at, chunk.length)
        this.at = chunk.length
        continue
      }
      const size = before + behind - at - this.#markBytes
      if (size > this.#maxFrameBytes) throw this.#tooLarge()
      this.at = behind
      if (before > 0) this.#join(chunk, at, size)
      else {
        this.bytes = chunk
        this.start = at
        this.endOffset = at + size
      }
      this.limit = before > 0 ? 0 : chunk.length
      return true
    }
    return false
  }

  read(): Uint8Array | null {
    return this.next() ? this.view() : null
  }

  /** Makes one frame of the pieces and of `chunk` from `at` on. */
  #join(chunk: Uint8Array, at: number, size: number): void {
    const frame = roomLike(chunk, size)
    const before = Math.min(size, this.#pieces.length)
    this.#pieces.copyTo(frame, before)
    this.copy(at, at + size - before, frame, before)
    this.#pieces.clear()
    this.bytes = frame
    this.start = 0
    this.endOffset = size
  }

  #tooLarge(): Error {
    const limit = this.#maxFrameBytes
    const offset = this.offset - this.#pieces.length + limit
    this.#pieces.clear()
    return this.lost('ERR_FRAME_TOO_LARGE', `frame of more than ${limit} bytes`, offset)
  }

  protected override unfinished(): string | null {
    if (this.#pieces.length === 0) return null
    return `after ${this.#pieces.length} bytes of a frame and its delimiter`
  }
}
