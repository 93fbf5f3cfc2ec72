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
  allocForWire,
  allocLike,
  BlockList,
  ChunkReader,
  checkBytes,
  checkOnTooLarge,
  DEFAULT_MAX_FRAME_BYTES,
  wholeNumber,
} from './codec-base.ts'
import type { OnTooLarge, SkippingByteCodec, SkippingByteDecoder } from './frame.ts'

export interface DelimiterOptions {
  /**
   * The mark: one or more bytes; text stands for its UTF-8 bytes.
   *
   * Of several marks, the first to end in the stream ends the frame; if two end at the same byte,
   * it is the longer one. `encode()` writes the first of the list.
   */
  delimiter: Uint8Array | string | readonly (Uint8Array | string)[]
  /** Largest payload in bytes, without the delimiter. Default 1 MiB. */
  maxFrameBytes?: number
  /** What the decoder does with a payload above the limit. Default `'throw'`. */
  onTooLarge?: OnTooLarge
}

/**
 * Returns a codec for frames that end with a delimiter.
 *
 * Payloads are 0 to `maxFrameBytes` bytes that do not contain the delimiter; the first delimiter in
 * the stream ends the frame. Decoding takes linear time for any delimiter and any stream: no byte
 * is searched twice. A frame that spans chunks is copied twice. With `onTooLarge: 'skip'` a frame
 * above the limit is dropped, and decoding goes on behind the next delimiter.
 *
 * @throws {RangeError} when an option is out of range, or one delimiter ends inside another,
 *   and from `encode()` when a delimiter would be found before the end of the frame: inside, or
 *   across its last bytes (`x-` before `--`).
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
 *
 * const marks = ['\n', '\r\n', ';']
 * const several = delimiter({ delimiter: marks, maxFrameBytes: 4, onTooLarge: 'skip' }).decoder()
 * several.push(Buffer.from('one;two\r\nthree\nfour;'))
 * assert.equal(several.read()?.toString(), 'one')
 * assert.equal(several.read()?.toString(), 'two')
 * assert.equal(several.read()?.toString(), 'four') // 'three' is too large
 * assert.equal(several.skippedFrames, 1)
 * ```
 */
export function delimiter(options: DelimiterOptions): SkippingByteCodec {
  const { maxFrameBytes = DEFAULT_MAX_FRAME_BYTES, onTooLarge = 'throw' } = options
  wholeNumber('maxFrameBytes', maxFrameBytes, 0)
  checkOnTooLarge(onTooLarge)
  const marks = marksOf(options.delimiter)
  const mark = marks[0]!
  const newSearch = () => (marks.length === 1 ? new Search(mark) : new SearchForAny(marks))
  const search = newSearch()

  function check(frame: Uint8Array): void {
    checkBytes(frame)
    if (frame.length > maxFrameBytes) {
      throw new RangeError(`frame is ${frame.length} bytes, limit ${maxFrameBytes}`)
    }
    // The mark behind the frame is found in any case, so each search begins with nothing matched.
    const inside = search.find(frame, 0)
    const behind = inside === -1 ? frame.length + search.find(mark, 0) : inside
    if (behind !== frame.length + mark.length || search.markBytes !== mark.length) {
      throw new RangeError(`frame holds the delimiter at byte ${behind - search.markBytes}`)
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
      const target = allocForWire(frame, frame.length + mark.length)
      write(frame, target, 0)
      return target
    },
    encodeInto(frame, target, offset) {
      check(frame)
      wholeNumber('offset', offset, 0, target.length)
      if (offset + frame.length + mark.length > target.length) return -1
      return write(frame, target, offset)
    },
    decoder() {
      const single = marks.length === 1 ? mark : null
      return new DelimiterDecoder(newSearch(), single, maxFrameBytes, onTooLarge === 'skip')
    },
  }
}

/** Returns the marks as bytes that no caller can change. */
function marksOf(given: DelimiterOptions['delimiter']): Uint8Array[] {
  const list = typeof given === 'string' || !Array.isArray(given) ? [given] : given
  const marks = list.map(mark =>
    typeof mark === 'string' ? new TextEncoder().encode(mark) : Uint8Array.from(mark),
  )
  if (marks.length === 0) throw new RangeError('no delimiter: expected one or more')
  for (const mark of marks) {
    if (mark.length === 0) throw new RangeError('delimiter is empty: expected one or more bytes')
    for (const [i, other] of marks.entries()) {
      const end = new Search(other).find(mark, 0)
      if (end === -1 || end === mark.length) continue
      const hidden = `delimiter ${marks.indexOf(mark) + 1} can never be found`
      throw new RangeError(`${hidden}: delimiter ${i + 1} ends inside it`)
    }
  }
  return marks
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
  readonly markBytes: number
  readonly #mark: Uint8Array
  /** For each beginning of the mark: the longest shorter one that it ends with. */
  readonly #shorter: Uint32Array

  constructor(mark: Uint8Array) {
    this.#mark = mark
    this.markBytes = mark.length
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

/**
 * The same for several marks at once: Aho and Corasick.
 *
 * A node stands for the longest end of the bytes so far that begins a mark; `#next` has its 256
 * successors. One step a byte, however many marks there are.
 */
class SearchForAny {
  /** How many of the last bytes are the beginning of a mark. */
  matched = 0
  /** The length of the mark that was found last. */
  markBytes = 0
  #node = 0
  readonly #next: Int32Array
  /**
   * For each node: how many bytes it stands for, and the length of the mark that it is, or 0. No
   * mark ends inside another one, so a node that is no mark ends with none.
   */
  readonly #depth: Int32Array
  readonly #ends: Int32Array

  constructor(marks: readonly Uint8Array[]) {
    const most = 1 + marks.reduce((sum, mark) => sum + mark.length, 0)
    const next = new Int32Array(256 * most)
    this.#next = next
    this.#depth = new Int32Array(most)
    this.#ends = new Int32Array(most)
    let nodes = 1
    for (const mark of marks) {
      let node = 0
      for (const byte of mark) {
        if (next[256 * node + byte] === 0) {
          this.#depth[nodes] = this.#depth[node]! + 1
          next[256 * node + byte] = nodes++
        }
        node = next[256 * node + byte]!
      }
      this.#ends[node] = mark.length
    }
    this.#link()
  }

  /** Fills in where a byte leads that goes on with no mark, the shallow nodes first. */
  #link(): void {
    const next = this.#next
    const shorter = new Int32Array(this.#depth.length)
    const queue = [0]
    for (const node of queue) {
      for (let byte = 0; byte < 256; byte++) {
        const place = 256 * node + byte
        const elsewhere = node === 0 ? 0 : next[256 * shorter[node]! + byte]!
        if (next[place] === 0) next[place] = elsewhere
        else {
          shorter[next[place]!] = elsewhere
          queue.push(next[place]!)
        }
      }
    }
  }

  /** Returns the offset behind the first mark that ends in `chunk` after `from`, or -1. */
  find(chunk: Uint8Array, from: number): number {
    const next = this.#next
    const ends = this.#ends
    let node = this.#node
    for (let at = from; at < chunk.length; at++) {
      node = next[256 * node + chunk[at]!]!
      if (ends[node] === 0) continue
      this.markBytes = ends[node]!
      this.#node = this.matched = 0
      return at + 1
    }
    this.#node = node
    this.matched = this.#depth[node]!
    return -1
  }
}

class DelimiterDecoder extends ChunkReader implements SkippingByteDecoder {
  skippedFrames = 0
  readonly #search: Search | SearchForAny
  /** Whether there is one mark only: then `next()` looks for it. */
  readonly #single: boolean
  readonly #mark: Uint8Array
  readonly #markBytes: number
  readonly #firstByte: number
  readonly #maxFrameBytes: number
  /** The bytes of this frame that came in earlier chunks, with the mark as far as it has come. */
  readonly #pieces = new BlockList()
  readonly #skips: boolean
  /** Whether the bytes up to the next mark are dropped. */
  #skipping = false

  constructor(
    search: Search | SearchForAny,
    mark: Uint8Array | null,
    maxFrameBytes: number,
    skips: boolean,
  ) {
    super()
    this.#search = search
    this.#single = mark !== null
    this.#mark = mark ?? new Uint8Array(0)
    this.#markBytes = this.#mark.length
    this.#firstByte = this.#mark[0] ?? 0
    this.#maxFrameBytes = maxFrameBytes
    this.#skips = skips
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
        if (!this.#skipping && least > this.#maxFrameBytes) this.#tooLarge()
        if (!this.#skipping) this.#pieces.add(chunk, at, chunk.length)
        this.at = chunk.length
        continue
      }
      const size = before + behind - at - this.#search.markBytes
      if (!this.#skipping && size > this.#maxFrameBytes) this.#tooLarge()
      if (this.#skipping) {
        this.#skipping = false
        this.at = behind
        continue
      }
      this.at = behind
      if (before > 0) this.#join(chunk, at, size)
      else {
        this.bytes = chunk
        this.start = at
        this.endOffset = at + size
      }
      this.limit = before > 0 || !this.#single ? 0 : chunk.length
      return true
    }
    return false
  }

  read(): Uint8Array | null {
    return this.next() ? this.view() : null
  }

  /** Makes one frame of the pieces and of `chunk` from `at` on. */
  #join(chunk: Uint8Array, at: number, size: number): void {
    const frame = allocLike(chunk, size)
    const before = Math.min(size, this.#pieces.length)
    this.#pieces.copyTo(frame, before)
    this.copy(at, at + size - before, frame, before)
    this.#pieces.clear()
    this.bytes = frame
    this.start = 0
    this.endOffset = size
  }

  /** Drops the frame in progress, up to the next mark, where that is wanted. */
  #tooLarge(): void {
    const limit = this.#maxFrameBytes
    const offset = this.offset - this.#pieces.length + limit
    this.#pieces.clear()
    if (!this.#skips) {
      throw this.fail('ERR_FRAME_TOO_LARGE', `frame of more than ${limit} bytes`, offset)
    }
    this.skippedFrames++
    this.#skipping = true
  }

  protected override describePartialFrame(): string | null {
    if (this.#skipping) return `inside a frame of more than ${this.#maxFrameBytes} bytes`
    if (this.#pieces.length === 0) return null
    return `after ${this.#pieces.length} bytes of a frame and its delimiter`
  }
}
