import pc from 'picocolors'
import { printable } from './describe.ts'
import { fateOf } from './fate.ts'
import { isThere, shortcomings } from './lanes.ts'
import { describePlace } from './place.ts'
import type { End, Lane, LaneReport, PacketEvent, Recording, TraceEvent } from './recording.ts'
import { isPrint, type TextStyle, wrapped } from './render-text.ts'
import { Connections } from './sockets.ts'
import { startText, TimeZero } from './time-zero.ts'

const TIME_WIDTH = 9
/** Columns between the two lifelines, and the width of the terminal from which it can be wide. */
const RUNG = { wide: 11, narrow: 6, wideFrom: 72 }
/** What stands on the lifeline of the end where it happened. */
const MARKS: Record<Exclude<Lane, 'packet'> | 'print', string> = {
  js: '●',
  print: '›',
  syscall: '▸',
  state: '◆',
  tcp: '~',
}
const LEGEND: Record<Lane, string> = {
  js: '● event or call of Node   › printed',
  syscall: '▸ system call',
  state: '◆ TCP state',
  packet: '──▸ segment',
  tcp: '~ sender’s variables',
}

/**
 * Turns the events of all lanes into a ladder: time runs down, each end has a lifeline, what
 * happens at an end stands on its lifeline, and what is sent goes from one to the other. The text,
 * with the meaning after a colon, stands to the right.
 */
export class LadderTimeline {
  readonly #colors
  readonly #rung: number
  readonly #width: number
  readonly #left: number
  readonly #sockets = { server: new Set<number>(), client: new Set<number>() }
  readonly #connections = new Connections()
  readonly #seen = new Set<string>()
  readonly #columns: number
  readonly #zero: TimeZero

  /** @param zeroEnd whose first event is time zero. */
  constructor({ columns, color }: TextStyle, zeroEnd: End = 'client') {
    this.#zero = new TimeZero(zeroEnd)
    this.#colors = pc.createColors(color)
    this.#columns = columns
    this.#rung = columns >= RUNG.wideFrom ? RUNG.wide : RUNG.narrow
    this.#left = TIME_WIDTH + 2 + this.#rung + 2 + 2
    this.#width = Math.max(10, columns - this.#left)
  }

  /** What the marks mean, and what is missing and why; then the names of the two lifelines. */
  header(report: LaneReport): string {
    const { dim, yellow } = this.#colors
    const there = (Object.keys(LEGEND) as Lane[]).filter(lane => isThere(report.lanes[lane]))
    const width = this.#columns
    const legend = wrapped(there.map(lane => LEGEND[lane]).join('   '), width)
    const missing = shortcomings(report).flatMap(line => wrapped(printable(line), width))
    const server = 'server'.padEnd(this.#rung + 1)
    return [
      ...legend.map(dim),
      ...missing.map(yellow),
      '',
      `${dim('ms'.padStart(TIME_WIDTH))}  ${this.#paint('server', server)}${this.#paint('client', 'client')}`,
    ].join('\n')
  }

  /** One event, as one line or as several where its text is longer than the room for it. */
  event(event: TraceEvent): string {
    const { ms, startMs } = this.#zero.push(event)
    const shown = (ms?.toFixed(1) ?? '').padStart(TIME_WIDTH)
    const { dim } = this.#colors
    const { notation, meaning } = this.#textOf(event)
    let painted = 0
    const before = startMs === undefined ? '' : `${this.#started(startMs)}\n`
    const lines = wrapped(`${notation}${meaning}`, this.#width)
      .map((line, index) => {
        const start = index === 0 ? dim(shown) : ' '.repeat(TIME_WIDTH)
        const rung = index === 0 ? this.#first(event) : this.#between()
        const text = this.#paintPart(event, line, notation.length - painted)
        painted += line.trim().length + 1
        return `${start}  ${rung}  ${text}`.trimEnd()
      })
      .join('\n')
    return `${before}${lines}`
  }

  /** The line above time zero. */
  #started(ms: number): string {
    return `${' '.repeat(TIME_WIDTH)}  ${this.#between()}  ${this.#colors.dim(startText(ms))}`
  }

  /** The notation in the colour of its end; what it means, and what was printed, in none. */
  #paintPart(event: TraceEvent, line: string, rest: number): string {
    if (isPrint(event) || rest <= 0) return line
    const indent = line.length - line.trimStart().length
    const cut = Math.min(line.length, rest + indent)
    return this.#paint(event.end, line.slice(0, cut)) + line.slice(cut)
  }

  #between(): string {
    const bar = this.#colors.dim('│')
    return `${bar}${' '.repeat(this.#rung)}${bar}`
  }

  #first(event: TraceEvent): string {
    const { end } = event
    const bar = this.#colors.dim('│')
    if (event.lane === 'packet') {
      return `${bar}${this.#paint(end, this.#arrow(event))}${bar}`
    }
    const mark = this.#paint(end, MARKS[isPrint(event) ? 'print' : event.lane])
    const gap = ' '.repeat(this.#rung)
    return end === 'server' ? `${mark}${gap}${bar}` : `${bar}${gap}${mark}`
  }

  /** From the end that sent it to the other; of a lost packet, half of the way. */
  #arrow(event: PacketEvent): string {
    const dash = event.count === undefined ? '─' : '┄'
    const isLost = fateOf(event) === 'lost'
    const line = dash.repeat(isLost ? Math.floor(this.#rung / 2) : this.#rung - 1)
    if (event.end === 'server') return `${line}${isLost ? '✗' : '▸'}`.padEnd(this.#rung)
    return `${isLost ? '✗' : '◂'}${line}`.padStart(this.#rung)
  }

  #textOf(event: TraceEvent): { notation: string; meaning: string } {
    const text = printable(event.text)
    const means = event.means === undefined ? '' : printable(event.means)
    if (isPrint(event)) return { notation: text, meaning: '' }
    const label = this.#labelOf(event)
    // What a segment means names its flags and numbers too.
    if (event.lane === 'packet' && means !== '')
      return { notation: `${label}${means}`, meaning: '' }
    return { notation: `${label}${text}`, meaning: means === '' ? '' : `: ${means}` }
  }

  /** Which socket or connection, as soon as there is a second one to tell it from. */
  #labelOf(event: TraceEvent): string {
    if (event.lane === 'syscall') return ''
    if (event.lane === 'js') {
      const { end, socket } = event
      if (socket === undefined) return ''
      this.#sockets[end].add(socket)
      return this.#sockets[end].size > 1 ? `#${socket} ` : ''
    }
    const connection = this.#connections.of(event)
    if (connection === undefined) return ''
    this.#seen.add(connection.key)
    return this.#seen.size > 1 && connection.label !== '' ? `${connection.label} ` : ''
  }

  #paint(end: End, text: string): string {
    return end === 'server' ? this.#colors.cyan(text) : this.#colors.magenta(text)
  }
}

/** A whole recording as a ladder, with a head that says what was recorded, and on what. */
export function renderLadder({ meta, events }: Recording, style: TextStyle): string {
  const timeline = new LadderTimeline(style)
  return [
    `${meta.example}  recorded on ${meta.kernel}, Node ${meta.node}, ${meta.date}`,
    ...describePlace(meta),
    timeline.header(meta),
    ...events.map(event => timeline.event(event)),
    '',
  ].join('\n')
}
