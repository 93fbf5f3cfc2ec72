/**
 * Sections of lines: the head of a message, the header of a chunk, or the trailers.
 *
 * Lines are parsed where they lie when their section lies in one chunk. A section that spans chunks
 * is copied together once, line by line, and the new bytes of an unfinished line are looked at
 * once. A control byte ends the stream as soon as it is seen, any other mistake in a line when its
 * LF has come: so it does not matter how the stream was cut.
 */
import { allocLike, ChunkReader, NOTHING } from './codec-base.ts'
import type { FrameError } from './frame.ts'
import { skipText } from './http1-grammar.ts'
import type { Http1Options } from './http1-types.ts'

const LF = 0x0a
const CR = 0x0d
/** In a smaller chunk a view of it costs more than it saves. */
const LEAST_FOR_WORDS = 1024

/** Reads sections of lines. What the lines say is for the classes that extend it. */
export abstract class SectionReader extends ChunkReader {
  protected readonly maxHeaderBytes: number

  /** The section in progress: `lines` from `section` to `linesEnd`. */
  protected lines: Uint8Array = NOTHING
  protected section = 0
  protected linesEnd = 0
  /** Where the first line starts that is not parsed yet. */
  protected line = 0
  /** Where in the stream a section begins that was copied. */
  #copiedOffset = 0
  /** Whether a section is in progress, and whether it was copied out of the chunk. */
  protected open = false
  protected copied = false
  /** `lines` as it lies in the chunk, four bytes at once; `null` where that does not pay. */
  protected words: DataView | null = null
  /** Whether the line at `line` is known to have no LF before `scanned`. */
  protected partial = false
  protected scanned = 0

  constructor({ maxHeaderBytes }: Required<Http1Options>) {
    super()
    this.maxHeaderBytes = maxHeaderBytes
  }

  /** Says where in a message the reader is, for the text of an error. */
  protected abstract place(): string
  /** Copies what is still needed of the chunk: the next one takes its place. */
  protected abstract leaveChunk(): void

  /** Lines are parsed up to here: the end of the bytes, or of what a section may have. */
  protected sectionStop(): number {
    return Math.min(this.linesEnd, this.section + this.maxHeaderBytes)
  }

  /** Returns whether there is something to parse at `line`. */
  protected hasLine(): boolean {
    if (this.open) {
      return (!this.partial && this.line < this.linesEnd) || this.#addLine()
    }
    if (!this.hasByte()) return false
    if (this.lines !== this.chunk) this.openChunk()
    this.lines = this.chunk
    this.section = this.line = this.at
    this.linesEnd = this.chunk.length
    this.open = true
    this.copied = false
    return true
  }

  protected hasByte(): boolean {
    if (this.at < this.chunk.length) return true
    this.leaveChunk()
    return this.ready()
  }

  /** Prepares for the sections that lie in this chunk; none of them was compared with another. */
  protected openChunk(): void {
    const { chunk } = this
    this.words =
      chunk.length < LEAST_FOR_WORDS
        ? null
        : new DataView(chunk.buffer, chunk.byteOffset, chunk.length)
  }

  protected closeChunk(): void {
    this.words = null
  }

  /** Ends a section behind its last line. The next byte of the stream is then at `at`. */
  protected closeSection(): void {
    if (!this.copied) this.at = this.line
    this.open = false
  }

  /** Says that the line at `line` is unfinished, or else wrong. */
  protected refuse(mistake: string, status?: number): void {
    if (this.findLineEnd(this.line)) throw this.malformed(mistake, status)
    this.partial = true
  }

  protected malformed(mistake: string, status?: number, offset = this.lineOffset): FrameError {
    return this.fail('ERR_FRAME_MALFORMED', `${this.place()}: ${mistake}`, offset, status)
  }

  /** Where in the stream the section in progress begins. */
  get #sectionOffset(): number {
    return this.copied ? this.#copiedOffset : this.offset - this.at + this.section
  }

  /** Where in the stream the line in progress begins. */
  protected get lineOffset(): number {
    return this.#sectionOffset + this.line - this.section
  }

  /** Looks for the end of the line; `false` = it has not come. Each byte is looked at once. */
  protected findLineEnd(from: number): boolean {
    const bytes = this.lines
    const limit = this.section + this.maxHeaderBytes
    const stop = this.sectionStop()
    const at = skipText(bytes, from, stop)
    this.scanned = at
    if (at === stop || (bytes[at] === CR && at + 1 === stop)) {
      if (stop < limit) return false
      const size = this.maxHeaderBytes
      const message = `${this.place()}: section above ${size} bytes`
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
    if (!this.partial) this.scanned = this.linesEnd
    if (!this.copied) {
      this.leaveChunk()
      this.copySection(this.linesEnd)
    }
    this.partial = true
    while (this.ready()) {
      const lineEnd = this.chunk.indexOf(LF, this.at) + 1
      this.#append(lineEnd === 0 ? this.chunk.length : lineEnd)
      if (!this.findLineEnd(this.scanned)) continue
      this.partial = false
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

  /** Copies the section in progress up to `end` out of the chunk, which is the caller's. */
  protected copySection(end: number): void {
    const have = end - this.section
    this.#copiedOffset = this.#sectionOffset
    const copy = allocLike(this.chunk, Math.max(256, 2 * have))
    copy.set(this.lines.subarray(this.section, end))
    this.scanned -= this.section
    this.line -= this.section
    this.section = 0
    this.lines = copy
    this.closeChunk()
    this.linesEnd = have
    this.at = end
    this.copied = true
  }
}
