/**
 * The field lines of a decoded message. Their strings are made when asked for.
 */
import { NOTHING } from './codec-base.ts'
import { skipSpace, spells, text, trimSpace } from './http1-grammar.ts'
import type { Http1Headers } from './http1-types.ts'

/**
 * The field lines of a head or trailer section that the decoder has checked.
 *
 * `marks` holds two numbers per line, from `from` to `to`: its colon and its end, counted from the
 * start of the first line. Many messages share one array of marks.
 */
export class FieldLines implements Http1Headers {
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

export const NO_FIELDS = new FieldLines(NOTHING, 0, new Int32Array(0), 0, 0)
