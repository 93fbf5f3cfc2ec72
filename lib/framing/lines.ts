/**
 * Lines of text that end with LF or CR LF.
 *
 *     ┌───────────────────────────┬──────┬────┬────────────────────┬────┐
 *     │ text, UTF-8               │ (CR) │ LF │ text               │ LF │  …
 *     └───────────────────────────┴──────┴────┴────────────────────┴────┘
 *                                    0d    0a
 *
 * The line is found among the bytes and decoded afterwards, so a character that is cut between two
 * chunks does no harm: in UTF-8 no byte of a longer character equals LF (RFC 3629 section 3). FTP,
 * SMTP and HTTP headers demand CR LF (RFC 959 section 3.1.1.1); most readers take LF too.
 */
import {
  allocLike,
  BlockList,
  ChunkReader,
  checkOnTooLarge,
  DEFAULT_MAX_FRAME_BYTES,
  NodeBuffer,
  wholeNumber,
} from './codec-base.ts'
import type { FrameCodec, FrameDecoder, OnTooLarge } from './frame.ts'

/** RFC 3629 section 6: a byte order mark inside a protocol is text like any other. */
const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })
const encoder = new TextEncoder()

const LF = 0x0a
const CR = 0x0d

/** Text is decoded in blocks of this size, so a line keeps no more than that in memory. */
const BLOCK_BYTES = 16 * 1024

/** A line of which more than this has come is decoded up to there. */
const HELD_BYTES = 64 * 1024
const FIRST_HELD_BYTES = 256

/** No code unit of a string takes more bytes than this: RFC 3629 section 3. */
const MOST_UTF8_BYTES = 3

/** Where the next LF is, before anything has looked for it; -1 = it is not in this chunk. */
const UNKNOWN = -2

export interface LinesOptions {
  /** Largest line in bytes, without its end. Default 1 MiB. */
  maxLineBytes?: number
  /** What `encode()` puts behind a line. The decoder takes both. Default `'\n'`. */
  lineEnd?: '\n' | '\r\n'
  /**
   * Whether the stream may end inside a line, as many text files do. That line then comes out after
   * `end()`; a CR that it ends with belongs to it. Default `'needs its end'`.
   */
  lastLine?: 'needs its end' | 'may lack its end'
  /** Whether bytes that are no UTF-8 end the stream, instead of becoming U+FFFD. Default `false`. */
  fatal?: boolean
  /** What the decoder does with a line above the limit. Default `'throw'`. */
  onTooLarge?: OnTooLarge
}

/** A codec for lines that can also leave a line where it is, as bytes, and write one into room. */
export interface LinesCodec extends FrameCodec<string> {
  decoder(): LineDecoder
  /**
   * Writes one line and its end into `target` from `offset` on, as UTF-8.
   *
   * Returns the offset behind it, or -1 when `target` has too little room: then nothing is written.
   *
   * @throws {RangeError} when `encode()` would throw, or `offset` lies outside `target`.
   */
  encodeInto(line: string, target: Uint8Array, offset: number): number
}

/**
 * A decoder of lines that also offers the step below `read()`: the line found, but no string made.
 *
 * Use it where most lines are looked at in one place only: a command word, a level in a log.
 */
export interface LineDecoder extends FrameDecoder<string> {
  /**
   * Moves to the next line and returns `true`, or `false` when more bytes are needed.
   *
   * The line, without its end, is `bytes` from `start` to `endOffset`, until the next call of any
   * method. After the first `next()`, `read()` still returns the next line as a string. The
   * opposite order is refused, because `read()` decodes many lines at once.
   *
   * @throws {FrameError} as `read()` does.
   * @throws {RangeError} when `read()` was called before the first `next()`.
   */
  next(): boolean
  readonly bytes: Uint8Array
  readonly start: number
  readonly endOffset: number
  /** How many lines above the limit were dropped. Always 0 unless `onTooLarge` is `'skip'`. */
  readonly skippedFrames: number
  rest(): Uint8Array
}

/**
 * Returns a codec for lines of text.
 *
 * A line is a string without LF, of 0 to `maxLineBytes` bytes of UTF-8. One CR before the LF belongs
 * to the end, any other to the line. Bytes that are no UTF-8 become U+FFFD, in their line only, or
 * with `fatal` end the stream when their line is complete. A byte order mark is kept. The last line
 * must have an end too, unless `lastLine` says otherwise. With `onTooLarge: 'skip'` a line above the
 * limit is dropped. Decoding takes linear time. A short line may keep the text around it in memory,
 * up to 16 KiB and never more than its chunk. `next()` makes no strings: it leaves each line as
 * bytes.
 *
 * @throws {RangeError} when an option is out of range, and from `encode()` when a line is too
 *   large, holds LF or half of a surrogate pair, or ends with CR where `lineEnd` is LF.
 * @throws {FrameError} from the decoder: `ERR_FRAME_TOO_LARGE` as soon as a line must be longer
 *   than `maxLineBytes`, `ERR_FRAME_TRUNCATED` when the stream ends inside a line,
 *   `ERR_FRAME_MALFORMED` with `fatal`, at the first byte that no UTF-8 has in its place.
 * @see RFC 959 section 3.1.1.1, https://www.rfc-editor.org/rfc/rfc959#section-3.1.1.1
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { lines } from './lines.ts'
 *
 * const codec = lines({ maxLineBytes: 512, lineEnd: '\r\n' })
 * assert.deepEqual(codec.encode('USER anna'), new TextEncoder().encode('USER anna\r\n'))
 *
 * const decoder = codec.decoder()
 * decoder.push(Buffer.from('220 ready\r\n331 caf\xc3', 'latin1')) // cut inside the é
 * assert.equal(decoder.read(), '220 ready')
 * assert.equal(decoder.read(), null)
 * decoder.push(Buffer.from('\xa9\n', 'latin1'))
 * assert.equal(decoder.read(), '331 café')
 * decoder.end()
 *
 * const file = lines({ lastLine: 'may lack its end', maxLineBytes: 5, onTooLarge: 'skip' }).decoder()
 * file.push(Buffer.from('one\nsixteen bytes...\ntwo'))
 * assert.equal(file.read(), 'one')
 * assert.equal(file.read(), null) // there may be more of 'two'
 * file.end()
 * assert.equal(file.read(), 'two')
 * assert.equal(file.skippedFrames, 1)
 *
 * const strict = lines({ fatal: true }).decoder()
 * strict.push(Buffer.from('caf\xe9\n', 'latin1'))
 * assert.throws(() => strict.read(), { code: 'ERR_FRAME_MALFORMED', offset: 4 })
 * ```
 */
export function lines(options: LinesOptions = {}): LinesCodec {
  const { maxLineBytes = DEFAULT_MAX_FRAME_BYTES, lineEnd = '\n' } = options
  wholeNumber('maxLineBytes', maxLineBytes, 0)
  if (lineEnd !== '\n' && lineEnd !== '\r\n') {
    throw new RangeError(`lineEnd is ${JSON.stringify(lineEnd)}: expected "\\n" or "\\r\\n"`)
  }
  const { lastLine = 'needs its end', fatal = false, onTooLarge = 'throw' } = options
  if (lastLine !== 'needs its end' && lastLine !== 'may lack its end') {
    const given = JSON.stringify(lastLine)
    throw new RangeError(`lastLine is ${given}: expected "needs its end" or "may lack its end"`)
  }
  checkOnTooLarge(onTooLarge)

  function check(line: string): void {
    const feed = line.indexOf('\n')
    if (feed !== -1) throw new RangeError(`line holds LF at character ${feed}`)
    // Of CR CR LF a reader drops one CR only.
    if (lineEnd === '\n' && line.endsWith('\r')) {
      throw new RangeError('line ends with CR: a reader would drop it')
    }
    const half = isWellFormed(line) ? -1 : line.search(/\p{Surrogate}/u)
    if (half !== -1) throw new RangeError(`line holds half a character at character ${half}`)
  }

  function encode(line: string): Uint8Array {
    check(line)
    const wire = encoder.encode(line + lineEnd)
    const size = wire.length - lineEnd.length
    if (size > maxLineBytes) throw new RangeError(`line is ${size} bytes, limit ${maxLineBytes}`)
    return wire
  }

  return {
    encode,
    encodeInto(line, target, offset) {
      wholeNumber('offset', offset, 0, target.length)
      const most = line.length * MOST_UTF8_BYTES
      if (most > maxLineBytes || offset + most + lineEnd.length > target.length) {
        const wire = encode(line)
        if (offset + wire.length > target.length) return -1
        target.set(wire, offset)
        return offset + wire.length
      }
      check(line)
      let end = offset + writeText(line, target, offset)
      if (lineEnd === '\r\n') target[end++] = CR
      target[end++] = LF
      return end
    },
    decoder: () => new LinesDecoder({ maxLineBytes, lineEnd, lastLine, fatal, onTooLarge }),
  }
}

/** Tells whether a string has whole characters only; `false` where the runtime cannot tell fast. */
function isWellFormed(line: string): boolean {
  return (line as { isWellFormed?(): boolean }).isWellFormed?.() ?? false
}

/** Writes `text` into `target`, which has room for it, and returns how many bytes it took. */
function writeText(text: string, target: Uint8Array, at: number): number {
  if (NodeBuffer !== undefined && target instanceof NodeBuffer) return target.write(text, at)
  return encoder.encodeInto(text, target.subarray(at)).written
}

class LinesDecoder extends ChunkReader implements LineDecoder {
  skippedFrames = 0
  readonly #maxLineBytes: number
  readonly #skips: boolean
  readonly #fatal: boolean
  readonly #mayLackEnd: boolean
  #ended = false
  /** Whether the bytes up to the next LF are dropped. */
  #skipping = false
  /** For `fatal`: the first byte of this line that no UTF-8 has in its place; -1 = none so far. */
  #badAt = -1
  /** Whole lines that are decoded already, each with its LF, and the offset of the next one. */
  #text = ''
  #textAt = 0
  /** Where in `chunk` those lines begin. */
  #blockAt = 0
  /** What came of this line in earlier chunks: text, then `heldBytes` bytes in `held`. */
  #begunText = ''
  #begunBytes = 0
  /** Which of the two ways to read came first. */
  #way: 'text' | 'bytes' | null = null
  /** For `next()`: what came of this line in earlier chunks, and the last byte of it. */
  readonly #pieces = new BlockList()
  #lastByte = 0

  constructor(options: Required<LinesOptions>) {
    super()
    this.#maxLineBytes = options.maxLineBytes
    this.#skips = options.onTooLarge === 'skip'
    this.#fatal = options.fatal
    this.#mayLackEnd = options.lastLine === 'may lack its end'
  }

  override end(): void {
    this.#ended = true
    super.end()
  }

  read(): string | null {
    const text = this.#text
    const from = this.#textAt
    if (from === text.length) return this.#slow()
    const end = text.indexOf('\n', from)
    this.#textAt = end + 1
    const content = end > from && text.charCodeAt(end - 1) === CR ? end - 1 : end
    return text.slice(from, content)
  }

  next(): boolean {
    const { chunk, at } = this
    if (at >= this.limit) return this.#slowBytes(UNKNOWN)
    const end = chunk.indexOf(LF, at)
    const content = end > at && chunk[end - 1] === CR ? end - 1 : end
    if (end === -1 || content - at > this.#maxLineBytes) return this.#slowBytes(end)
    this.start = at
    this.endOffset = content
    this.at = end + 1
    return true
  }

  /** Goes on to the next line or the last chunk, as bytes; `found` is the next LF. */
  #slowBytes(found: number): boolean {
    this.check()
    if (this.#way === 'text') {
      throw new RangeError('next() after read(): read() has decoded the lines that follow')
    }
    this.#way = 'bytes'
    let next = found
    while (this.ready()) {
      const { chunk, at } = this
      const end = next === UNKNOWN ? chunk.indexOf(LF, at) : next
      next = UNKNOWN
      const stop = end === -1 ? chunk.length : end
      if (this.#skipping) {
        this.#skip(end)
        continue
      }
      const before = this.#pieces.length
      const last = stop > at ? chunk[stop - 1] : this.#lastByte
      // A CR at the end does not count yet: an LF may follow.
      const cr = before + stop - at > 0 && last === CR ? 1 : 0
      const size = before + stop - at - cr
      if (size > this.#maxLineBytes) {
        this.#tooLarge()
        continue
      }
      if (end !== -1) {
        const lineOffset = this.offset - before
        this.at = end + 1
        if (before > 0) this.#join(at, size)
        else {
          this.bytes = chunk
          this.start = at
          this.endOffset = at + size
        }
        if (this.#fatal) this.#checkBytes(lineOffset)
        this.limit = before > 0 || this.#fatal ? 0 : chunk.length
        return true
      }
      this.#pieces.add(chunk, at, stop)
      this.#lastByte = chunk[stop - 1]!
      this.at = stop
    }
    if (!this.#ended || this.#pieces.length === 0 || !this.#endsWithin()) return false
    const lineOffset = this.offset - this.#pieces.length
    this.endOffset = this.#pieces.length
    this.bytes = this.#pieces.join()
    this.start = 0
    if (this.#fatal) this.#checkBytes(lineOffset)
    return true
  }

  /** @throws {FrameError} when the line that `next()` found is no UTF-8. */
  #checkBytes(lineOffset: number): void {
    const bad = firstMalformed(this.bytes, this.start, this.endOffset)
    if (bad !== -1) throw this.#malformed(lineOffset + bad - this.start)
  }

  /** Makes one line of the pieces and of `chunk` from `at` on. */
  #join(at: number, size: number): void {
    const { chunk } = this
    const line = allocLike(chunk, size)
    const before = Math.min(size, this.#pieces.length)
    this.#pieces.copyTo(line, before)
    this.copy(at, at + size - before, line, before)
    this.#pieces.clear()
    this.bytes = line
    this.start = 0
    this.endOffset = size
  }

  override rest(): Uint8Array {
    if (this.#ended && this.#begun() > 0) {
      throw new RangeError('rest() before the last line: read until null first')
    }
    const unread = this.#text.length - this.#textAt
    if (unread > 0) {
      // Back to the first line of the block that nobody has read, by its number of LFs.
      let at = this.#blockAt
      for (let end = this.#text.indexOf('\n'); end !== -1 && end < this.#textAt; ) {
        at = this.chunk.indexOf(LF, at) + 1
        end = this.#text.indexOf('\n', end + 1)
      }
      this.at = at
      this.#text = ''
      this.#textAt = 0
    }
    return super.rest()
  }

  /** Finds the next line, or the next block of lines, among the bytes. */
  #slow(): string | null {
    if (this.#way === 'bytes') {
      return this.next() ? decodeText(this.bytes, this.start, this.endOffset) : null
    }
    this.#way = 'text'
    this.#text = ''
    this.#textAt = 0
    this.check()
    while (this.ready()) {
      const { chunk, at } = this
      const begun = this.#begunBytes + this.heldBytes
      if (begun === 0 && !this.#skipping && this.#decodeBlock()) return this.read()
      const end = chunk.indexOf(LF, at)
      if (this.#skipping) {
        this.#skip(end)
        continue
      }
      const stop = end === -1 ? chunk.length : end
      const last = stop > at ? chunk[stop - 1] : this.held[this.heldBytes - 1]
      // A CR at the end does not count yet: an LF may follow.
      const cr = begun + stop - at > 0 && last === CR ? 1 : 0
      const size = begun + stop - at - cr
      if (size > this.#maxLineBytes) {
        this.#tooLarge()
        continue
      }
      if (end !== -1) return this.#lineUpTo(end, cr)
      this.#keep(stop)
    }
    if (!this.#ended || this.#begun() === 0 || !this.#endsWithin()) return null
    return this.#takeLine(this.heldBytes)
  }

  /** Whether the line that the stream ends in is within the limit: its last CR counts now. */
  #endsWithin(): boolean {
    if (this.#begun() <= this.#maxLineBytes) return true
    this.#tooLarge()
    this.#skipping = false
    return false
  }

  /** How many bytes of a line came in earlier chunks. */
  #begun(): number {
    return this.#begunBytes + this.heldBytes + this.#pieces.length
  }

  /** Drops bytes up to the LF at `end`, or all of the chunk when that is -1. */
  #skip(end: number): void {
    this.#skipping = end === -1
    this.at = end === -1 ? this.chunk.length : end + 1
  }

  /**
   * Decodes the whole lines in the next block at once, and returns whether there are any.
   *
   * One call for many lines takes a fifth of the time of one call for each (measured). The result
   * is the same: a decoder that meets LF inside a character ends the broken character there.
   * No line in a block can be too large when the block is not.
   */
  #decodeBlock(): boolean {
    const { chunk, at } = this
    // Text may take two bytes a character: half of the chunk's bytes, so never more memory than it.
    const block = Math.min(Math.ceil(chunk.length / 2), BLOCK_BYTES, this.#maxLineBytes)
    if (block === 0) return false
    const last = chunk.lastIndexOf(LF, at + block - 1)
    if (last < at) return false
    const bad = this.#fatal ? firstMalformed(chunk, at, last + 1) : -1
    if (bad === at) return false
    const end = bad === -1 ? last : chunk.lastIndexOf(LF, bad - 1)
    if (end < at) return false
    this.#text = decodeText(chunk, at, end + 1)
    this.#blockAt = at
    this.at = end + 1
    return true
  }

  /** Returns the line that ends in this chunk before `end`, without the CR if there is one. */
  #lineUpTo(end: number, cr: number): string {
    const { chunk, at } = this
    if (this.heldBytes === 0) {
      const bad = this.#fatal ? firstMalformed(chunk, at, end - cr) : -1
      if (bad !== -1) throw this.#malformed(this.offset + bad - at)
      this.at = end + 1
      return decodeText(chunk, at, end - cr)
    }
    this.#keep(end)
    const line = this.#takeLine(this.heldBytes - cr)
    this.at = end + 1
    return line
  }

  /** Returns the line that came in earlier chunks: its text, then `heldEnd` bytes in `held`. */
  #takeLine(heldEnd: number): string {
    if (this.#fatal) this.#checkHeld(heldEnd)
    if (this.#badAt !== -1) throw this.#malformed(this.offset - this.#begun() + this.#badAt)
    const line = this.#begunText + decodeText(this.held, 0, heldEnd)
    this.#forget()
    return line
  }

  /** Notes the first byte of a line that is no UTF-8, of those in `held` up to `end`. */
  #checkHeld(end: number): void {
    if (this.#badAt !== -1) return
    const bad = firstMalformed(this.held, 0, end)
    if (bad !== -1) this.#badAt = this.#begunBytes + bad
  }

  /** Forgets what came of a line in earlier chunks. */
  #forget(): void {
    this.#begunText = ''
    this.#begunBytes = 0
    this.heldBytes = 0
    this.#badAt = -1
    this.#pieces.clear()
  }

  /**
   * Keeps `chunk` from `at` to `stop`: more of a line.
   *
   * Each byte is copied once and decoded once. At least the last character stays in `held`.
   */
  #keep(stop: number): void {
    while (this.at < stop) {
      if (this.heldBytes === HELD_BYTES) this.#decodeHeld()
      const end = Math.min(stop, this.at + HELD_BYTES - this.heldBytes)
      const wanted = this.heldBytes + end - this.at
      if (wanted > this.held.length) {
        const room = Math.max(FIRST_HELD_BYTES, wanted, 2 * this.held.length)
        this.grow(Math.min(room, HELD_BYTES))
      }
      this.hold(end)
    }
  }

  /** Decodes all that is held but the last character, of which there may be more to come. */
  #decodeHeld(): void {
    const { held, heldBytes } = this
    let end = heldBytes - 1
    // RFC 3629 section 3: 10xxxxxx goes on with a character. There are three of them at most.
    while (end > heldBytes - 4 && (held[end]! & 0xc0) === 0x80) end--
    if (this.#fatal) this.#checkHeld((held[end]! & 0xc0) === 0x80 ? heldBytes : end)
    this.#begunText += decodeText(held, 0, end)
    this.#begunBytes += end
    held.copyWithin(0, end, heldBytes)
    this.heldBytes = heldBytes - end
  }

  /** Drops the line in progress, up to its LF, where that is wanted. */
  #tooLarge(): void {
    const limit = this.#maxLineBytes
    const offset = this.offset - this.#begun() + limit
    this.#forget()
    if (!this.#skips) {
      throw this.fail('ERR_FRAME_TOO_LARGE', `line of more than ${limit} bytes`, offset)
    }
    this.skippedFrames++
    this.#skipping = true
  }

  #malformed(offset: number): Error {
    this.#forget()
    return this.fail('ERR_FRAME_MALFORMED', 'line with bytes that are no UTF-8', offset)
  }

  protected override describePartialFrame(): string | null {
    if (this.#mayLackEnd && this.#ended) return null
    if (this.#skipping) return `inside a line of more than ${this.#maxLineBytes} bytes`
    const begun = this.#begun()
    return begun === 0 ? null : `after ${begun} bytes of a line without its end`
  }
}

/**
 * Returns the first byte that no UTF-8 has in its place, `to` when a character is cut off there, or
 * -1: the table in section 4 of RFC 3629.
 */
function firstMalformed(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    const first = bytes[at]!
    if (first < 0x80) continue
    if (first < 0xc2 || first > 0xf4) return at
    // The second byte keeps out longer forms than needed, surrogates and what is above U+10FFFF.
    let least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
    let most = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
    for (let left = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3; left > 0; left--) {
      at++
      if (at === to || bytes[at]! < least || bytes[at]! > most) return at
      least = 0x80
      most = 0xbf
    }
  }
  return -1
}

function decodeText(bytes: Uint8Array, from: number, to: number): string {
  if (NodeBuffer !== undefined && bytes instanceof NodeBuffer) {
    return bytes.toString('utf8', from, to)
  }
  return utf8.decode(bytes.subarray(from, to))
}
