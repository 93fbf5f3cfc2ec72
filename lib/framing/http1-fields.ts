/**
 * Field lines of heads and trailers: RFC 9112 section 5.
 *
 * Every line is checked. Only the values of the fields that frame messages are looked at.
 */
import { allocLike, NOTHING } from './codec-base.ts'
import {
  isChunkedLast,
  listHas,
  skipSpace,
  skipText,
  skipTextWords,
  skipToken,
  spells,
  trimSpace,
} from './http1-grammar.ts'
import { FieldLines, NO_FIELDS } from './http1-headers.ts'
import { SectionReader } from './http1-section.ts'
import type { Http1Headers, Http1Options } from './http1-types.ts'

const LF = 0x0a
const CR = 0x0d
const SP = 0x20
const TAB = 0x09
const COMMA = 0x2c
const COLON = 0x3a

/** The fields that matter for framing, by the length of their names. No two are of one length. */
const FRAMING_FIELDS = Array.from({ length: 18 }, () => NOTHING)
for (const name of ['host', 'expect', 'connection', 'content-length', 'transfer-encoding']) {
  FRAMING_FIELDS[name.length] = Uint8Array.from(name, letter => letter.charCodeAt(0))
}
const FIRST_LETTER = Uint8Array.from(FRAMING_FIELDS, name => name[0] ?? 0)

/** Room for the marks of 5 lines at first, of 2048 at most, unless one head needs more. */
const FIRST_MARKS = 10
const MOST_MARKS = 4096

/** Reads field lines. The rest of a message is for the classes that extend it. */
export abstract class FieldReader extends SectionReader {
  readonly #maxHeaderFields: number
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

  /** Whether the field lines in progress are those behind a body. */
  protected inTrailers = false
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
  /** Whether the options `close` and `keep-alive` of Connection were there. */
  protected closes = false
  protected persists = false

  constructor(limits: Required<Http1Options>) {
    super(limits)
    this.#maxHeaderFields = limits.maxHeaderFields
  }

  /** Whether folded lines are joined rather than refused. */
  protected abstract readonly unfolds: boolean
  /** Whether the lengths of this message are ignored, right or wrong. */
  protected ignoresLengths = false
  /** Checks a head whose fields are complete, and goes on to its body. */
  protected abstract endHead(): void
  /** Ends a message behind its trailers. */
  protected abstract endTrailers(): void

  protected override openChunk(): void {
    this.#model = -1
    this.#varying = 0
    super.openChunk()
  }

  protected override closeChunk(): void {
    this.#model = -1
    super.closeChunk()
  }

  /** Begins the fields behind a first line that is the one of the head before, byte by byte. */
  protected sameStartLine(stop: number): boolean {
    if (this.#model < 0) return false
    const size = this.#model - this.#modelStart
    const { line } = this
    const most = Math.min(this.#modelStop - this.#modelStart, stop - line)
    const same = sameBytes(this.words!, this.#modelStart, line, most)
    if (same < size) return false
    this.beginFields(this.minor, line + size)
    this.#sameEnd = line + same
    return true
  }

  /** Begins a head behind its first line, which is parsed up to `end`. */
  protected beginFields(minor: number, end: number): void {
    this.line = end
    this.firstField = end - this.section
    this.inTrailers = false
    this.minor = minor
    this.contentLength = -1
    this.chunked = this.closes = this.persists = this.expects = false
    this.hosts = this.#framing = this.#sameEnd = 0
    if (!this.#marksUsed) this.#marksEnd = 0
    this.#marksStart = this.#marksEnd
    this.#beginMarks()
  }

  /** Parses field lines up to the empty line, or the end of the bytes. */
  protected parseFields(): void {
    const bytes = this.lines
    const stop = this.sectionStop()
    if (this.#model >= 0 && !this.inTrailers) this.#parseLikeModel(stop)
    const words = this.words
    const first = this.section + this.firstField
    let marks = this.#marks
    let mark = this.#marksEnd
    let line = this.line
    for (;;) {
      const colon = skipToken(bytes, line, stop)
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
    const words = this.words!
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
    return !this.inTrailers && this.fieldCount() > 0
  }

  /**
   * Joins a folded line to the field before it: RFC 9112 section 5.2.
   *
   * A field that frames the message has been looked at already, and is refused when it is folded:
   * two readers might see two lengths.
   */
  #unfold(): void {
    if (!this.findLineEnd(this.line)) {
      this.partial = true
      return
    }
    const end = this.scanned
    if (!this.copied) this.copySection(end + 2)
    const first = this.section + this.firstField
    const { lines, line } = this
    const stop = this.scanned
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

  #fieldMistake(first: number | undefined): string {
    if (isSpace(first)) return 'starts with white space (RFC 9112 section 5.2)'
    return 'expected a name of token characters, then a colon (RFC 9112 section 5)'
  }

  #endFields(): void {
    const end = this.line
    this.line = end + 2
    this.closeSection()
    if (!this.inTrailers) {
      this.headBytes = this.lines
      this.headStart = this.section
      this.headEnd = end
      this.#headCopied = this.copied
      this.fieldsStart = this.section + this.firstField
      this.#marksHead = this.#marksEnd
      this.#model =
        this.words === null || this.#marksEnd === this.#marksStart ? -1 : this.fieldsStart
      this.#modelStart = this.section
      // A few bytes behind it, too: then all of it is compared, eight bytes at a time.
      this.#modelStop = end + 8
      this.#modelMarks = this.#marksStart
      this.#modelEnd = this.#marksEnd
      this.#modelFraming = this.#framing
      this.endHead()
      return
    }
    const from = this.#marksHead
    const to = this.#marksEnd
    if (to > from) {
      this.trailers = new FieldLines(this.lines, this.section, this.#marks, from, to)
      this.#marksUsed = true
    }
    this.endTrailers()
  }

  protected ownHead(): void {
    if (this.#headCopied) return
    const { headBytes, headStart, headEnd } = this
    this.headBytes = allocLike(headBytes, headEnd - headStart)
    this.headBytes.set(headBytes.subarray(headStart, headEnd))
    this.fieldsStart -= headStart
    this.headEnd -= headStart
    this.headStart = 0
    this.#headCopied = true
  }

  protected beginTrailers(): void {
    this.inTrailers = true
    this.firstField = 0
    this.#beginMarks()
  }

  /** Begins the marks of a section behind those of the section before it. */
  #beginMarks(): void {
    this.#marksSection = this.#marksEnd
    const most = this.#marksEnd + 2 * this.#maxHeaderFields
    this.#marksLimit = Math.min(this.#marks.length, most)
  }

  /** Leaves a full array of marks to the frames that use it, and goes on in another. */
  #moreMarks(): void {
    const most = this.#maxHeaderFields
    if (this.fieldCount() === most) {
      const message = `${this.place()}: more than ${most} field lines`
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

  protected fieldCount(): number {
    return (this.#marksEnd - this.#marksSection) / 2
  }

  protected fieldLines(): Http1Headers {
    const { headBytes, fieldsStart } = this
    this.#marksUsed = true
    return new FieldLines(headBytes, fieldsStart, this.#marks, this.#marksStart, this.#marksHead)
  }

  /** Looks at a field that matters for the framing of messages. */
  #field(bytes: Uint8Array, name: number, colon: number, lineEnd: number): void {
    const start = skipSpace(bytes, colon + 1, lineEnd)
    const end = trimSpace(bytes, start, lineEnd)
    const trailer = this.inTrailers
    if (this.fieldCount() < 32) this.#framing |= 1 << this.fieldCount()
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

  /** RFC 9112 section 6.3: one number. RFC 9110 section 8.6 lets us refuse equal ones in a list. */
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
      if (spells(bytes, first, last, 'close')) this.closes = true
      if (spells(bytes, first, last, 'keep-alive')) this.persists = true
      from = comma + 1
    }
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === SP || byte === TAB
}

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
