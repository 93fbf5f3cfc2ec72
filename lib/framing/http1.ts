/**
 * HTTP/1.1 messages: a head of text lines, then a body as long as the head says.
 *
 *     POST /upload HTTP/1.1␍␊             request-line    RFC 9112 section 3
 *     HTTP/1.1 200 OK␍␊                   or status-line  section 4
 *     Content-Type: text/plain␍␊          field lines     section 5
 *     Content-Length: 5␍␊
 *     ␍␊                                  end of the head
 *     hello                               body            section 6: Content-Length, or
 *
 *     5␍␊hello␍␊                          chunks          section 7.1: Transfer-Encoding: chunked
 *     0␍␊                                 last chunk
 *     Digest: …␍␊                         trailer fields  section 7.1.2
 *     ␍␊
 *
 * A response may also have no body whatever its fields say, or one that ends with the connection
 * (section 6.3). The decoder is strict where two readers could see different messages in the same
 * bytes: that is how requests are smuggled (sections 11.1 and 11.2).
 */
import {
  allocLike,
  BlockList,
  BufferView,
  ChunkReader,
  checkBytes,
  wholeNumber,
} from './codec-base.ts'
import { type FrameCodec, type FrameDecoder, FrameError, type FrameErrorCode } from './frame.ts'

export interface Http1Options {
  /** Largest head, and largest trailer section, in bytes with all line ends. Default 16 KiB. */
  maxHeaderBytes?: number
  /** Largest number of field lines in a head or trailer section. Default 100. */
  maxHeaderFields?: number
  /** Largest body in bytes, without chunk sizes. Default 1 MiB. */
  maxBodyBytes?: number
}

export interface Http1RequestOptions extends Http1Options {
  /** The methods to accept, in their exact case. Default: those that Node's server knows. */
  methods?: readonly string[]
}

/** Field lines in the order of the wire. Strings are made when asked for, from the bytes. */
export interface Http1Headers extends Iterable<[name: string, value: string]> {
  /** The number of field lines. */
  readonly size: number
  /** Tells whether a field is there. Case does not matter in names. */
  has(name: string): boolean
  /**
   * Returns the value of a field. The values of repeated lines are joined with `, ` (RFC 9110
   * section 5.3). Of Set-Cookie, which cannot be joined, it is the first: use `getAll()`.
   */
  get(name: string): string | undefined
  /** Returns the value of each line of a field. */
  getAll(name: string): string[]
}

/** Fields to send: pairs of name and value in order, or an object; an array is a repeated field. */
export type Http1HeadersInit =
  | Iterable<readonly [name: string, value: string]>
  | { readonly [name: string]: string | readonly string[] }

export type Http1Version = '1.0' | '1.1'

export interface Http1Message {
  version: Http1Version
  headers: Http1Headers
  body: Uint8Array
  /** The fields after a chunked body. Do not trust them more than the body. */
  trailers: Http1Headers
  /** Whether the connection goes on after this message (RFC 9112 section 9.3). */
  keepAlive: boolean
}

export interface Http1MessageInit {
  /** Default `'1.1'`. */
  version?: Http1Version
  headers?: Http1HeadersInit
  body?: Uint8Array
  /** Makes the body chunked when it is not empty. */
  trailers?: Http1HeadersInit
}

export interface Http1Request extends Http1Message {
  method: string
  target: string
  /** Whether the client asked for `100 Continue` before it sends the body. */
  expectsContinue: boolean
}

export interface Http1Response extends Http1Message {
  status: number
  reason: string
  /** The method this is the answer to: `'GET'` unless the decoder was told otherwise. */
  requestMethod: string
}

export interface Http1RequestInit extends Http1MessageInit {
  method: string
  target: string
}

export interface Http1ResponseInit extends Http1MessageInit {
  status: number
  /** Default: none. */
  reason?: string
  /** `'HEAD'` allows a Content-Length without a body, `'CONNECT'` starts a tunnel. Default GET. */
  requestMethod?: string
}

/** A message as `readPart()` gives it: its head, its body as it comes, then its end. */
export type Http1Part<Frame> =
  | { kind: 'head'; head: Http1Head<Frame> }
  | { kind: 'data'; data: Uint8Array }
  | { kind: 'end'; trailers: Http1Headers }

export type Http1Head<Frame> = Omit<Frame, 'body' | 'trailers'>

/** What the decoders of both directions offer. */
export interface Http1Decoder<Frame> extends FrameDecoder<Frame> {
  /**
   * Returns the next part of a message, or `null` when more bytes are needed.
   *
   * For bodies that are too large to keep, or never end: each message is its head, any number of
   * pieces of its body, and its end. `maxBodyBytes` does not apply, and nothing of a body is kept.
   * How a body is cut into pieces depends on how it arrived. Once a head was given, `read()` and
   * `next()` are refused up to the end of its message.
   *
   * @throws {FrameError} as `read()` does.
   * @throws {RangeError} when `read()` or `next()` has begun with a message, until it is complete.
   */
  readPart(): Http1Part<Frame> | null
  /**
   * Moves to the next message without making a frame of it, and returns whether there is one.
   *
   * Until the next call its body lies in `bytes` from `start` to `endOffset`, and `headers` and
   * `keepAlive` are its own, as are `status` of a response, `method` and `target` of a request.
   *
   * @throws {FrameError} as `read()` does.
   */
  next(): boolean
  readonly bytes: Uint8Array
  readonly start: number
  readonly endOffset: number
  readonly keepAlive: boolean
  /** The fields of the message that `next()` moved to; strings are made when asked for. */
  readonly headers: Http1Headers
  /** Makes the frame of the message that `next()` moved to; `null` when it returned `false`. */
  frame(): Frame | null
  /**
   * Stops decoding and returns the bytes after the last frame: another protocol begins there, as
   * after `101 Switching Protocols` or CONNECT.
   * `read()` keeps `maxBodyBytes` of them at most, if nobody asks.
   *
   * @throws {RangeError} inside a message.
   * @throws {FrameError} when the stream is lost, as `read()` does.
   */
  rest(): Uint8Array
}

export interface Http1RequestDecoder extends Http1Decoder<Http1Request> {
  readonly method: string
  readonly target: string
  /**
   * The next request without its body, once its head is complete and while its body is not; else
   * `null`. It lets a server refuse a body before it comes.
   */
  readonly head: Http1Request | null
  /**
   * Whether a client now waits for `100 Continue`: it asked for it, the head is complete and no
   * byte of the body has come (RFC 9110 section 10.1.1). Look after `read()` returned `null`.
   */
  readonly awaitsContinue: boolean
}

export interface Http1ResponseDecoder extends Http1Decoder<Http1Response> {
  readonly status: number
  /**
   * Says the method of a request that was sent, in the order of sending.
   *
   * An answer to HEAD has no body, and to CONNECT may start a tunnel (RFC 9112 section 6.3), which
   * its own bytes do not tell. Call it for every request, or for none when all are others. Once it
   * was called, a response that no request asked for is refused (RFC 9112 section 9.2).
   */
  expect(method: string): void
}

export interface Http1RequestCodec extends FrameCodec<Http1Request> {
  encode(message: Http1RequestInit): Uint8Array
  decoder(): Http1RequestDecoder
}

export interface Http1ResponseCodec extends FrameCodec<Http1Response> {
  encode(message: Http1ResponseInit): Uint8Array
  decoder(): Http1ResponseDecoder
}

const LF = 0x0a
const CR = 0x0d
const SP = 0x20
const TAB = 0x09
const COMMA = 0x2c
const COLON = 0x3a
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c
const NOTHING = new Uint8Array(0)

/** A table that says of each byte whether it is in the set. */
function byteSet(characters: string, from = 0, to = -1): Uint8Array {
  const set = new Uint8Array(256)
  for (const character of characters) set[character.charCodeAt(0)] = 1
  for (let byte = from; byte <= to; byte++) set[byte] = 1
  return set
}

const ALPHANUMERIC = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'
/** tchar, of methods and field names: RFC 9110 section 5.6.2. */
const TOKEN = byteSet(`${ALPHANUMERIC}!#$%&'*+-.^_\`|~`)
/** Each byte, capital letters as small ones. */
const LOWER = Uint8Array.from({ length: 256 }, (_, i) => (i > 0x40 && i < 0x5b ? i + 32 : i))
/** Field values and reason phrases: HTAB, SP, VCHAR, obs-text. RFC 9110 section 5.5. */
const TEXT = byteSet('\t', 0x20, 0xff)
TEXT[0x7f] = 0
/** A request-target has visible characters only, and no fragment: RFC 9112 section 3.2. */
const TARGET = byteSet('', 0x21, 0x7e)
TARGET['#'.charCodeAt(0)] = 0

/** What Node's server accepts, on every version since 20. */
const METHODS = (
  'ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY ' +
  'MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND ' +
  'REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE'
).split(' ')

/** uri-host [ ":" port ], with a host: RFC 9110 section 4.2.1, RFC 3986 section 3.2.2. */
const AUTHORITY = /^(?:\[([^\]]*)\]|(?:[0-9a-z\-._~!$&'()*+,;=]|%[0-9a-f]{2})+)(?::(\d*))?$/i
const H16 = /^[0-9a-f]{1,4}$/i
const IPV4 = /^(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!$)|$)){4}$/
const IP_FUTURE = /^v[0-9a-f]+\.[0-9a-z\-._~!$&'()*+,;=:]+$/i
/** RFC 3986 section 3.1. */
const SCHEME = /^[a-z][a-z0-9+\-.]*:\/\//i
/** What a URI is made of: RFC 3986 section 2. Decoders take more, as browsers send more. */
const URI = /^(?:[a-z0-9\-._~:/?#[\]@!$&'()*+,;=]|%[0-9a-f]{2})*$/i

/** Returns the bytes as a string of the same length: UTF-8 is for others (RFC 9110 section 5.5). */
function text(bytes: Uint8Array, start: number, end: number): string {
  let string = ''
  // Up to this size Node's own way costs more than its work (measured).
  if (end - start < 7) {
    for (let at = start; at < end; at++) string += String.fromCharCode(bytes[at]!)
    return string
  }
  const buffer = bytes as { latin1Slice?: (start: number, end: number) => string }
  if (buffer.latin1Slice !== undefined) return buffer.latin1Slice(start, end)
  for (let from = start; from < end; from += 4096) {
    const part = bytes.subarray(from, Math.min(end, from + 4096))
    string += String.fromCharCode.apply(null, part as unknown as number[])
  }
  return string
}

/** The same as `bytes.subarray()`, and faster for a `Buffer` (measured). */
function view(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (BufferView === undefined || !(bytes instanceof BufferView)) return bytes.subarray(start, end)
  return new BufferView(bytes.buffer, bytes.byteOffset + start, end - start)
}

/** Tells whether the bytes spell `name`, in any case. */
function spells(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  if (end - start !== name.length) return false
  for (let i = 0; i < name.length; i++) {
    if (LOWER[bytes[start + i]!] !== LOWER[name.charCodeAt(i)]) return false
  }
  return true
}

/** Returns where bytes of the set end. Four a turn: 1.6 times as fast as one a turn (measured). */
function skip(set: Uint8Array, bytes: Uint8Array, start: number, stop: number): number {
  let at = start
  for (const last = stop - 4; at <= last; at += 4) {
    if (set[bytes[at]!] === 0) return at
    if (set[bytes[at + 1]!] === 0) return at + 1
    if (set[bytes[at + 2]!] === 0) return at + 2
    if (set[bytes[at + 3]!] === 0) return at + 3
  }
  while (at < stop && set[bytes[at]!] === 1) at++
  return at
}

/** The same for text, which is printable ASCII nearly always: a look at the table for the rest. */
function skipText(bytes: Uint8Array, start: number, stop: number): number {
  let at = start
  for (const last = stop - 4; at <= last; at += 4) {
    if ((bytes[at]! - 0x20) >>> 0 > 0x5e) break
    if ((bytes[at + 1]! - 0x20) >>> 0 > 0x5e) break
    if ((bytes[at + 2]! - 0x20) >>> 0 > 0x5e) break
    if ((bytes[at + 3]! - 0x20) >>> 0 > 0x5e) break
  }
  while (at < stop && TEXT[bytes[at]!] === 1) at++
  return at
}

/** The same, four bytes at a time: half of the time where the text is not short (measured). */
function skipTextWords(bytes: Uint8Array, words: DataView, start: number, stop: number): number {
  let at = start
  for (const last = stop - 4; at <= last; at += 4) {
    const word = words.getInt32(at, true)
    // A byte below 0x20 borrows, 0x7f carries into its highest bit, and others have it already.
    const marks = (word | (word - 0x20202020) | (word + 0x01010101)) & 0x80808080
    if (marks === 0) continue
    at += (31 - Math.clz32(marks & -marks)) >>> 3
    if (bytes[at] === CR) return at
    break
  }
  while (at < stop && TEXT[bytes[at]!] === 1) at++
  return at
}

/**
 * Returns how many bytes are the same at both places, of `most` at most.
 *
 * The last few that are the same may be missing: it looks at four bytes at a time.
 */
function sameBytes(words: DataView, one: number, other: number, most: number): number {
  let at = 0
  for (const last = most - 8; at <= last; at += 8) {
    const first = words.getInt32(one + at, true) ^ words.getInt32(other + at, true)
    const second = words.getInt32(one + at + 4, true) ^ words.getInt32(other + at + 4, true)
    if ((first | second) !== 0) return first === 0 ? at + 4 : at
  }
  return at
}

/** Tells whether the `size` bytes at both places are the same; `size` is 4 at least. */
function areSame(words: DataView, one: number, other: number, size: number): boolean {
  const last = size - 4
  for (let at = 0; at < last; at += 4) {
    if (words.getInt32(one + at, true) !== words.getInt32(other + at, true)) return false
  }
  return words.getInt32(one + last, true) === words.getInt32(other + last, true)
}

function isSpace(byte: number | undefined): boolean {
  return byte === SP || byte === TAB
}

/** Returns where optional white space ends: RFC 9110 section 5.6.3. */
function skipSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = start
  while (at < end && isSpace(bytes[at])) at++
  return at
}

/** Returns where optional white space at the end begins. */
function trimSpace(bytes: Uint8Array, start: number, end: number): number {
  let at = end
  while (at > start && isSpace(bytes[at - 1])) at--
  return at
}

/**
 * Tells whether a list has the member `name`, in any case: RFC 9110 section 5.6.1.
 *
 * A comma inside a quoted string separates nothing.
 */
function listHas(bytes: Uint8Array, start: number, end: number, name: string): boolean {
  for (let from = start; from < end; ) {
    let comma = from
    let quoted = false
    for (; comma < end && (quoted || bytes[comma] !== COMMA); comma++) {
      if (bytes[comma] === QUOTE) quoted = !quoted
      else if (quoted && bytes[comma] === BACKSLASH) comma++
    }
    const stop = Math.min(comma, end)
    const first = skipSpace(bytes, from, stop)
    if (spells(bytes, first, trimSpace(bytes, first, stop), name)) return true
    from = stop + 1
  }
  return false
}

/**
 * The field lines of a head or trailer section that the decoder has checked.
 *
 * `marks` holds two numbers per line, from `from` to `to`: its colon and its end, counted from the
 * start of the first line. Many messages share one array of marks.
 */
class FieldLines implements Http1Headers {
  readonly #bytes: Uint8Array
  readonly #base: number
  readonly #marks: Int32Array
  readonly #from: number
  readonly #to: number

  constructor(bytes: Uint8Array, base: number, marks: Int32Array, from: number, to: number) {
    this.#bytes = bytes
    this.#base = base
    this.#marks = marks
    this.#from = from
    this.#to = to
  }

  get size(): number {
    return (this.#to - this.#from) / 2
  }

  has(name: string): boolean {
    return this.#find(name, this.#from) < this.#to
  }

  get(name: string): string | undefined {
    const first = this.#find(name, this.#from)
    if (first === this.#to) return undefined
    let value = this.#value(first)
    let line = this.#find(name, first + 2)
    if (line === this.#to || name.toLowerCase() === 'set-cookie') return value
    for (; line < this.#to; line = this.#find(name, line + 2)) value += `, ${this.#value(line)}`
    return value
  }

  getAll(name: string): string[] {
    const values: string[] = []
    let line = this.#find(name, this.#from)
    for (; line < this.#to; line = this.#find(name, line + 2)) values.push(this.#value(line))
    return values
  }

  [Symbol.iterator](): Iterator<[string, string]> {
    return this.toJSON()[Symbol.iterator]()
  }

  /** All lines as pairs. One string of all lines, then parts of it: faster than each by itself. */
  toJSON(): [string, string][] {
    const pairs: [string, string][] = []
    if (this.#to === this.#from) return pairs
    const bytes = this.#bytes
    const base = this.#base
    const lines = text(bytes, base, base + this.#marks[this.#to - 1]!)
    let start = 0
    for (let line = this.#from; line < this.#to; line += 2) {
      const colon = this.#marks[line]!
      const end = base + this.#marks[line + 1]!
      const value = skipSpace(bytes, base + colon + 1, end)
      const valueEnd = trimSpace(bytes, value, end)
      pairs.push([lines.slice(start, colon), lines.slice(value - base, valueEnd - base)])
      start = end - base + 2
    }
    return pairs
  }

  /** What `console.log()` shows in Node. */
  [Symbol.for('nodejs.util.inspect.custom')](): [string, string][] {
    return this.toJSON()
  }

  /** Where the line starts: behind the CR LF of the line before. */
  #start(line: number): number {
    return line === this.#from ? 0 : this.#marks[line - 1]! + 2
  }

  #value(line: number): string {
    const bytes = this.#bytes
    const end = this.#base + this.#marks[line + 1]!
    const start = skipSpace(bytes, this.#base + this.#marks[line]! + 1, end)
    return text(bytes, start, trimSpace(bytes, start, end))
  }

  /** Returns the first line of that name, or the end. */
  #find(name: string, from: number): number {
    const marks = this.#marks
    let start = this.#start(from)
    for (let line = from; line < this.#to; line += 2) {
      const colon = marks[line]!
      if (colon - start === name.length) {
        if (spells(this.#bytes, this.#base + start, this.#base + colon, name)) return line
      }
      start = marks[line + 1]! + 2
    }
    return this.#to
  }
}

/** The fields that matter for framing, by the length of their names. No two are of one length. */
const FRAMING_FIELDS = Array.from({ length: 18 }, () => NOTHING)
for (const name of ['host', 'expect', 'connection', 'content-length', 'transfer-encoding']) {
  FRAMING_FIELDS[name.length] = Uint8Array.from(name, letter => letter.charCodeAt(0))
}
const FIRST_LETTER = Uint8Array.from(FRAMING_FIELDS, name => name[0] ?? 0)

/** Tells whether a token that is as long as `name` is `name`, in any case. */
function isNamed(name: Uint8Array, bytes: Uint8Array, start: number): boolean {
  // 0x20 makes a letter small, and makes no other token character a letter or "-".
  for (let i = 0; i < name.length; i++) if ((bytes[start + i]! | 0x20) !== name[i]) return false
  return true
}

/** Tells whether a field matters for the framing of messages. */
function isFraming(bytes: Uint8Array, start: number, colon: number): boolean {
  const size = colon - start
  if (size > 17 || FIRST_LETTER[size] !== (bytes[start]! | 0x20)) return false
  return isNamed(FRAMING_FIELDS[size]!, bytes, start)
}

/** Room for the marks of 5 lines at first, of 2048 at most, unless one head needs more. */
const FIRST_MARKS = 10
const MOST_MARKS = 4096
/** When a chunk has more runs of data than half of this, they are copied: a run may be one byte. */
const MOST_RUNS = 256
/** In a smaller chunk a view of it costs more than it saves. */
const LEAST_FOR_WORDS = 1024
const NO_FIELDS = new FieldLines(NOTHING, 0, new Int32Array(0), 0, 0)

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

/**
 * Cuts a stream into messages.
 *
 * Lines are parsed where they lie when their section (head, chunk header or trailers) lies in one
 * chunk. A section that spans chunks is copied together once, line by line, and the new bytes of
 * an unfinished line are looked at once. A control byte ends the stream as soon as it is seen, any
 * other mistake in a line when its LF has come: so it does not matter how the stream was cut.
 */
abstract class MessageDecoder<Frame> extends ChunkReader implements Http1Decoder<Frame> {
  keepAlive = true
  readonly #limits: Required<Http1Options>

  /** The section in progress: `lines` from `section` to `linesEnd`. */
  protected lines: Uint8Array = NOTHING
  protected section = 0
  protected linesEnd = 0
  /** Where the first line starts that is not parsed yet. */
  protected line = 0
  /** Where in the stream a section begins that was copied. */
  #copiedOffset = 0
  /** Whether a section is in progress, and whether it was copied out of the chunk. */
  #open = false
  #copied = false
  /** `lines` as it lies in the chunk, four bytes at once; `null` where that does not pay. */
  #words: DataView | null = null
  /**
   * The head before, if it lies in `words`: its first line, its field lines, their marks, and a bit
   * for each of its first 32 lines that frames the message. Most heads of a connection are like the
   * one before, and what is the same was checked already. `#model` is -1 where there is none.
   */
  #model = -1
  #modelStart = 0
  #modelStop = 0
  #modelMarks = 0
  #modelEnd = 0
  #modelFraming = 0
  /** Bits of the lines that were not the same in two heads of this chunk. */
  #varying = 0
  /** The same bits for the head in progress, and up to where it is known to be like the model. */
  #framing = 0
  #sameEnd = 0
  /** Whether a frame uses the array of marks: then it is not written again. */
  #marksUsed = false
  /** Whether the line at `line` is known to have no LF before `#scanned`. */
  #partial = false
  #scanned = 0

  protected phase: Phase = START
  /** The phase after the message in progress. */
  protected following: Phase = START

  /** The last complete head. */
  protected headBytes: Uint8Array = NOTHING
  protected headStart = 0
  protected headEnd = 0
  #headCopied = false
  /** Where the field lines of the section in progress begin, counted from its start. */
  protected firstField = 0
  /** Where they begin in the last complete head, counted from the start of `headBytes`. */
  protected fieldsStart = 0
  /** See `FieldLines`. Many messages share one array. */
  #marks = new Int32Array(FIRST_MARKS)
  /** The marks of the message: those of its head, then those of its trailers. */
  #marksStart = 0
  #marksHead = 0
  #marksSection = 0
  #marksEnd = 0
  #marksLimit = 0
  protected trailers: Http1Headers = NO_FIELDS
  protected minor = 1
  protected hosts = 0
  protected expects = false
  protected chunked = false
  /** -1 = no such field; Infinity = above 2^53 - 1. */
  protected contentLength = -1
  #closes = false
  #persists = false

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
    super()
    this.#limits = limits
  }

  abstract frame(): Frame | null
  /** Makes the head of the message in progress. */
  protected abstract messageHead(): Http1Head<Frame>
  protected abstract parseStartLine(stop: number): void
  /** Checks a complete head, sets `following`, and says whether its lengths count. */
  protected abstract headAllowsBody(): boolean
  protected abstract readonly bodyEndsWithStream: boolean
  /** Whether folded lines are joined rather than refused. */
  protected abstract readonly unfolds: boolean
  /** Whether the lengths of this message are ignored, right or wrong. */
  protected ignoresLengths = false
  /** Returns the status with which a server answers an error. */
  protected abstract answerTo(code: FrameErrorCode, status?: number): number | undefined

  read(): Frame | null {
    return this.next() ? this.frame() : null
  }

  next(): boolean {
    this.check()
    if (this.#parts) this.#leaveParts()
    this.#found = false
    while (this.phase !== COMPLETE) {
      if (this.#step()) continue
      this.#letGoOfChunk()
      return false
    }
    this.phase = this.following
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
      if (this.phase > FIELDS && this.phase < CLOSED) {
        throw new RangeError('readPart() inside a message: read() has begun with it')
      }
      this.#parts = true
      this.#found = false
    }
    if (!this.#headGiven) {
      while (this.phase <= FIELDS || this.phase >= CLOSED) {
        if (this.#step()) continue
        this.#letGoOfChunk()
        return null
      }
      this.#headGiven = true
      if (this.phase === BODY) {
        this.#bodyBytes = 0
        this.#left = this.contentLength
      }
      this.#ownHead()
      return { kind: 'head', head: this.messageHead() }
    }
    return this.#bodyPart()
  }

  /** Returns some of the body where it lies, or the end of the message. */
  #bodyPart(): Http1Part<Frame> | null {
    while (this.phase !== COMPLETE) {
      if (this.phase === BODY || this.phase === CHUNK_DATA) {
        if (!this.ready()) return null
        const data = this.#takeData(Math.min(this.#left, this.chunk.length - this.at))
        this.#left -= data.length
        if (this.phase === BODY) this.#bodyBytes += data.length
        if (this.#left > 0) return { kind: 'data', data }
        if (this.phase === CHUNK_DATA) this.#left = 2
        this.phase = this.phase === BODY ? COMPLETE : CHUNK_END
        return { kind: 'data', data }
      }
      if (this.phase === BODY_TO_END) {
        if (this.ready()) {
          return { kind: 'data', data: this.#takeData(this.chunk.length - this.at) }
        }
        if (!this.#ended) return null
        this.phase = COMPLETE
      } else if (!this.#step()) {
        this.#letGoOfChunk()
        return null
      }
    }
    this.phase = this.following
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
    if (this.phase !== TUNNEL && this.phase !== CLOSED && (this.phase !== START || this.#open)) {
      throw new RangeError('rest() inside a message: read until null first')
    }
    this.phase = TUNNEL
    return this.takeRest(this.#pieces)
  }

  protected get found(): boolean {
    return this.#found
  }

  protected override describePartialFrame(): string | null {
    if (this.phase >= CLOSED || this.phase === BODY_TO_END) return null
    if (this.phase === START) return this.#open ? 'inside the first line of a head' : null
    if (this.phase === FIELDS) return `after ${this.#fieldCount()} fields of a head`
    // Its last byte has come, but readPart() was not called since.
    if (this.phase === COMPLETE) return null
    if (this.phase === BODY) {
      return `after ${this.#parts ? this.#bodyBytes : this.heldBytes} of the ${this.contentLength} bytes of a body`
    }
    return `after ${this.#bodyBytes} bytes of a chunked body, before its last chunk`
  }

  /** Copies the head of a message whose body is still to come: its chunk may be used again. */
  #letGoOfChunk(): void {
    const inBody = this.phase > FIELDS && this.phase < COMPLETE
    if (!inBody) this.headBytes = NOTHING
    else this.#ownHead()
    if (this.#open) return
    this.lines = NOTHING
    this.#closeChunk()
  }

  #ownHead(): void {
    if (this.#headCopied) return
    const { headBytes, headStart, headEnd } = this
    this.headBytes = allocLike(headBytes, headEnd - headStart)
    this.headBytes.set(headBytes.subarray(headStart, headEnd))
    this.fieldsStart -= headStart
    this.headEnd -= headStart
    this.headStart = 0
    this.#headCopied = true
  }

  /** Does what the phase asks for; `false` = it needs more bytes. */
  #step(): boolean {
    switch (this.phase) {
      case START:
        if (!this.#hasLine()) return false
        this.parseStartLine(this.sectionStop())
        return true
      case FIELDS:
      case TRAILERS:
        if (!this.#hasLine()) return false
        this.#parseFields()
        return true
      case BODY:
        if (!this.fill(this.contentLength)) return false
        this.phase = COMPLETE
        return true
      case BODY_TO_END:
        return this.#takeAll()
      case CHUNK_HEADER:
        if (!this.#hasLine()) return false
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

  // Sections of lines

  /** Lines are parsed up to here: the end of the bytes, or of what a section may have. */
  protected sectionStop(): number {
    return Math.min(this.linesEnd, this.section + this.#limits.maxHeaderBytes)
  }

  /** Returns whether there is something to parse at `line`. */
  #hasLine(): boolean {
    if (this.#open) {
      return (!this.#partial && this.line < this.linesEnd) || this.#addLine()
    }
    if (!this.#hasByte()) return false
    if (this.lines !== this.chunk) this.#openChunk()
    this.lines = this.chunk
    this.section = this.line = this.at
    this.linesEnd = this.chunk.length
    this.#open = true
    this.#copied = false
    return true
  }

  /** Prepares for the sections that lie in this chunk; none of them was compared with another. */
  #openChunk(): void {
    const { chunk } = this
    this.#model = -1
    this.#varying = 0
    this.#words =
      chunk.length < LEAST_FOR_WORDS
        ? null
        : new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
  }

  #closeChunk(): void {
    this.#words = null
    this.#model = -1
  }

  /** Ends a section behind its last line. The next byte of the stream is then at `at`. */
  protected closeSection(): void {
    if (!this.#copied) this.at = this.line
    this.#open = false
  }

  /** Begins the fields behind a first line that is the one of the head before, byte by byte. */
  protected sameStartLine(stop: number): boolean {
    if (this.#model < 0) return false
    const size = this.#model - this.#modelStart
    const { line } = this
    const most = Math.min(this.#modelStop - this.#modelStart, stop - line)
    const same = sameBytes(this.#words!, this.#modelStart, line, most)
    if (same < size) return false
    this.beginFields(this.minor, line + size)
    this.#sameEnd = line + same
    return true
  }

  /** Says that the line at `line` is unfinished, or else wrong. */
  protected refuse(mistake: string, status?: number): void {
    if (this.#findLineEnd(this.line)) throw this.malformed(mistake, status)
    this.#partial = true
  }

  protected malformed(mistake: string, status?: number, offset = this.lineOffset): FrameError {
    return this.fail('ERR_FRAME_MALFORMED', `${this.#place()}: ${mistake}`, offset, status)
  }

  /** Where in the stream the section in progress begins. */
  get #sectionOffset(): number {
    return this.#copied ? this.#copiedOffset : this.offset - this.at + this.section
  }

  /** Where in the stream the line in progress begins; outside of sections, the next byte. */
  protected get lineOffset(): number {
    if (this.phase === CHUNK_END || this.phase === CLOSED) return this.offset
    return this.#sectionOffset + this.line - this.section
  }

  #place(): string {
    if (this.phase === START) return 'first line'
    if (this.phase === FIELDS && !this.#open) return 'head'
    if (this.phase === FIELDS) return `field line ${this.#fieldCount() + 1}`
    if (this.phase === TRAILERS) return `trailer line ${this.#fieldCount() + 1}`
    if (this.phase === CLOSED) return 'after the last message'
    return `chunk after ${this.#bodyBytes} bytes of body`
  }

  /** Looks for the end of the line; `false` = it has not come. Each byte is looked at once. */
  #findLineEnd(from: number): boolean {
    const bytes = this.lines
    const limit = this.section + this.#limits.maxHeaderBytes
    const stop = this.sectionStop()
    const at = skipText(bytes, from, stop)
    this.#scanned = at
    if (at === stop || (bytes[at] === CR && at + 1 === stop)) {
      if (stop < limit) return false
      const size = this.#limits.maxHeaderBytes
      const message = `${this.#place()}: section above ${size} bytes`
      throw this.fail('ERR_FRAME_TOO_LARGE', message, this.#sectionOffset + size)
    }
    const offset = this.#sectionOffset + at - this.section
    if (bytes[at] === CR && bytes[at + 1] === LF) return true
    // RFC 9112 section 2.2, RFC 9110 section 5.5
    if (bytes[at] === CR) throw this.malformed('CR without LF', undefined, offset)
    if (bytes[at] === LF) throw this.malformed('LF without CR', undefined, offset)
    const byte = `0x${bytes[at]!.toString(16).padStart(2, '0')}`
    throw this.malformed(`control byte ${byte}`, undefined, offset)
  }

  /** Copies the bytes that complete a line behind the section in progress. */
  #addLine(): boolean {
    if (!this.#partial) this.#scanned = this.linesEnd
    if (!this.#copied) {
      this.#copyRuns()
      this.#copySection(this.linesEnd)
    }
    this.#partial = true
    while (this.ready()) {
      const lineEnd = this.chunk.indexOf(LF, this.at) + 1
      this.#append(lineEnd === 0 ? this.chunk.length : lineEnd)
      if (!this.#findLineEnd(this.#scanned)) continue
      this.#partial = false
      return true
    }
    return false
  }

  #append(end: number): void {
    const { chunk, at, linesEnd } = this
    const size = linesEnd + end - at
    if (size > this.lines.length) {
      const larger = allocLike(this.lines, 2 * size)
      larger.set(this.lines.subarray(0, linesEnd))
      this.lines = larger
    }
    if (end - at < 32) for (let i = at; i < end; i++) this.lines[linesEnd + i - at] = chunk[i]!
    else this.lines.set(chunk.subarray(at, end), linesEnd)
    this.linesEnd = size
    this.at = end
  }

  // Field lines: RFC 9112 section 5

  /** Parses field lines up to the empty line, or the end of the bytes. */
  #parseFields(): void {
    const bytes = this.lines
    const stop = this.sectionStop()
    if (this.#model >= 0 && this.phase === FIELDS) this.#parseLikeModel(stop)
    const words = this.#words
    const first = this.section + this.firstField
    let marks = this.#marks
    let mark = this.#marksEnd
    let line = this.line
    for (;;) {
      const colon = skip(TOKEN, bytes, line, stop)
      if (colon === line || colon >= stop || bytes[colon] !== COLON) break
      const end =
        words === null
          ? skipText(bytes, colon + 1, stop)
          : skipTextWords(bytes, words, colon + 1, stop)
      if (end + 1 >= stop || bytes[end] !== CR || bytes[end + 1] !== LF) break
      if (mark === this.#marksLimit) {
        this.line = line
        this.#marksEnd = mark
        this.#moreMarks()
        marks = this.#marks
        mark = this.#marksEnd
      }
      marks[mark] = colon - first
      marks[mark + 1] = end - first
      if (isFraming(bytes, line, colon)) {
        this.line = line
        this.#marksEnd = mark
        this.#field(bytes, line, colon, end)
      }
      mark += 2
      line = end + 2
    }
    this.line = line
    this.#marksEnd = mark
    if (line + 1 < stop && bytes[line] === CR && bytes[line + 1] === LF) this.#endFields()
    else if (isSpace(bytes[line]) && this.unfolds && this.#canUnfold()) this.#unfold()
    else this.refuse(this.#fieldMistake(bytes[line]))
  }

  /** Parses field lines as long as they have the names of the model, in the same order. */
  #parseLikeModel(stop: number): void {
    const bytes = this.lines
    const words = this.#words!
    const marks = this.#marks
    const first = this.section + this.firstField
    const model = this.#model
    const modelStop = this.#modelStop
    // There are bits for 32 lines.
    const modelEnd = Math.min(this.#modelEnd, this.#modelMarks + 64)
    let modelLine = model
    let modelMark = this.#modelMarks
    let sameEnd = this.#sameEnd
    let mark = this.#marksEnd
    let line = this.line
    for (let bit = 1; modelMark < modelEnd && mark < this.#marksLimit; bit <<= 1) {
      const name = model + marks[modelMark]! - modelLine
      const next = model + marks[modelMark + 1]! + 2
      const colon = line + name
      let end = line + next - 2 - modelLine
      if ((this.#varying & bit) === 0 || name < 4) {
        if (sameEnd <= line) {
          const most = Math.min(modelStop - modelLine, stop - line)
          sameEnd = line + sameBytes(words, modelLine, line, most)
        }
        if (colon >= sameEnd) break
        if (end + 2 > sameEnd) {
          this.#varying |= bit
          end = skipTextWords(bytes, words, sameEnd, stop)
        }
      } else {
        if (colon >= stop || bytes[colon] !== COLON) break
        if (!areSame(words, modelLine, line, name)) break
        end = skipTextWords(bytes, words, colon + 1, stop)
      }
      if (end + 1 >= stop || bytes[end] !== CR || bytes[end + 1] !== LF) break
      marks[mark] = colon - first
      marks[mark + 1] = end - first
      if ((this.#modelFraming & bit) !== 0) {
        this.line = line
        this.#marksEnd = mark
        this.#field(bytes, line, colon, end)
      }
      mark += 2
      modelMark += 2
      line = end + 2
      modelLine = next
      if (sameEnd < line) sameEnd = 0
    }
    this.line = line
    this.#marksEnd = mark
  }

  #canUnfold(): boolean {
    return this.phase === FIELDS && this.#fieldCount() > 0
  }

  /**
   * Joins a folded line to the field before it: RFC 9112 section 5.2.
   *
   * A field that frames the message has been looked at already, and is refused when it is folded:
   * two readers might see two lengths.
   */
  #unfold(): void {
    if (!this.#findLineEnd(this.line)) {
      this.#partial = true
      return
    }
    const end = this.#scanned
    if (!this.#copied) this.#copySection(end + 2)
    const first = this.section + this.firstField
    const { lines, line } = this
    const stop = this.#scanned
    const mark = this.#marksEnd - 2
    const name = mark === this.#marksSection ? first : first + this.#marks[mark - 1]! + 2
    const size = first + this.#marks[mark]! - name
    if (size < 18 && FRAMING_FIELDS[size]!.length > 0) {
      if (isNamed(FRAMING_FIELDS[size]!, lines, name)) {
        throw this.malformed('continues a field that frames the message (RFC 9112 section 5.2)')
      }
    }
    lines.fill(SP, line - 2, skipSpace(lines, line, stop))
    this.#marks[mark + 1] = stop - first
    this.line = stop + 2
  }

  /** Copies the section in progress up to `end` out of the chunk, which is the caller's. */
  #copySection(end: number): void {
    const have = end - this.section
    this.#copiedOffset = this.#sectionOffset
    const copy = allocLike(this.chunk, Math.max(256, 2 * have))
    copy.set(this.lines.subarray(this.section, end))
    this.#scanned -= this.section
    this.line -= this.section
    this.section = 0
    this.lines = copy
    this.#closeChunk()
    this.linesEnd = have
    this.at = end
    this.#copied = true
  }

  #fieldMistake(first: number | undefined): string {
    if (isSpace(first)) return 'starts with white space (RFC 9112 section 5.2)'
    return 'expected a name of token characters, then a colon (RFC 9112 section 5.1)'
  }

  /** Begins the marks of a section behind those of the section before it. */
  #beginMarks(): void {
    this.#marksSection = this.#marksEnd
    const most = this.#marksEnd + 2 * this.#limits.maxHeaderFields
    this.#marksLimit = Math.min(this.#marks.length, most)
  }

  /** Leaves a full array of marks to the frames that use it, and goes on in another. */
  #moreMarks(): void {
    const most = this.#limits.maxHeaderFields
    if (this.#fieldCount() === most) {
      const message = `${this.#place()}: more than ${most} field lines`
      throw this.fail('ERR_FRAME_TOO_LARGE', message, this.lineOffset)
    }
    const own = this.#marks.subarray(this.#marksStart)
    const room = Math.min(MOST_MARKS, 4 * this.#marks.length)
    this.#marks = new Int32Array(Math.max(room, 2 * own.length))
    this.#marks.set(own)
    this.#marksHead -= this.#marksStart
    this.#marksSection -= this.#marksStart
    this.#marksEnd -= this.#marksStart
    this.#marksStart = 0
    this.#marksUsed = false
    this.#marksLimit = Math.min(this.#marks.length, this.#marksSection + 2 * most)
  }

  #fieldCount(): number {
    return (this.#marksEnd - this.#marksSection) / 2
  }

  get headers(): Http1Headers {
    return this.#found ? this.fieldLines() : NO_FIELDS
  }

  protected fieldLines(): Http1Headers {
    const { headBytes, fieldsStart } = this
    this.#marksUsed = true
    return new FieldLines(headBytes, fieldsStart, this.#marks, this.#marksStart, this.#marksHead)
  }

  #endFields(): void {
    const end = this.line
    this.line = end + 2
    this.closeSection()
    if (this.phase === FIELDS) {
      this.headBytes = this.lines
      this.headStart = this.section
      this.headEnd = end
      this.#headCopied = this.#copied
      this.fieldsStart = this.section + this.firstField
      this.#marksHead = this.#marksEnd
      this.#model =
        this.#words === null || this.#marksEnd === this.#marksStart ? -1 : this.fieldsStart
      this.#modelStart = this.section
      // A few bytes behind it, too: then all of it is compared, eight bytes at a time.
      this.#modelStop = end + 8
      this.#modelMarks = this.#marksStart
      this.#modelEnd = this.#marksEnd
      this.#modelFraming = this.#framing
      this.#endHead()
      return
    }
    const from = this.#marksHead
    const to = this.#marksEnd
    if (to > from) {
      this.trailers = new FieldLines(this.lines, this.section, this.#marks, from, to)
      this.#marksUsed = true
    }
    const runs = this.#runs
    if (runs.length === 2 && this.#pieces.length === 0) {
      this.bytes = this.chunk
      this.start = runs[0]!
      this.endOffset = runs[1]!
      runs.length = 0
    } else this.#joinBody()
    this.phase = COMPLETE
  }

  /** Looks at a field that matters for the framing of messages. */
  #field(bytes: Uint8Array, name: number, colon: number, lineEnd: number): void {
    const start = skipSpace(bytes, colon + 1, lineEnd)
    const end = trimSpace(bytes, start, lineEnd)
    const trailer = this.phase === TRAILERS
    if (this.#fieldCount() < 32) this.#framing |= 1 << this.#fieldCount()
    switch (colon - name) {
      case 4:
        if (trailer) throw this.malformed('Host in a trailer')
        this.fieldHost(bytes, start, end)
        return
      case 6:
        if (!trailer) this.expects ||= listHas(bytes, start, end, '100-continue')
        return
      case 10:
        if (!trailer) this.#fieldConnection(bytes, start, end)
        return
      case 14:
        if (trailer) throw this.malformed('Content-Length in a trailer')
        if (!this.ignoresLengths) this.#fieldContentLength(bytes, start, end)
        return
      default:
        if (trailer) throw this.malformed('Transfer-Encoding in a trailer')
        if (!this.ignoresLengths) this.#fieldTransferEncoding(bytes, start, end)
    }
  }

  protected fieldHost(_bytes: Uint8Array, _start: number, _end: number): void {}

  /** RFC 9112 section 6.3: one number. A list of equal numbers may be refused, and is. */
  #fieldContentLength(bytes: Uint8Array, start: number, end: number): void {
    if (this.contentLength >= 0) throw this.malformed('Content-Length is repeated')
    let length = 0
    for (let at = start; at < end; at++) {
      const digit = bytes[at]! - 0x30
      if (digit < 0 || digit > 9) throw this.malformed('Content-Length is not a number')
      length = length * 10 + digit
    }
    if (start === end) throw this.malformed('Content-Length is empty')
    // RFC 9110 section 8.6: any number is valid, also one that is too large for a body.
    this.contentLength = length > Number.MAX_SAFE_INTEGER ? Number.POSITIVE_INFINITY : length
  }

  /** RFC 9112 section 6.1: of the transfer codings this decoder knows chunked. */
  #fieldTransferEncoding(bytes: Uint8Array, start: number, end: number): void {
    if (this.chunked) throw this.malformed('Transfer-Encoding is repeated')
    if (!spells(bytes, start, end, 'chunked')) {
      // Section 6.3: without chunked as the last coding nobody knows where a request ends.
      const status = isChunkedLast(bytes, start, end) ? 501 : 400
      throw this.malformed('Transfer-Encoding is not "chunked"', status)
    }
    this.chunked = true
  }

  /** RFC 9110 section 7.6.1: a list of options. */
  #fieldConnection(bytes: Uint8Array, start: number, end: number): void {
    for (let from = start; from < end; ) {
      let comma = from
      while (comma < end && bytes[comma] !== COMMA) comma++
      const first = skipSpace(bytes, from, comma)
      const last = trimSpace(bytes, first, comma)
      if (spells(bytes, first, last, 'close')) this.#closes = true
      if (spells(bytes, first, last, 'keep-alive')) this.#persists = true
      from = comma + 1
    }
  }

  // Heads and bodies: RFC 9112 section 6

  /** Begins a head behind its first line, which is parsed up to `end`. */
  protected beginFields(minor: number, end: number): void {
    this.line = end
    this.firstField = end - this.section
    this.phase = FIELDS
    this.minor = minor
    this.contentLength = -1
    this.chunked = this.#closes = this.#persists = this.expects = false
    this.hosts = this.#framing = this.#sameEnd = 0
    if (!this.#marksUsed) this.#marksEnd = 0
    this.#marksStart = this.#marksEnd
    this.#beginMarks()
  }

  #endHead(): void {
    if (this.chunked && this.minor === 0) {
      throw this.malformed('Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)')
    }
    if (this.chunked && this.contentLength >= 0) {
      throw this.malformed('Transfer-Encoding and Content-Length (RFC 9112 section 6.3)')
    }
    // RFC 9112 section 9.3
    this.keepAlive = !this.#closes && (this.minor === 1 || this.#persists)
    this.following = this.keepAlive ? START : CLOSED
    this.trailers = NO_FIELDS
    this.bytes = NOTHING
    this.start = this.endOffset = 0
    const body = this.headAllowsBody()
    if (!body || this.contentLength === 0) this.phase = COMPLETE
    else if (this.chunked) {
      this.phase = CHUNK_HEADER
      this.#bodyBytes = this.#extensionBytes = 0
    } else if (this.contentLength > 0) {
      this.#checkBodySize(this.contentLength)
      this.phase = BODY
    } else if (this.bodyEndsWithStream) {
      this.keepAlive = false
      this.following = CLOSED
      this.phase = BODY_TO_END
    } else this.phase = COMPLETE
  }

  #checkBodySize(size: number): void {
    let limit = this.#limits.maxBodyBytes
    if (size <= limit) return
    if (this.#parts) limit = Number.MAX_SAFE_INTEGER
    if (size <= limit) return
    const bytes = Number.isSafeInteger(size) ? size : 'more than 2^53 - 1'
    const toEnd = this.phase === BODY_TO_END
    const offset = toEnd ? this.offset - this.#pieces.length + limit : this.lineOffset
    throw this.fail('ERR_FRAME_TOO_LARGE', `body of ${bytes} bytes, limit ${limit}`, offset, 413)
  }

  /** Returns whether the head is complete and no byte of the body has come. */
  protected get bodyNotBegun(): boolean {
    if (this.phase === BODY) return (this.#parts ? this.#bodyBytes : this.heldBytes) === 0
    return this.phase === CHUNK_HEADER && this.#bodyBytes === 0 && !this.#open
  }

  #takeAll(): boolean {
    while (this.ready()) {
      this.#checkBodySize(this.#pieces.length + this.chunk.length - this.at)
      this.#keepChunk()
    }
    if (!this.#ended) return false
    this.#joinBody()
    this.phase = COMPLETE
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
      const limit = this.#limits.maxBodyBytes
      if (size > limit) {
        const offset = this.offset - this.#pieces.length + limit
        throw this.fail('ERR_FRAME_TOO_LARGE', `more than ${limit} bytes wait for rest()`, offset)
      }
      this.#keepChunk()
    }
    return false
  }

  // Chunked bodies: RFC 9112 section 7.1

  #hasByte(): boolean {
    if (this.at < this.chunk.length) return true
    this.#copyRuns()
    return this.ready()
  }

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
    if (this.#extensionBytes > this.#limits.maxHeaderBytes) throw this.#tooManyExtensions()
    this.#checkBodySize(this.#bodyBytes + size)
    this.line = at + 2
    this.closeSection()
    this.#left = size
    this.#bodyBytes += size
    if (size === 0) this.#beginMarks()
    this.firstField = 0
    this.phase = size === 0 ? TRAILERS : CHUNK_DATA
  }

  #tooManyExtensions(): FrameError {
    const limit = this.#limits.maxHeaderBytes
    const message = `chunk extensions above ${limit} bytes`
    return this.fail('ERR_FRAME_TOO_LARGE', message, this.lineOffset, 413)
  }

  #takeChunkData(): boolean {
    if (!this.#hasByte()) return false
    const end = Math.min(this.chunk.length, this.at + this.#left)
    if (this.#runs.length === MOST_RUNS) this.#copyRuns()
    this.#runs.push(this.at, end)
    this.#left -= end - this.at
    this.at = end
    if (this.#left === 0) {
      this.phase = CHUNK_END
      this.#left = 2
    }
    return true
  }

  #takeChunkEnd(): boolean {
    for (; this.#left > 0; this.#left--) {
      if (!this.#hasByte()) return false
      if (this.chunk[this.at] !== (this.#left === 2 ? CR : LF)) {
        throw this.malformed('expected CR LF after the data')
      }
      this.at++
    }
    this.phase = CHUNK_HEADER
    return true
  }

  /** Copies the data that lies in `chunk` behind the data of earlier chunks. */
  #copyRuns(): void {
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
    this.#closeChunk()
    return super.fail(code, message, offset, answer)
  }
}

/** Tells whether a list of transfer codings ends with chunked: RFC 9112 section 6.1. */
function isChunkedLast(bytes: Uint8Array, start: number, end: number): boolean {
  const codings = text(bytes, start, end).split(',')
  const token = /^[ \t]*[!#$%&'*+\-.^_`|~0-9a-z]+[ \t]*(?:;.*)?$/i
  if (codings.length < 2 || !codings.every(coding => token.test(coding))) return false
  const names = codings.map(coding => coding.split(';', 1)[0]!.trim().toLowerCase())
  return names.indexOf('chunked') === names.length - 1
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/**
 * Returns where chunk extensions end, or -1: RFC 9112 section 7.1.1. They are checked and ignored.
 *
 * White space around `;` and `=` is bad, and a recipient must remove it (RFC 9110 section 5.6.3).
 */
function skipExtensions(bytes: Uint8Array, start: number, stop: number): number {
  let end = start
  for (;;) {
    let at = skipSpace(bytes, end, stop)
    if (at === stop || bytes[at] !== SEMICOLON) return end
    const name = skipSpace(bytes, at + 1, stop)
    end = skip(TOKEN, bytes, name, stop)
    if (end === name) return -1
    at = skipSpace(bytes, end, stop)
    if (at === stop || bytes[at] !== EQUALS) continue
    const value = skipSpace(bytes, at + 1, stop)
    end = bytes[value] === QUOTE ? skipQuoted(bytes, value, stop) : skip(TOKEN, bytes, value, stop)
    if (end <= value) return -1
  }
}

/** Returns where the quoted-string ends that starts here, or -1: RFC 9110 section 5.6.4. */
function skipQuoted(bytes: Uint8Array, start: number, stop: number): number {
  for (let at = start + 1; at < stop; at++) {
    if (bytes[at] === QUOTE) return at + 1
    if (bytes[at] === BACKSLASH) at++
    if (TEXT[bytes[at]!] !== 1) return -1
  }
  return -1
}

class RequestDecoder extends MessageDecoder<Http1Request> implements Http1RequestDecoder {
  method = ''
  target = ''
  readonly #methods: ReadonlySet<string>
  protected readonly bodyEndsWithStream = false
  protected readonly unfolds = false

  constructor(limits: Required<Http1Options>, methods: ReadonlySet<string>) {
    super(limits)
    this.#methods = methods
  }

  get head(): Http1Request | null {
    return this.phase > FIELDS && this.phase < COMPLETE ? this.#message(NOTHING) : null
  }

  get awaitsContinue(): boolean {
    return this.expects && this.bodyNotBegun
  }

  frame(): Http1Request | null {
    return this.found ? this.#message(view(this.bytes, this.start, this.endOffset)) : null
  }

  #message(body: Uint8Array): Http1Request {
    return {
      method: this.method,
      target: this.target,
      version: this.minor === 1 ? '1.1' : '1.0',
      headers: this.fieldLines(),
      body,
      trailers: this.trailers,
      keepAlive: this.keepAlive,
      expectsContinue: this.expects,
    }
  }

  protected messageHead(): Http1Head<Http1Request> {
    const { body: _, trailers: __, ...head } = this.#message(NOTHING)
    return head
  }

  /** RFC 9112 sections 3 and 5.4, RFC 6585 section 5 for 431. */
  protected answerTo(code: FrameErrorCode, status?: number): number {
    if (status !== undefined) return status
    if (code !== 'ERR_FRAME_TOO_LARGE') return 400
    if (this.phase === FIELDS || this.phase === TRAILERS) return 431
    if (this.phase !== START) return 413
    const stop = this.sectionStop()
    return skip(TOKEN, this.lines, this.line, stop) === stop ? 501 : 414
  }

  /** method SP request-target SP HTTP-version: RFC 9112 section 3. */
  protected parseStartLine(stop: number): void {
    if (this.sameStartLine(stop)) return
    const bytes = this.lines
    const start = this.line
    if (bytes[start] === CR && start + 1 < stop && bytes[start + 1] === LF) {
      // Section 2.2: empty lines before a request are ignored.
      this.line = start + 2
      this.closeSection()
      return
    }
    let at = start
    while (at < stop && TOKEN[bytes[at]!] === 1) at++
    const methodEnd = at++
    while (at < stop && TARGET[bytes[at]!] === 1) at++
    const version = at + 1
    const end = version + 8
    if (
      end + 1 >= stop ||
      bytes[methodEnd] !== SP ||
      bytes[at] !== SP ||
      !isVersion(bytes, version) ||
      bytes[end] !== CR ||
      bytes[end + 1] !== LF
    ) {
      const other = bytes[methodEnd] === SP && bytes[at] === SP && isOther(bytes, version, stop)
      this.refuse('expected "method target HTTP/1.1" (RFC 9112 section 3)', other ? 505 : 400)
      return
    }
    this.method = text(bytes, start, methodEnd)
    this.target = text(bytes, methodEnd + 1, at)
    if (!this.#methods.has(this.method))
      throw this.malformed(`unknown method ${this.method.slice(0, 20)}`, 501)
    if (!isTarget(this.method, this.target)) {
      throw this.malformed('wrong form of request-target (RFC 9112 section 3.2)')
    }
    this.beginFields(bytes[end - 1]! - 0x30, end + 2)
  }

  /** RFC 9112 section 3.2: a valid Host, and not two. */
  protected override fieldHost(bytes: Uint8Array, start: number, end: number): void {
    if (++this.hosts > 1) throw this.malformed('Host is repeated')
    // An empty one is for targets without an authority.
    if (start === end || isKnownHost(bytes, start, end)) return
    if (portOf(text(bytes, start, end)) === null) throw this.malformed('Host is not a host')
    if (end - start <= 64) knownHost = Uint8Array.from(bytes.subarray(start, end))
  }

  protected headAllowsBody(): boolean {
    if (this.hosts === 0 && this.minor === 1) {
      throw this.malformed('no Host (RFC 9112 section 3.2)')
    }
    if (this.method === 'CONNECT') {
      // RFC 9110 section 9.3.6: no content. The bytes that follow belong to the tunnel.
      if (this.chunked || this.contentLength > 0) throw this.malformed('CONNECT with a body')
      this.following = TUNNEL
    }
    // Section 10.1.1 of RFC 9110: not in HTTP/1.0, and there must be something to wait for.
    this.expects &&= this.minor === 1 && (this.chunked || this.contentLength > 0)
    return true
  }
}

/** The last valid Host of all decoders: most requests that a server gets are for the same one. */
let knownHost = NOTHING

function isKnownHost(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== knownHost.length) return false
  for (let at = start; at < end; at++) if (bytes[at] !== knownHost[at - start]) return false
  return true
}

/** HTTP-version, of the two that this file knows: RFC 9112 section 2.3. */
function isVersion(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x54 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 &&
    bytes[at + 4] === 0x2f &&
    bytes[at + 5] === 0x31 &&
    bytes[at + 6] === 0x2e &&
    (bytes[at + 7] === 0x31 || bytes[at + 7] === 0x30)
  )
}

/** Tells whether a first line ends with a version of HTTP, whichever it is. */
function isOther(bytes: Uint8Array, at: number, stop: number): boolean {
  return at + 10 <= stop && /^HTTP\/\d\.\d\r\n$/.test(text(bytes, at, at + 10))
}

/** Returns the port of an authority, 0 when it names none; `null` when it is no authority. */
function portOf(authority: string): number | null {
  const parts = AUTHORITY.exec(authority)
  if (parts === null) return null
  const [, literal, port = ''] = parts
  if (literal !== undefined && !isIpv6(literal) && !IP_FUTURE.test(literal)) return null
  return Number(port) <= 65_535 ? Number(port) : null
}

/** Eight groups of four digits; `::` stands for one or more of them: RFC 3986 section 3.2.2. */
function isIpv6(address: string): boolean {
  const halves = address.split('::', 3)
  const groups = halves.map(half => (half === '' ? [] : half.split(':')))
  const last = groups.at(-1)!
  // The last two groups may be written as an IPv4 address.
  if (IPV4.test(last.at(-1) ?? '')) last.splice(-1, 1, '0', '0')
  const all = groups.flat()
  if (!all.every(group => H16.test(group))) return false
  return halves.length === 1 ? all.length === 8 : halves.length === 2 && all.length < 8
}

/** The four forms of a request-target: RFC 9112 section 3.2. */
function isTarget(method: string, target: string): boolean {
  // RFC 9110 section 9.3.6: a port, and a valid one.
  if (method === 'CONNECT') return (portOf(target) ?? 0) > 0
  if (target.startsWith('/')) return true
  if (target === '*') return method === 'OPTIONS'
  const scheme = SCHEME.exec(target)
  if (scheme === null) return false
  const authority = target.slice(scheme[0].length).split(/[/?]/, 1)[0]!
  return portOf(authority) !== null
}

class ResponseDecoder extends MessageDecoder<Http1Response> implements Http1ResponseDecoder {
  status = 0
  requestMethod = 'GET'
  /** The methods of the requests that are not answered yet, and whether any was ever said. */
  readonly #asked: string[] = []
  #counts = false
  #lastReason = ''
  #reasonBytes: Uint8Array = NOTHING
  protected readonly bodyEndsWithStream = true
  protected readonly unfolds = true

  expect(method: string): void {
    this.#counts = true
    this.#asked.push(method)
  }

  protected answerTo(): undefined {}

  frame(): Http1Response | null {
    if (!this.found) return null
    return {
      version: this.minor === 1 ? '1.1' : '1.0',
      status: this.status,
      reason: this.#reason(),
      headers: this.fieldLines(),
      body: view(this.bytes, this.start, this.endOffset),
      trailers: this.trailers,
      keepAlive: this.keepAlive,
      requestMethod: this.requestMethod,
    }
  }

  protected messageHead(): Http1Head<Http1Response> {
    return {
      version: this.minor === 1 ? '1.1' : '1.0',
      status: this.status,
      reason: this.#reason(),
      headers: this.fieldLines(),
      keepAlive: this.keepAlive,
      requestMethod: this.requestMethod,
    }
  }

  /** Most responses of a connection have the reason of the one before: no new string. */
  #reason(): string {
    const bytes = this.headBytes
    const start = this.headStart + 13
    const end = Math.max(start, this.fieldsStart - 2)
    const last = this.#reasonBytes
    let same = end - start === last.length
    for (let i = 0; same && i < last.length; i++) same = bytes[start + i] === last[i]
    if (!same) {
      this.#reasonBytes = Uint8Array.from(bytes.subarray(start, end))
      this.#lastReason = text(bytes, start, end)
    }
    return this.#lastReason
  }

  /** HTTP-version SP status-code SP [ reason-phrase ]: RFC 9112 section 4. */
  protected parseStartLine(stop: number): void {
    const bytes = this.lines
    if (this.#counts && this.#asked.length === 0) {
      this.#skipUnasked(stop)
      return
    }
    if (this.sameStartLine(stop)) {
      this.#beginAnswer()
      return
    }
    const code = this.line + 9
    let at = code + 3
    const hundreds = bytes[code]! - 0x30
    const tens = bytes[code + 1]! - 0x30
    const ones = bytes[code + 2]! - 0x30
    const whole = at + 1 < stop && isVersion(bytes, this.line) && bytes[code - 1] === SP
    if (whole && bytes[at] === SP) at = skipText(bytes, at, stop)
    const digits = hundreds > 0 && hundreds < 10 && isDigit(tens) && isDigit(ones)
    if (!whole || !digits || at + 1 >= stop || bytes[at] !== CR || bytes[at + 1] !== LF) {
      this.refuse('expected "HTTP/1.1 200 reason" (RFC 9112 section 4)')
      return
    }
    this.status = hundreds * 100 + tens * 10 + ones
    this.beginFields(bytes[code - 2]! - 0x30, at + 2)
    this.#beginAnswer()
  }

  #beginAnswer(): void {
    this.requestMethod = this.#asked[0] ?? 'GET'
    this.ignoresLengths =
      this.requestMethod === 'CONNECT' && this.status >= 200 && this.status < 300
  }

  /** Nothing that comes while no request is open is a response: RFC 9112 section 9.2. */
  #skipUnasked(stop: number): void {
    const { lines, line } = this
    if (lines[line] !== CR) {
      throw this.malformed('no request asked for it (RFC 9112 section 9.2)')
    }
    if (line + 1 === stop || lines[line + 1] !== LF) {
      this.refuse('CR without LF')
      return
    }
    this.line = line + 2
    this.closeSection()
  }

  /** RFC 9112 section 6.3, rules 1 and 2. */
  protected headAllowsBody(): boolean {
    const { status } = this
    if (status < 200 && this.minor === 0) {
      throw this.malformed(`status ${status} in HTTP/1.0 (RFC 9110 section 15.2)`)
    }
    // RFC 9110 section 15.2: the final response is still to come.
    if (status < 200 && status !== 101) return false
    if (this.#asked.length > 0) this.#asked.shift()
    if (status === 101 || (this.requestMethod === 'CONNECT' && status < 300)) {
      this.following = TUNNEL
      return false
    }
    return this.requestMethod !== 'HEAD' && status !== 204 && status !== 304
  }
}

function isDigit(value: number): boolean {
  return value >= 0 && value <= 9
}

// Encoding

function fieldList(init: Http1HeadersInit | undefined): (readonly [string, string])[] {
  if (init === undefined) return []
  const pairs: (readonly [string, string])[] = []
  if (Symbol.iterator in init) pairs.push(...init)
  else {
    for (const [name, values] of Object.entries(init)) {
      for (const value of typeof values === 'string' ? [values] : values) pairs.push([name, value])
    }
  }
  for (const [name, value] of pairs) {
    if (!consistsOf(TOKEN, name)) {
      throw new RangeError(`field name ${JSON.stringify(name)} is not a token`)
    }
    if (!consistsOf(TEXT, value) || isBlank(value[0]) || isBlank(value.at(-1))) {
      throw new RangeError(`${name}: ${JSON.stringify(value)} is not a field value`)
    }
  }
  return pairs
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t'
}

function consistsOf(set: Uint8Array, string: string): boolean {
  for (let i = 0; i < string.length; i++) if (set[string.charCodeAt(i)] !== 1) return false
  return true
}

function fieldLines(fields: readonly (readonly [string, string])[]): string {
  let lines = ''
  for (const [name, value] of fields) lines += `${name}: ${value}\r\n`
  return lines
}

/** What a message may say of a body, and what is said for it. */
type BodyRule =
  | 'nothing'
  | 'length but no body'
  | 'length unless empty'
  | 'always a length'
  | 'always empty'

function encodeMessage(startLine: string, message: Http1MessageInit, rule: BodyRule): Uint8Array {
  const body = message.body ?? NOTHING
  checkBytes(body, 'a body')
  const fields = fieldList(message.headers)
  const trailers = fieldLines(fieldList(message.trailers))
  const names = fields.map(([name]) => name.toLowerCase())
  const sized = names.includes('content-length')
  let chunked = names.includes('transfer-encoding')
  const bodyless = rule === 'nothing' || rule === 'length but no body'
  if ((bodyless || rule === 'always empty') && (body.length > 0 || trailers !== '')) {
    throw new RangeError(`body of ${body.length} bytes in a message that has none`)
  }
  if (rule === 'nothing' && (sized || chunked)) {
    // RFC 9112 section 6.1, RFC 9110 section 8.6. A decoder ignores them; a sender must not send.
    throw new RangeError('Content-Length or Transfer-Encoding in a message that never has a body')
  }
  if (!sized && !chunked && trailers !== '') {
    chunked = true
    fields.push(['Transfer-Encoding', 'chunked'])
  } else if (!sized && !chunked && (body.length > 0 || rule.startsWith('always'))) {
    fields.push(['Content-Length', String(body.length)])
  }
  if (!chunked && trailers !== '') throw new RangeError('trailers after a body with a length')
  let head = `${startLine}\r\n${fieldLines(fields)}\r\n`
  let tail = ''
  if (chunked && !bodyless) {
    if (body.length > 0) head += `${body.length.toString(16)}\r\n`
    tail = `${body.length > 0 ? '\r\n' : ''}0\r\n${trailers}\r\n`
  }
  const wire = allocLike(body, head.length + body.length + tail.length)
  for (let i = 0; i < head.length; i++) wire[i] = head.charCodeAt(i)
  wire.set(body, head.length)
  const tailStart = head.length + body.length
  for (let i = 0; i < tail.length; i++) wire[tailStart + i] = tail.charCodeAt(i)
  return wire
}

/** RFC 9112 section 6.3, rules 1 and 2. */
function responseRule(status: number, requestMethod: string): BodyRule {
  if (status < 200 || status === 204) return 'nothing'
  if (requestMethod === 'CONNECT' && status < 300) return 'nothing'
  if (requestMethod === 'HEAD' || status === 304) return 'length but no body'
  // RFC 9110 section 15.3.6
  return status === 205 ? 'always empty' : 'always a length'
}

/**
 * Reads what was encoded: the surest way to refuse what a decoder refuses.
 *
 * @throws {RangeError} when the bytes are not exactly one message.
 */
function readBack<Frame extends Http1Message>(
  decoder: Http1Decoder<Frame>,
  wire: Uint8Array,
  body: Uint8Array = NOTHING,
): Frame {
  let frame: Frame | null
  try {
    decoder.push(wire)
    frame = decoder.read()
  } catch (error) {
    if (error instanceof FrameError) throw new RangeError(error.message)
    throw error
  }
  if (frame === null || decoder.rest().length > 0) {
    throw new RangeError(`body of ${body.length} bytes: Content-Length says otherwise`)
  }
  return frame
}

/**
 * Refuses what a client must not send, though servers take it.
 *
 * @throws {RangeError} with the section that forbids it.
 */
function checkSent({ method, target, headers, body }: Http1Request): void {
  if (!URI.test(target)) {
    throw new RangeError(`target ${JSON.stringify(target)} is no URI: percent-encode it (RFC 3986)`)
  }
  if (method === 'TRACE' && (body.length > 0 || headers.has('transfer-encoding'))) {
    throw new RangeError('TRACE with content (RFC 9110 section 9.3.8)')
  }
  const expect = Uint8Array.from(headers.get('expect') ?? '', letter => letter.charCodeAt(0))
  if (body.length === 0 && listHas(expect, 0, expect.length, '100-continue')) {
    throw new RangeError('Expect: 100-continue without content (RFC 9110 section 10.1.1)')
  }
  const authority = SCHEME.test(target) ? target.split(/[/?]/, 3)[2]! : undefined
  const host = headers.get('host')
  if (authority === undefined || host === undefined) return
  if (authority.toLowerCase() !== host.toLowerCase()) {
    throw new RangeError(`Host is ${host}, the target says ${authority} (RFC 9112 section 3.2)`)
  }
}

function checkedLimits(options: Http1Options): Required<Http1Options> {
  const { maxHeaderBytes = 16_384, maxHeaderFields = 100, maxBodyBytes = 1024 * 1024 } = options
  wholeNumber('maxHeaderBytes', maxHeaderBytes, 1)
  wholeNumber('maxHeaderFields', maxHeaderFields, 0)
  wholeNumber('maxBodyBytes', maxBodyBytes, 0)
  return { maxHeaderBytes, maxHeaderFields, maxBodyBytes }
}

/**
 * Returns a codec for HTTP/1.0 and HTTP/1.1 requests: servers decode them, clients encode them.
 *
 * A request comes out when its body is complete. `body` is a view into the chunk when it arrived in
 * one, else a copy in room of its size, made when all is there if that was not known before. Header
 * strings are made when asked for. Requests may be pipelined. After a request whose `keepAlive` is
 * false no other may follow; after CONNECT the decoder stops, and `rest()` has the tunnel's bytes.
 * A head is at most `maxHeaderBytes` and `maxHeaderFields`, a body `maxBodyBytes`; a larger one is
 * refused as soon as its length is known. The time is linear in the bytes for any chunks.
 *
 * `encode()` adds Content-Length when there is a body, and for POST, PUT and PATCH without one. It
 * adds nothing else: HTTP/1.1 needs a Host. With `Transfer-Encoding: chunked` among the headers, or
 * with trailers, the body is sent as one chunk. What its own decoder would refuse, or read as
 * something else (a line break in a value), it refuses.
 *
 * @throws {RangeError} when an option is out of range, and from `encode()` when its own decoder would
 *   refuse the message or read another one.
 * @throws {FrameError} from the decoder: `ERR_FRAME_MALFORMED`, `ERR_FRAME_TOO_LARGE`, and
 *   `ERR_FRAME_TRUNCATED` when the stream ends inside a request. Its `status` is what to answer
 *   before you close: 400, 413, 414, 431, 501 or 505.
 * @see RFC 9112 section 3 and 6, https://www.rfc-editor.org/rfc/rfc9112
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { http1Request } from './http1.ts'
 *
 * const codec = http1Request()
 * const headers = { Host: 'a.example', Accept: ['text/html', 'text/plain'] }
 * const wire = codec.encode({ method: 'POST', target: '/x', headers, body: Buffer.from('hi') })
 *
 * const decoder = codec.decoder()
 * decoder.push(wire.subarray(0, 60))
 * assert.equal(decoder.read(), null) // the head is not complete
 * decoder.push(wire.subarray(60))
 * const request = decoder.read()
 * assert.equal(request?.target, '/x')
 * assert.equal(request.headers.get('accept'), 'text/html, text/plain')
 * assert.equal(request.headers.get('content-length'), '2')
 * assert.equal(request.body.toString(), 'hi')
 * assert.equal(request.keepAlive, true)
 *
 * decoder.push(Buffer.from('GET / HTTP/1.1\r\nHost : a\r\n\r\n'))
 * assert.throws(() => decoder.read(), { code: 'ERR_FRAME_MALFORMED' })
 * ```
 */
export function http1Request(options: Http1RequestOptions = {}): Http1RequestCodec {
  const limits = checkedLimits(options)
  const methods = new Set(options.methods ?? METHODS)
  const anticipated = ['POST', 'PUT', 'PATCH']
  return {
    encode(message) {
      const { method, target, version = '1.1', body } = message
      // RFC 9110 section 8.6: such requests say that they have no content.
      const rule = anticipated.includes(method) ? 'always a length' : 'length unless empty'
      const wire = encodeMessage(`${method} ${target} HTTP/${version}`, message, rule)
      const sent = readBack(new RequestDecoder(limits, methods), wire, body)
      if (sent.method !== method || sent.target !== target || sent.version !== version) {
        throw new RangeError(`${JSON.stringify(`${method} ${target}`)} is no request-line`)
      }
      checkSent(sent)
      return wire
    },
    decoder: () => new RequestDecoder(limits, methods),
  }
}

/**
 * Returns a codec for HTTP/1.0 and HTTP/1.1 responses: clients decode them, servers encode them.
 *
 * Limits, views and strings are those of `http1Request()`. An interim response (100 to 199, but
 * not 101) is a frame of its own; the final one comes after it. A response without a length ends
 * with the stream: after `end()`, `read()` returns it. Whether a response to HEAD or CONNECT has a
 * body its bytes do not tell: say the methods with `expect()`. After 101, or 2xx to CONNECT, the
 * decoder stops, and `rest()` has the bytes of the other protocol.
 *
 * `encode()` adds Content-Length to each response that has a body, empty or not. Say
 * `requestMethod: 'HEAD'` to send a length without the body.
 *
 * @throws {RangeError} when an option is out of range, and from `encode()` when its own decoder would
 *   refuse the message or read another one.
 * A field that is folded over several lines is joined with spaces (RFC 9112 section 5.2).
 *
 * @throws {FrameError} from the decoder, as from that of `http1Request()`, without a `status`.
 * @see RFC 9112 section 4 and 6, https://www.rfc-editor.org/rfc/rfc9112
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { http1Response } from './http1.ts'
 *
 * const codec = http1Response()
 * const headers = { 'Content-Type': 'text/plain', 'Set-Cookie': ['a=1', 'b=2'] }
 * const wire = codec.encode({ status: 200, reason: 'OK', headers, body: Buffer.from('hello') })
 *
 * const decoder = codec.decoder()
 * decoder.expect('GET')
 * decoder.expect('HEAD')
 * decoder.push(Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'))
 * decoder.push(wire)
 * decoder.push(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'))
 * assert.equal(decoder.read()?.status, 103)
 *
 * const response = decoder.read()
 * assert.equal(response?.status, 200)
 * assert.deepEqual(response.headers.getAll('set-cookie'), ['a=1', 'b=2'])
 * assert.equal(response.body.toString(), 'hello')
 * assert.equal(decoder.read()?.body.length, 0) // the answer to HEAD
 * decoder.end()
 * ```
 */
export function http1Response(options: Http1Options = {}): Http1ResponseCodec {
  const limits = checkedLimits(options)
  return {
    encode(message) {
      const { status, reason = '', version = '1.1', requestMethod = 'GET', body } = message
      const rule = responseRule(status, requestMethod)
      const wire = encodeMessage(`HTTP/${version} ${status} ${reason}`, message, rule)
      const decoder = new ResponseDecoder(limits)
      decoder.expect(requestMethod)
      const sent = readBack(decoder, wire, body)
      if (sent.status !== status || sent.reason !== reason || sent.version !== version) {
        throw new RangeError(`${JSON.stringify(`${status} ${reason}`)} is no status-line`)
      }
      return wire
    },
    decoder: () => new ResponseDecoder(limits),
  }
}
