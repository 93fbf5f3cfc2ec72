/**
 * SLIP: an END byte behind each frame, and an escape for END inside it. RFC 1055.
 *
 *     ┌──────┬────────────────────────────────────────────────┬──────┐
 *     │ END  │ payload: END → ESC ESC_END, ESC → ESC ESC_ESC  │ END  │
 *     └──────┴────────────────────────────────────────────────┴──────┘
 *       c0     c0 → db dc          db → db dd                    c0
 *
 * Any payload is safe, and after line noise the next END starts afresh. PPP does the same with
 * other values (RFC 1662 section 4.2).
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

/** RFC 1055, "Protocol": 300, 333, 334 and 335 in octal. */
const END = 0xc0
const ESC = 0xdb
const ESC_END = 0xdc
const ESC_ESC = 0xdd

const NOTHING = new Uint8Array(0)
/** Where the next END is, if nobody has looked; -1 = it is not in this chunk. */
const UNKNOWN = -2

export interface ByteStuffingOptions {
  /** Largest payload in bytes, before it is escaped. Default 1 MiB. */
  maxFrameBytes?: number
  /** What the decoder does with a payload above the limit. Default `'throw'`. */
  onTooLarge?: OnTooLarge
}

/**
 * Returns a codec for SLIP frames.
 *
 * Payloads are 1 to `maxFrameBytes` bytes of any value. They cost two bytes more on the wire, and
 * one for each byte 0xC0 or 0xDB in them: twice their size at worst. `encode()` writes END in front
 * too, as RFC 1055 advises, so that line noise does not spoil the frame. An empty frame cannot be
 * told from two ENDs in a row, which a reader skips. Decoding takes linear time. A frame with
 * escapes is copied once, one that spans chunks twice; all others are views. With
 * `onTooLarge: 'skip'` a frame above the limit is dropped, and decoding goes on behind the next END.
 *
 * @throws {RangeError} when an option is out of range, and from `encode()` when a frame is
 *   empty or too large.
 * @throws {FrameError} from the decoder: `ERR_FRAME_TOO_LARGE` at the first byte of payload above
 *   `maxFrameBytes`, `ERR_FRAME_MALFORMED` when ESC stands before anything else than ESC_END or
 *   ESC_ESC, `ERR_FRAME_TRUNCATED` when the stream ends inside a frame.
 * @see RFC 1055, https://www.rfc-editor.org/rfc/rfc1055
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { byteStuffing } from './byte-stuffing.ts'
 *
 * const codec = byteStuffing()
 * const wire = codec.encode(Buffer.of(0x01, 0xc0, 0xdb))
 * assert.deepEqual(wire, Buffer.of(0xc0, 0x01, 0xdb, 0xdc, 0xdb, 0xdd, 0xc0))
 *
 * const decoder = codec.decoder()
 * decoder.push(wire.subarray(0, 3)) // cut inside an escape
 * assert.equal(decoder.read(), null)
 * decoder.push(wire.subarray(3))
 * assert.deepEqual(decoder.read(), Buffer.of(0x01, 0xc0, 0xdb))
 *
 * const small = byteStuffing({ maxFrameBytes: 2, onTooLarge: 'skip' }).decoder()
 * small.push(wire)
 * small.push(codec.encode(Buffer.of(0x02)))
 * assert.deepEqual(small.read(), Buffer.of(0x02)) // the frame before it is too large
 * assert.equal(small.skippedFrames, 1)
 * ```
 */
export function byteStuffing(options: ByteStuffingOptions = {}): SkippingByteCodec {
  const { maxFrameBytes = DEFAULT_MAX_FRAME_BYTES, onTooLarge = 'throw' } = options
  wholeNumber('maxFrameBytes', maxFrameBytes, 0)
  checkOnTooLarge(onTooLarge)

  function encodeInto(frame: Uint8Array, target: Uint8Array, offset: number): number {
    wholeNumber('offset', offset, 0, target.length)
    const wireBytes = stuffedBytes(frame, maxFrameBytes)
    if (offset + wireBytes > target.length) return -1
    return stuff(frame, target, offset, wireBytes)
  }

  return {
    encode(frame) {
      const wireBytes = stuffedBytes(frame, maxFrameBytes)
      const target = allocForWire(frame, wireBytes)
      stuff(frame, target, 0, wireBytes)
      return target
    },
    encodeInto,
    decoder: () => new ByteStuffingDecoder(maxFrameBytes, onTooLarge === 'skip'),
  }
}

/** Returns how many bytes `frame` takes on the wire. */
function stuffedBytes(frame: Uint8Array, maxFrameBytes: number): number {
  checkBytes(frame)
  if (frame.length === 0) throw new RangeError('frame is empty: a reader would skip it')
  if (frame.length > maxFrameBytes) {
    throw new RangeError(`frame is ${frame.length} bytes, limit ${maxFrameBytes}`)
  }
  let bytes = frame.length + 2
  for (let at = frame.indexOf(END); at !== -1; at = frame.indexOf(END, at + 1)) bytes++
  for (let at = frame.indexOf(ESC); at !== -1; at = frame.indexOf(ESC, at + 1)) bytes++
  return bytes
}

/** Above one escape in so many bytes, a loop over the bytes is faster than jumps between them. */
const DENSE_BYTES = 16

function stuff(frame: Uint8Array, target: Uint8Array, offset: number, wireBytes: number): number {
  const escapes = wireBytes - frame.length - 2
  const first = offset + 1
  target[offset] = END
  if (escapes * DENSE_BYTES > frame.length) stuffBytes(frame, target, first)
  else {
    // The frame is copied to the end of its room. The bytes before the last escape move forward.
    target.set(frame, first + escapes)
    if (escapes > 0) stuffRuns(frame, target, first, first + escapes)
  }
  target[offset + wireBytes - 1] = END
  return offset + wireBytes
}

/** Writes `frame` with its escapes into `target` from `offset` on, byte by byte. */
function stuffBytes(frame: Uint8Array, target: Uint8Array, offset: number): void {
  let to = offset
  for (let from = 0; from < frame.length; from++) {
    const byte = frame[from]!
    if (byte === END || byte === ESC) {
      target[to++] = ESC
      target[to++] = byte === END ? ESC_END : ESC_ESC
    } else {
      target[to++] = byte
    }
  }
}

/**
 * The same for a frame that stands in `target` from `copied` on: moves the runs between the bytes
 * that are escaped. Behind the last of them all is in its place, since as many bytes were added as
 * `copied` lies behind `offset`. Searches each byte once.
 */
function stuffRuns(frame: Uint8Array, target: Uint8Array, offset: number, copied: number): void {
  const none = frame.length
  let end = frame.indexOf(END)
  let esc = frame.indexOf(ESC)
  if (end === -1) end = none
  if (esc === -1) esc = none
  let to = offset
  let from = 0
  for (let at = Math.min(end, esc); at < none; at = Math.min(end, esc)) {
    if (at > from) target.copyWithin(to, copied + from, copied + at)
    to += at - from
    from = at + 1
    target[to++] = ESC
    if (at === end) {
      target[to++] = ESC_END
      end = frame.indexOf(END, from)
      if (end === -1) end = none
    } else {
      target[to++] = ESC_ESC
      esc = frame.indexOf(ESC, from)
      if (esc === -1) esc = none
    }
  }
}

class ByteStuffingDecoder extends ChunkReader implements SkippingByteDecoder {
  skippedFrames = 0
  readonly #maxFrameBytes: number
  /** The payload of this frame that came in earlier chunks, without escapes. */
  readonly #pieces = new BlockList()
  /** Whether the last byte was an ESC. */
  #escaped = false
  /** The next ESC in `chunk`; -1 = not searched yet, its length = none. */
  #nextEsc = -1
  /** Room for the frames of this chunk that have escapes, and how much of it is in use. */
  #room: Uint8Array = NOTHING
  #used = 0
  readonly #skips: boolean
  /** Whether the bytes up to the next END are dropped. */
  #skipping = false

  constructor(maxFrameBytes: number, skips: boolean) {
    super()
    this.#maxFrameBytes = maxFrameBytes
    this.#skips = skips
  }

  next(): boolean {
    const { chunk, at } = this
    if (at >= this.limit) return this.#slow(UNKNOWN)
    const end = chunk.indexOf(END, at)
    const size = end - at
    if (size <= 0 || size > this.#maxFrameBytes) return this.#slow(end)
    if (this.#escapeBefore(at, end)) {
      if (!this.#unstuff(at, end)) return this.#slow(end)
    } else {
      this.bytes = chunk
      this.start = at
      this.endOffset = end
    }
    this.at = end + 1
    return true
  }

  /** Goes on to the next frame or the last chunk; `found` is the next END. */
  #slow(found: number): boolean {
    this.check()
    let next = found
    while (this.ready()) {
      const { chunk, at } = this
      if (at === 0) this.#beginChunk()
      const end = next === UNKNOWN ? chunk.indexOf(END, at) : next
      next = UNKNOWN
      const stop = end === -1 ? chunk.length : end
      if (this.#skipping) {
        this.#skipping = end === -1
        this.at = end === -1 ? stop : end + 1
        continue
      }
      if (end === -1 || this.#pieces.length > 0 || this.#escaped) {
        this.#keep(stop)
        if (end === -1 || this.#skipping) continue
        if (this.#escaped) throw this.#badEscape(END, end)
        this.#join()
      } else if (this.#escapeBefore(at, end)) {
        if (!this.#unstuff(at, end)) continue
      } else {
        // END END: RFC 1055 says to ignore a frame without a byte in it.
        if (end === at) {
          this.at = end + 1
          continue
        }
        if (end - at > this.#maxFrameBytes) {
          this.#tooLarge(at + this.#maxFrameBytes)
          continue
        }
        this.bytes = chunk
        this.start = at
        this.endOffset = end
      }
      this.at = end + 1
      this.limit = chunk.length
      return true
    }
    this.#beginChunk()
    return false
  }

  read(): Uint8Array | null {
    return this.next() ? this.view() : null
  }

  /** Forgets what was known of the last chunk. */
  #beginChunk(): void {
    this.#nextEsc = -1
    this.#room = NOTHING
    this.#used = 0
  }

  /** Returns whether there is an ESC in `chunk` from `at` to `end`. Searches each byte once. */
  #escapeBefore(at: number, end: number): boolean {
    if (this.#nextEsc < at) {
      const found = this.chunk.indexOf(ESC, at)
      this.#nextEsc = found === -1 ? this.chunk.length : found
    }
    return this.#nextEsc < end
  }

  /**
   * Makes a frame of `chunk` from `at` to the END at `end`, without its escapes.
   *
   * Returns whether the frame is within the limit; one that is not is skipped from now on.
   */
  #unstuff(at: number, end: number): boolean {
    const { chunk } = this
    // One room for all frames of a chunk: what is left of the chunk is enough for what is left.
    if (this.#room.length - this.#used < end - at) {
      this.#room = allocLike(chunk, chunk.length - at)
      this.#used = 0
    }
    const room = this.#room
    const used = this.#used
    // The frame is copied as it is, then closed up: copyWithin() needs no views (measured).
    this.copy(at, end, room, used)
    const moved = used - at
    let size = used
    let from = at
    let esc = this.#nextEsc
    while (esc !== -1 && esc < end) {
      if (size < from + moved) room.copyWithin(size, from + moved, esc + moved)
      size += esc - from
      const byte = chunk[esc + 1]! // END if the frame ends with ESC
      const code = byte - ESC_END
      if (code !== 0 && code !== 1) {
        if (size - used > this.#maxFrameBytes) return this.#tooLarge(this.#firstAbove(at))
        throw this.#badEscape(byte, esc + 1)
      }
      room[size++] = END + code * (ESC - END) // no branch: which of the two is a coin toss
      from = esc + 2
      esc = chunk.indexOf(ESC, from)
    }
    this.#nextEsc = esc === -1 ? chunk.length : esc
    room.copyWithin(size, from + moved, end + moved)
    size += end - from
    if (size - used > this.#maxFrameBytes) return this.#tooLarge(this.#firstAbove(at))
    this.bytes = room
    this.start = used
    this.endOffset = this.#used = size
    return true
  }

  /** Adds `chunk` from `at` to `stop` to the pieces, without its escapes, up to the limit. */
  #keep(stop: number): void {
    const { chunk } = this
    const pieces = this.#pieces
    while (this.at < stop) {
      if (this.#escaped) {
        const byte = chunk[this.at++]!
        if (byte !== ESC_END && byte !== ESC_ESC) throw this.#badEscape(byte, this.at - 1)
        pieces.addByte(chunk, byte === ESC_END ? END : ESC)
        this.#escaped = false
      } else {
        const found = this.#escapeBefore(this.at, stop)
        const end = found ? this.#nextEsc : stop
        pieces.add(chunk, this.at, end)
        this.at = found ? end + 1 : end
        this.#escaped = found
      }
      const above = pieces.length - this.#maxFrameBytes
      if (above > 0) {
        this.#tooLarge(this.at - (this.#escaped ? 1 : 0) - above)
        return
      }
    }
  }

  /** Returns where in `chunk` the first byte above the limit is, of a frame that begins at `at`. */
  #firstAbove(at: number): number {
    let place = at
    for (let left = this.#maxFrameBytes; left > 0; left--) {
      place += this.chunk[place] === ESC ? 2 : 1
    }
    return this.chunk[place] === ESC ? place + 1 : place
  }

  #join(): void {
    const size = this.#pieces.length
    const frame = allocLike(this.chunk, size)
    this.#pieces.copyTo(frame, size)
    this.bytes = frame
    this.start = 0
    this.endOffset = size
    this.#pieces.clear()
  }

  /**
   * Drops the frame in progress, up to its END, where that is wanted. Always returns `false`.
   *
   * `place` is where in `chunk` the first byte above the limit is.
   */
  #tooLarge(place: number): false {
    this.#pieces.clear()
    if (!this.#skips) {
      const message = `frame of more than ${this.#maxFrameBytes} bytes`
      throw this.fail('ERR_FRAME_TOO_LARGE', message, this.offset - this.at + place)
    }
    this.skippedFrames++
    this.#escaped = false
    this.#skipping = true
    return false
  }

  #badEscape(byte: number, place: number): Error {
    this.#pieces.clear()
    const found = `0x${byte.toString(16).padStart(2, '0')}`
    const message = `${found} behind ESC: expected 0xdc or 0xdd`
    return this.fail('ERR_FRAME_MALFORMED', message, this.offset - this.at + place)
  }

  protected override describePartialFrame(): string | null {
    if (this.#skipping) return `inside a frame of more than ${this.#maxFrameBytes} bytes`
    if (this.#pieces.length === 0 && !this.#escaped) return null
    return `after ${this.#pieces.length} bytes of a frame without its END`
  }
}
