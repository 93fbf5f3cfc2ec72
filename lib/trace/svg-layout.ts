import { printable } from './describe.ts'
import type { End, PacketEvent, TraceEvent } from './recording.ts'
import { isPrint, wrapped } from './render-text.ts'
import { Connections, type SocketEvent } from './sockets.ts'
import { startText, TimeZero } from './time-zero.ts'

/** Pixels. The picture is as wide as a column of text on a page. */
export const WIDTH = 800
const CHARACTER = 7.23
/** The same, of the text on an arrow. */
export const LABEL = 6.93
export const LINE = 17
const PACKET = 27
const PAUSE = 26
const TIME = 62
const MARGIN = 14
/** From one bar to the next on the same lifeline; a bar is narrower by the gap. */
const SLOT = 13
export const BAR = 8
const SLOTS = 5
/** A pause of this length is drawn as a break. */
const PAUSE_NS = 50e6

/** One line of the picture: an event, or a break of the time line. */
export type Row = { y: number; height: number } & (
  | { event: TraceEvent; lines: string[] }
  | { words: string }
)

/** A socket's time in one state, as a bar on the lifeline of its end. */
interface Bar {
  end: End
  slot: number
  state: string
  from: number
  to: number
}

/** Where everything stands. */
export interface Layout {
  rows: Row[]
  bars: Bar[]
  /** The innermost x of each lifeline, and of each slot outwards. */
  x: (end: End, slot: number) => number
  /** Where text begins, beyond all slots. */
  textX: Record<End, number>
  /** The slot of an event's socket. */
  slotOf: (event: TraceEvent) => number
  /** How many sockets share a lifeline at most. */
  slots: Record<End, number>
  labelOf: (event: TraceEvent) => string
  bottom: number
}

/** Places the events of a recording, in their order, below `top`. */
export function layOut(events: readonly TraceEvent[], top: number): Layout {
  const { slotOf, slots, labelOf } = assignSlots(events)
  const labels = events.map(event =>
    event.lane === 'packet' ? packetLabel(event, labelOf(event)).length : 0,
  )
  const longest = Math.max(0, ...labels)
  const middle = longest === 0 ? 40 : Math.max(262, longest * LABEL + 32)
  const center = TIME + (WIDTH - TIME) / 2
  const inner = { server: center - middle / 2, client: center + middle / 2 }
  const x = (end: End, slot: number) =>
    end === 'server' ? inner.server - slot * SLOT : inner.client + slot * SLOT
  const textX = {
    server: x('server', slots.server - 1) - BAR / 2 - 10,
    client: x('client', slots.client - 1) + BAR / 2 + 10,
  }
  const columns = {
    server: Math.floor((textX.server - TIME - 6) / CHARACTER),
    client: Math.floor((WIDTH - MARGIN - textX.client) / CHARACTER),
  }
  const rows: Row[] = []
  let y = top
  let lastNs = events[0]?.tNs ?? 0
  const zero = new TimeZero()
  for (const event of events) {
    const { startMs } = zero.push(event)
    const isPause = event.tNs - lastNs > PAUSE_NS
    if (startMs !== undefined || isPause) {
      const words = startMs === undefined ? pauseText(event.tNs - lastNs) : startText(startMs)
      rows.push({ y, height: PAUSE, words })
      y += PAUSE
    }
    lastNs = event.tNs
    const lines = event.lane === 'packet' ? [] : linesOf(event, columns[event.end], labelOf(event))
    const height = event.lane === 'packet' ? PACKET : lines.length * LINE + 2
    rows.push({ y, height, event, lines })
    y += height
  }
  return { rows, bars: barsOf(rows, slotOf, y), x, textX, slotOf, slots, labelOf, bottom: y }
}

function pauseText(ns: number): string {
  const ms = ns / 1e6
  return `${ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms)} ms`} later`
}

function linesOf(event: TraceEvent, columns: number, label: string): string[] {
  if (event.lane === 'state' && event.count === undefined) return ['']
  const text = printable(event.lane === 'syscall' ? shortCall(event.text) : event.text)
  // What a call returned stays with its sign.
  const whole = event.lane === 'syscall' ? text.replace(/ = (\S[^=]*)$/, ' =\u00a0$1') : text
  const lines = wrapped(`${isPrint(event) ? '› ' : label}${whole}`, columns)
  return event.end === 'server' ? lines.map(line => line.trimStart()) : lines
}

/** A call without what says little: flags that Node always sets, levels, sizes, success. */
function shortCall(text: string): string {
  return text
    .replace(/\|SOCK_NONBLOCK|, SOCK_NONBLOCK|SOL_\w+, /g, '')
    .replace(/^(socket\(.*), 0\)/, '$1)')
    .replace(/^(setsockopt\(.*), \[1\]\)/, '$1)')
    .replace(/^((?:read|write|recv|send)\w*\(.*), \d+\) =/, '$1) =')
    .replace(/^((?!read|write|recv|send).*) = 0$/, '$1')
}

interface Slots {
  slotOf: (event: TraceEvent) => number
  slots: Record<End, number>
  labelOf: (event: TraceEvent) => string
}

/** Gives each connection a place on both lifelines, from the inside; listeners are outermost. */
function assignSlots(events: readonly TraceEvent[]): Slots {
  const connections = new Connections()
  const slotOf = new Map<TraceEvent, number>()
  const labels = new Map<TraceEvent, string>()
  const slotOfKey = new Map<string, number>()
  const taken = new Set<number>()
  const listeners: SocketEvent[] = []
  const ends = { server: 1, client: 1 }
  for (const event of events) {
    if (event.lane === 'js' || event.lane === 'syscall') continue
    const connection = connections.of(event)
    if (connection === undefined) {
      if (event.lane === 'state' && event.count === undefined) listeners.push(event)
      continue
    }
    const { key, label } = connection
    labels.set(event, label)
    let slot = slotOfKey.get(key)
    if (slot === undefined) {
      slot = 0
      while (taken.has(slot) && slot < SLOTS - 1) slot++
      slotOfKey.set(key, slot)
    }
    taken.add(slot)
    slotOf.set(event, slot)
    ends[event.end] = Math.max(ends[event.end], slot + 1)
    if (event.lane === 'state' && event.to === 'CLOSED') taken.delete(slot)
  }
  const slots = { ...ends }
  for (const event of listeners) {
    slotOf.set(event, ends[event.end])
    slots[event.end] = ends[event.end] + 1
  }
  const several = slotOfKey.size > 1
  return {
    slotOf: event => slotOf.get(event) ?? 0,
    slots,
    labelOf: event => {
      if (event.lane === 'js') return severalSockets(events, event)
      const label = several ? (labels.get(event) ?? '') : ''
      return label === '' ? '' : `${label} `
    },
  }
}

/** `#2 ` where the program has more than one socket. */
function severalSockets(events: readonly TraceEvent[], event: TraceEvent): string {
  if (event.lane !== 'js' || event.socket === undefined) return ''
  const { end, socket } = event
  const others = events.some(
    each =>
      each.lane === 'js' && each.end === end && each.socket !== undefined && each.socket !== socket,
  )
  return others ? `#${socket} ` : ''
}

/** The bars between the state events, each up to its socket's next one. */
function barsOf(rows: readonly Row[], slotOf: (event: TraceEvent) => number, end: number): Bar[] {
  const bars: Bar[] = []
  const open = new Map<string, Bar>()
  for (const row of rows) {
    if (!('event' in row) || row.event.lane !== 'state' || row.event.count !== undefined) continue
    const slot = slotOf(row.event)
    const key = `${row.event.end} ${slot}`
    const at = row.y + row.height / 2
    const before = open.get(key)
    if (before) before.to = at
    open.delete(key)
    if (row.event.to === 'CLOSED') continue
    const bar = { end: row.event.end, slot, state: row.event.to, from: at, to: end }
    open.set(key, bar)
    bars.push(bar)
  }
  return bars
}

/** How many characters fit on an arrow where arrows need not be longer for it. */
const ON_ARROW = 34

/** `SYN seq 0`, `data seq 1 ack 1 len 6`: the flags in words, and the numbers. */
export function packetLabel(event: PacketEvent, connection: string): string {
  if (event.count !== undefined) return `${connection}${event.text}`
  const kind = /^([\w+]+(?: again| probe)?):? /.exec(event.means ?? '')?.[1]
  const rest = event.text.replace(/^\[.*?\] ?/, '').replace(/ (win [1-9]|mss )\d*/g, '')
  const label = `${connection}${kind === undefined ? event.text : `${kind} ${rest}`}`
  // The number for which 0 stands is the first thing that can be spared, then whose it is.
  if (label.length <= ON_ARROW) return label
  const shorter = label.replace(/ \(\d+\)/, '')
  return shorter.length <= ON_ARROW ? shorter : shorter.slice(connection.length)
}
