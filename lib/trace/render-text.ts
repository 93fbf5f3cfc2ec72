import { wrapAnsi } from 'fast-wrap-ansi'
import pc from 'picocolors'
import { printable } from './describe.ts'
import type { End, TraceEvent } from './recording.ts'
import { startText, TimeZero } from './time-zero.ts'

/** How wide, and in colour or not. */
export interface TextStyle {
  /** Columns of the terminal. */
  columns: number
  color: boolean
}

const TIME_WIDTH = 9
const GAP = 2
/** Below this, two columns would be too narrow to read: server and client share one. */
const TWO_COLUMNS_FROM = 72

/** Turns events into lines of a timeline: one column for the server, one for the client. */
export class TextTimeline {
  readonly #colors
  readonly #two: boolean
  readonly #width: number
  readonly #seen = { server: new Set<number>(), client: new Set<number>() }
  readonly #zero = new TimeZero()

  constructor(style: TextStyle) {
    this.#colors = pc.createColors(style.color)
    this.#two = style.columns >= TWO_COLUMNS_FROM
    const rest = style.columns - TIME_WIDTH - GAP
    this.#width = this.#two ? Math.floor((rest - GAP) / 2) : Math.max(10, rest - 'client '.length)
  }

  /** The line above the columns. */
  header(): string {
    const { dim } = this.#colors
    if (!this.#two) {
      const both = `${this.#paint('server', 'server')}${dim(', ')}${this.#paint('client', 'client')}`
      return `${dim('ms'.padStart(TIME_WIDTH))}  ${both}`
    }
    const server = this.#paint('server', 'server'.padEnd(this.#width))
    return `${dim('ms'.padStart(TIME_WIDTH))}  ${server}  ${this.#paint('client', 'client')}`
  }

  /** One event, as one line or as several where the column is too narrow for its text. */
  event(event: TraceEvent): string {
    const { ms, startMs } = this.#zero.push(event)
    const start = startMs === undefined ? '' : `${this.#started(event, startMs)}\n`
    const shown = (ms?.toFixed(1) ?? '').padStart(TIME_WIDTH)
    const lines = wrapped(this.#textOf(event), this.#width)
      .map((line, index) => {
        const time = index === 0 ? this.#colors.dim(shown) : ' '.repeat(TIME_WIDTH)
        return `${time}  ${this.#place(event, line, index)}`
      })
      .join('\n')
    return `${start}${lines}`
  }

  /** The line above time zero. */
  #started({ end }: TraceEvent, ms: number): string {
    const column = this.#two && end === 'client' ? this.#width + GAP : 0
    const label = this.#two ? '' : end.padEnd(7)
    return `${' '.repeat(TIME_WIDTH + 2 + column)}${this.#colors.dim(`${label}${startText(ms)}`)}`
  }

  #place(event: TraceEvent, line: string, index: number): string {
    const { end } = event
    const text = isPrint(event) ? line : this.#paint(end, line)
    if (!this.#two) return `${this.#paint(end, index === 0 ? end.padEnd(7) : ' '.repeat(7))}${text}`
    return end === 'server' ? text : `${' '.repeat(this.#width + GAP)}${text}`
  }

  #textOf(event: TraceEvent): string {
    const text = printable(event.text)
    if (isPrint(event)) return `› ${text}`
    const { end, socket } = event.lane === 'js' ? event : { end: event.end }
    if (socket !== undefined) this.#seen[end].add(socket)
    // With one socket there is nothing to tell apart.
    return socket !== undefined && this.#seen[end].size > 1 ? `#${socket} ${text}` : text
  }

  #paint(end: End, text: string): string {
    return end === 'server' ? this.#colors.cyan(text) : this.#colors.magenta(text)
  }
}

/** Whether it is a line of output. */
export const isPrint = (event: TraceEvent): boolean =>
  event.lane === 'js' && event.event === 'print'

/** The text in lines of at most `width` columns, all but the first indented. */
export function wrapped(text: string, width: number): string[] {
  const [first = '', ...rest] = wrapAnsi(text, width, { hard: true, trim: false }).split('\n')
  if (rest.length === 0) return [first.trimEnd()]
  // What is left after the first line is wrapped again, because the indent takes two columns.
  const left = text.slice(first.length).trimStart()
  return [
    first.trimEnd(),
    ...wrapAnsi(left, width - 2, { hard: true })
      .split('\n')
      .map(line => `  ${line}`),
  ]
}
