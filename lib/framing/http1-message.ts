/**
 * Messages: heads and bodies in the order of the wire, RFC 9112 sections 6 and 7.
 */
import { allocLike, BlockList, BufferView, NOTHING } from './codec-base.ts'
import type { FrameError, FrameErrorCode } from './frame.ts'
import { FieldReader } from './http1-fields.ts'
import { hexDigit, skipExtensions } from './http1-grammar.ts'
import { NO_FIELDS } from './http1-headers.ts'
import type {
  Http1Decoder,
  Http1Head,
  Http1Headers,
  Http1Options,
  Http1Part,
} from './http1-types.ts'

const LF = 0x0a
const CR = 0x0d

/** What the decoder expects next. */
const START = 0
const FIELDS = 1
const BODY = 2
const BODY_TO_END = 3
const CHUNK_HEADER = 4
const CHUNK_DATA = 5
const CHUNK_END = 6
const TRAILERS = 7
const COMPLETE = 8
/** After the last message: nothing, or another protocol. */
const CLOSED = 9
const TUNNEL = 10

type Phase = 0 | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10

/** When a chunk has more runs of data than half of this, they are copied: a run may be one byte. */
const MOST_RUNS = 256

/** The same as `bytes.subarray()`, and faster for a `Buffer` (measured). */
export function view(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (BufferView === undefined || !(bytes instanceof BufferView)) return bytes.subarray(start, end)
  return new BufferView(bytes.buffer, bytes.byteOffset + start, end - start)
}

/** Cuts a stream into messages. Where requests and responses differ is in `http1-decode.ts`. */
export abstract class MessageDecoder<Frame> extends FieldReader implements Http1Decoder<Frame> {
  keepAlive = true
  readonly #maxBodyBytes: number
  #phase: Phase = START
  /** The phase after the message in progress. */
  #following: Phase = START

  /** Bytes of data that are still to come in the chunk of a chunked body. */
  #left = 0
  #bodyBytes = 0
  #extensionBytes = 0
  /** Start and end of each run of data in `chunk` that is not copied yet. */
  readonly #runs: number[] = []
  /** What came in earlier chunks of a body without a length, or of the bytes for `rest()`. */
  readonly #pieces = new BlockList()
  #ended = false
  #found = false
  /** Whether the message in progress is given in parts, and whether its head was given. */
  #parts = false
  #headGiven = false

  constructor(limits: Required<Http1Options>) {
    super(limits)
    this.#maxBodyBytes = limits.maxBodyBytes
  }

  abstract frame(): Frame | null
  /** Makes the head of the message in progress. */
  protected abstract messageHead(): Http1Head<Frame>
  /** Parses a first line and begins the fields behind it; `false` = no such line yet. */
  protected abstract parseStartLine(stop: number): boolean
  /** Checks a complete head, sets `following`, and says whether its lengths count. */
  protected abstract headAllowsBody(): boolean
  protected abstract readonly bodyEndsWithStream: boolean
  /** Returns the status with which a server answers an error. */
  protected abstract answerTo(code: FrameErrorCode, status?: number): number | undefined

  read(): Frame | null {
    return this.next() ? this.frame() : null
  }

  next(): boolean {
    this.check()
    if (this.#parts) this.#leaveParts()
    this.#found = false
    while (this.#phase !== COMPLETE) {
      if (this.#step()) continue
      this.#letGoOfChunk()
      return false
    }
    this.#phase = this.#following
    this.#found = true
    return true
  }

  #leaveParts(): void {
    if (this.#headGiven) throw new RangeError('read() inside a message: readPart() has its head')
    this.#parts = false
  }

  readPart(): Http1Part<Frame> | null {
    this.check()
    if (!this.#parts) {
      if (this.#phase > FIELDS && this.#phase < CLOSED) {
        throw new RangeError('readPart() inside a message: read() has begun with it')
      }
      this.#parts = true
      this.#found = false
    }
    if (!this.#headGiven) {
      while (this.#phase <= FIELDS || this.#phase >= CLOSED) {
        if (this.#step()) continue
        this.#letGoOfChunk()
        return null
      }
      this.#headGiven = true
      if (this.#phase === BODY) {
        this.#bodyBytes = 0
        this.#left = this.contentLength
      }
      this.ownHead()
      return { kind: 'head', head: this.messageHead() }
    }
    return this.#bodyPart()
  }

  /** Returns some of the body where it lies, or the end of the message. */
  #bodyPart(): Http1Part<Frame> | null {
    while (this.#phase !== COMPLETE) {
      if (this.#phase === BODY || this.#phase === CHUNK_DATA) {
        if (!this.ready()) return null
        const data = this.#takeData(Math.min(this.#left, this.chunk.length - this.at))
        this.#left -= data.length
        if (this.#phase === BODY) this.#bodyBytes += data.length
        if (this.#left > 0) return { kind: 'data', data }
        if (this.#phase === CHUNK_DATA) this.#left = 2
        this.#phase = this.#phase === BODY ? COMPLETE : CHUNK_END
        return { kind: 'data', data }
      }
      if (this.#phase === BODY_TO_END) {
        if (this.ready()) {
          return { kind: 'data', data: this.#takeData(this.chunk.length - this.at) }
        }
        if (!this.#ended) return null
        this.#phase = COMPLETE
      } else if (!this.#step()) {
        this.#letGoOfChunk()
        return null
      }
    }
    this.#phase = this.#following
    this.#headGiven = false
    return { kind: 'end', trailers: this.trailers }
  }

  #takeData(bytes: number): Uint8Array {
    this.at += bytes
    return view(this.chunk, this.at - bytes, this.at)
  }

  override end(): void {
    this.#ended = true
    super.end()
  }

  override rest(): Uint8Array {
    this.check()
    if (this.#phase !== TUNNEL && this.#phase !== CLOSED && (this.#phase !== START || this.open)) {
      throw new RangeError('rest() inside a message: read until null first')
    }
    this.#phase = TUNNEL
    return this.takeRest(this.#pieces)
  }

  /** Makes what follows this head another protocol. */
  protected beginTunnel(): void {
    this.#following = TUNNEL
  }

  /** Whether a head is complete and its message is not. */
  protected get inBody(): boolean {
    return this.#phase > FIELDS && this.#phase < COMPLETE
  }

  protected get inFirstLine(): boolean {
    return this.#phase === START
  }

  protected get inFieldLines(): boolean {
    return this.#phase === FIELDS || this.#phase === TRAILERS
  }

  protected get found(): boolean {
    return this.#found
  }

  get headers(): Http1Headers {
    return this.#found ? this.fieldLines() : NO_FIELDS
  }

  protected override describePartialFrame(): string | null {
    if (this.#phase >= CLOSED || this.#phase === BODY_TO_END) return null
    if (this.#phase === START) return this.open ? 'inside the first line of a head' : null
    if (this.#phase === FIELDS) return `after ${this.fieldCount()} fields of a head`
    // Its last byte has come, but readPart() was not called since.
    if (this.#phase === COMPLETE) return null
    if (this.#phase === BODY) {
      return `after ${this.#parts ? this.#bodyBytes : this.heldBytes} of the ${this.contentLength} bytes of a body`
    }
    return `after ${this.#bodyBytes} bytes of a chunked body, before its last chunk`
  }

  /** Copies the head of a message whose body is still to come: its chunk may be used again. */
  #letGoOfChunk(): void {
    if (!this.inBody) this.headBytes = NOTHING
    else this.ownHead()
    if (this.open) return
    this.lines = NOTHING
    this.closeChunk()
  }

  /** Does what the phase asks for; `false` = it needs more bytes. */
  #step(): boolean {
    switch (this.#phase) {
      case START:
        if (!this.hasLine()) return false
        if (this.parseStartLine(this.sectionStop())) this.#phase = FIELDS
        return true
      case FIELDS:
      case TRAILERS:
        if (!this.hasLine()) return false
        this.parseFields()
        return true
      case BODY:
        if (!this.fill(this.contentLength)) return false
        this.#phase = COMPLETE
        return true
      case BODY_TO_END:
        return this.#takeAll()
      case CHUNK_HEADER:
        if (!this.hasLine()) return false
        this.#parseChunkHeader()
        return true
      case CHUNK_DATA:
        return this.#takeChunkData()
      case CHUNK_END:
        return this.#takeChunkEnd()
      case CLOSED:
        return this.#skipAfterLast()
      case TUNNEL:
        return this.#keepForRest()
      default:
        return false
    }
  }

  protected place(): string {
    if (this.#phase === START) return 'first line'
    if (this.#phase === FIELDS && !this.open) return 'head'
    if (this.#phase === FIELDS) return `field line ${this.fieldCount() + 1}`
    if (this.#phase === TRAILERS) return `trailer line ${this.fieldCount() + 1}`
    if (this.#phase === CLOSED) return 'after the last message'
    return `chunk after ${this.#bodyBytes} bytes of body`
  }

  protected override get lineOffset(): number {
    if (this.#phase === CHUNK_END || this.#phase === CLOSED) return this.offset
    return super.lineOffset
  }

  // Heads and bodies: RFC 9112 section 6

  protected endHead(): void {
    if (this.chunked && this.minor === 0) {
      throw this.malformed('Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)')
    }
    if (this.chunked && this.contentLength >= 0) {
      throw this.malformed('Transfer-Encoding and Content-Length (RFC 9112 section 6.3)')
    }
    // RFC 9112 section 9.3
    this.keepAlive = !this.closes && (this.minor === 1 || this.persists)
    this.#following = this.keepAlive ? START : CLOSED
    this.trailers = NO_FIELDS
    this.bytes = NOTHING
    this.start = this.endOffset = 0
    const body = this.headAllowsBody()
    if (!body || this.contentLength === 0) this.#phase = COMPLETE
    else if (this.chunked) {
      this.#phase = CHUNK_HEADER
      this.#bodyBytes = this.#extensionBytes = 0
    } else if (this.contentLength > 0) {
      this.#checkBodySize(this.contentLength)
      this.#phase = BODY
    } else if (this.bodyEndsWithStream) {
      this.keepAlive = false
      this.#following = CLOSED
      this.#phase = BODY_TO_END
    } else this.#phase = COMPLETE
  }

  #checkBodySize(size: number): void {
    let limit = this.#maxBodyBytes
    if (size <= limit) return
    if (this.#parts) limit = Number.MAX_SAFE_INTEGER
    if (size <= limit) return
    const bytes = Number.isSafeInteger(size) ? size : 'more than 2^53 - 1'
    const toEnd = this.#phase === BODY_TO_END
    const offset = toEnd ? this.offset - this.#pieces.length + limit : this.lineOffset
    throw this.fail('ERR_FRAME_TOO_LARGE', `body of ${bytes} bytes, limit ${limit}`, offset, 413)
  }

  /** Returns whether the head is complete and no byte of the body has come. */
  protected get bodyNotBegun(): boolean {
    if (this.#phase === BODY) return (this.#parts ? this.#bodyBytes : this.heldBytes) === 0
    return this.#phase === CHUNK_HEADER && this.#bodyBytes === 0 && !this.open
  }

  #takeAll(): boolean {
    while (this.ready()) {
      this.#checkBodySize(this.#pieces.length + this.chunk.length - this.at)
      this.#keepChunk()
    }
    if (!this.#ended) return false
    this.#joinBody()
    this.#phase = COMPLETE
    return true
  }

  /** Copies the rest of the chunk behind what is kept of earlier ones. */
  #keepChunk(): void {
    this.#pieces.add(this.chunk, this.at, this.chunk.length)
    this.at = this.chunk.length
  }

  /** Bytes after a message that ended the connection are no message: RFC 9112 section 9.6. */
  #skipAfterLast(): boolean {
    while (this.ready()) {
      const byte = this.chunk[this.at]
      if (byte !== CR && byte !== LF) throw this.malformed('more bytes (RFC 9112 section 9.6)')
      this.at++
    }
    return false
  }

  /** Keeps what belongs to the other protocol, and no more than a body: nobody may ask for it. */
  #keepForRest(): boolean {
    while (this.ready()) {
      const size = this.#pieces.length + this.chunk.length - this.at
      const limit = this.#maxBodyBytes
      if (size > limit) {
        const offset = this.offset - this.#pieces.length + limit
        throw this.fail('ERR_FRAME_TOO_LARGE', `more than ${limit} bytes wait for rest()`, offset)
      }
      this.#keepChunk()
    }
    return false
  }

  // Chunked bodies: RFC 9112 section 7.1

  #parseChunkHeader(): void {
    const bytes = this.lines
    const stop = this.sectionStop()
    let at = this.line
    let size = 0
    for (; at < stop; at++) {
      const digit = hexDigit(bytes[at]!)
      if (digit < 0) break
      size = size * 16 + digit
    }
    const digits = at - this.line
    if (bytes[at] !== CR) at = skipExtensions(bytes, at, stop)
    if (digits === 0 || at + 1 >= stop || bytes[at] !== CR || bytes[at + 1] !== LF) {
      this.refuse('expected hexadecimal digits, then extensions or CR LF (RFC 9112 section 7.1)')
      return
    }
    this.#extensionBytes += at - this.line - Math.min(digits, 16)
    if (this.#extensionBytes > this.maxHeaderBytes) throw this.#tooManyExtensions()
    this.#checkBodySize(this.#bodyBytes + size)
    this.line = at + 2
    this.closeSection()
    this.#left = size
    this.#bodyBytes += size
    if (size === 0) this.beginTrailers()
    this.#phase = size === 0 ? TRAILERS : CHUNK_DATA
  }

  #tooManyExtensions(): FrameError {
    const limit = this.maxHeaderBytes
    const message = `chunk extensions above ${limit} bytes`
    return this.fail('ERR_FRAME_TOO_LARGE', message, this.lineOffset, 413)
  }

  #takeChunkData(): boolean {
    if (!this.hasByte()) return false
    const end = Math.min(this.chunk.length, this.at + this.#left)
    if (this.#runs.length === MOST_RUNS) this.leaveChunk()
    this.#runs.push(this.at, end)
    this.#left -= end - this.at
    this.at = end
    if (this.#left === 0) {
      this.#phase = CHUNK_END
      this.#left = 2
    }
    return true
  }

  #takeChunkEnd(): boolean {
    for (; this.#left > 0; this.#left--) {
      if (!this.hasByte()) return false
      if (this.chunk[this.at] !== (this.#left === 2 ? CR : LF)) {
        throw this.malformed('expected CR LF after the data')
      }
      this.at++
    }
    this.#phase = CHUNK_HEADER
    return true
  }

  protected endTrailers(): void {
    const runs = this.#runs
    if (runs.length === 2 && this.#pieces.length === 0) {
      this.bytes = this.chunk
      this.start = runs[0]!
      this.endOffset = runs[1]!
      runs.length = 0
    } else this.#joinBody()
    this.#phase = COMPLETE
  }

  /** Copies the data that lies in `chunk` behind the data of earlier chunks. */
  protected leaveChunk(): void {
    const runs = this.#runs
    for (let i = 0; i < runs.length; i += 2) this.#pieces.add(this.chunk, runs[i]!, runs[i + 1]!)
    runs.length = 0
  }

  /** Makes the pieces, and the runs behind them, a body in room of just its size. */
  #joinBody(): void {
    const runs = this.#runs
    let at = this.#pieces.length
    if (at === 0 && runs.length === 0) return
    let size = 0
    for (let i = 0; i < runs.length; i += 2) size += runs[i + 1]! - runs[i]!
    const body = at > 0 ? this.#pieces.join(size) : allocLike(this.chunk, size)
    for (let i = 0; i < runs.length; i += 2) {
      this.copy(runs[i]!, runs[i + 1]!, body, at)
      at += runs[i + 1]! - runs[i]!
    }
    runs.length = 0
    this.bytes = body
    this.endOffset = at
  }

  protected override fail(
    code: FrameErrorCode,
    message: string,
    offset = this.offset,
    status?: number,
  ): FrameError {
    const answer = this.answerTo(code, status)
    this.#runs.length = 0
    this.#pieces.clear()
    this.lines = NOTHING
    this.closeChunk()
    return super.fail(code, message, offset, answer)
  }
}
