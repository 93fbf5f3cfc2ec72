import { printable } from './describe.ts'
import { fateOf } from './fate.ts'
import { isThere, LANE_NAMES } from './lanes.ts'
import { describePlace, endName } from './place.ts'
import {
  LANES,
  type PacketEvent,
  type Place,
  type Recording,
  type StateEvent,
} from './recording.ts'
import { isPrint } from './render-text.ts'
import { peerOf } from './sockets.ts'
import {
  BAR,
  LABEL,
  type Layout,
  LINE,
  layOut,
  packetLabel,
  type Row,
  WIDTH,
} from './svg-layout.ts'
import { STYLE, stateClass } from './svg-style.ts'
import { TimeZero } from './time-zero.ts'

const HEAD = 58
const TOP = HEAD + 30
/** Width of a character of a flag. */
const FLAG = 6.55
/** How much of its way a lost segment is drawn: the text stands on what follows. */
const LOST = 0.1
/** How far a segment has come down when it arrives. */
const SLOPE = 9

/**
 * Draws a recording as a sequence diagram, from the recording alone: time runs down, not to scale;
 * the state of each socket is a bar on the lifeline of its end; segments go from end to end.
 */
export function renderSvg(recording: Recording): string {
  const { meta, events } = recording
  const layout = layOut(events, TOP)
  const height = layout.bottom + 16
  const recorded = `recorded on ${meta.kernel}, Node ${meta.node}, ${meta.date}`
  const title = `Timeline of ${meta.example}, ${recorded}`
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">
<title id="title">${escapeXml(title)}</title>
<desc id="desc">${escapeXml(description(recording))}</desc>
<style>${STYLE}</style>
<defs>
${(['server', 'client', 'alarm'] as const).map(marker).join('\n')}
</defs>
<rect class="page" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>
<path class="bar" d="M1 ${HEAD}V9a8 8 0 0 1 8-8h${WIDTH - 18}a8 8 0 0 1 8 8v${HEAD - 9}z"/>
${head(recording, recorded)}
${lifelines(layout, meta)}
${rows(layout)}
</svg>
`
}

/** The recording in words, for those who cannot see it. */
function description({ events }: Recording): string {
  const zero = new TimeZero()
  return events
    .map(event => {
      const { ms } = zero.push(event)
      const when = ms === undefined ? '' : `${ms.toFixed(1)} ms, `
      const means = event.means === undefined ? '' : `: ${event.means}`
      const text = event.lane === 'packet' ? (event.means ?? event.text) : `${event.text}${means}`
      return `${when}${event.end}${isPrint(event) ? ' prints' : ''}: ${text}.`
    })
    .join('\n')
}

const marker = (name: string): string =>
  `<marker id="to-${name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="${name}" d="M0 .8 8 4 0 7.2z"/></marker>`

/** Who ran where, where that was not one machine. */
const hostsOf = (place: Place): string[] => describePlace(place).slice(0, 1)

/** Command and circumstances, the lanes that were there, and the names of the lifelines. */
function head({ meta, events }: Recording, recorded: string): string {
  const live = LANES.filter(lane => meta.lanes[lane] !== undefined).map(lane => {
    const status = meta.lanes[lane]!
    return `${LANE_NAMES[lane]} ${isThere(status) ? status : 'missing'}`
  })
  const relative = events.some(event => event.lane === 'packet' && event.isn !== undefined)
  const notes = [
    ...(relative ? ['sequence numbers count from 0'] : []),
    'time runs down, not to scale',
  ]
  return [
    text(16, 23, 'ink head', `npm run trace -- ${meta.example}`),
    text(WIDTH - 16, 23, 'muted small', recorded, 'end'),
    text(16, 44, 'muted small', [...live, ...hostsOf(meta)].join(' · ')),
    text(WIDTH - 16, 44, 'muted small', notes.join(' · '), 'end'),
  ].join('\n')
}

/** Names, dotted lines where no socket is, and the bars of the states. */
function lifelines({ x, bars, bottom }: Layout, place: Place): string {
  const parts: string[] = []
  for (const end of ['server', 'client'] as const) {
    const side = end === 'server' ? 1 : -1
    const anchor = end === 'server' ? 'end' : 'start'
    parts.push(
      text(x(end, 0) + side * (BAR / 2), TOP - 11, `${end} head`, endName(end, place), anchor),
    )
    const at = round(x(end, 0))
    parts.push(`<path class="life" d="M${at} ${TOP - 4}V${bottom}"/>`)
  }
  for (const { end, slot, state, from, to } of bars) {
    const at = round(x(end, slot) - BAR / 2)
    const height = round(Math.max(2, to - from - 1.5))
    parts.push(
      `<rect class="s-${stateClass(state)}" x="${at}" y="${round(from)}" width="${BAR}" height="${height}" rx="2"/>`,
    )
  }
  return parts.join('\n')
}

function rows(layout: Layout): string {
  const parts: string[] = []
  const zero = new TimeZero()
  let lastShown = ''
  for (const row of layout.rows) {
    if ('words' in row) {
      parts.push(pause(layout, row.y + row.height / 2, row.words))
      continue
    }
    const ms = zero.push(row.event).ms?.toFixed(1) ?? ''
    const first = row.y + LINE - 4
    if (ms !== lastShown) parts.push(text(56, first, 'muted time', ms, 'end'))
    lastShown = ms
    parts.push(drawn(row, layout))
  }
  return parts.join('\n')
}

/** A break of the time line, with what it stands for. */
function pause({ x }: Layout, y: number, words: string): string {
  const middle = (x('server', 0) + x('client', 0)) / 2
  const wide = x('client', 0) - x('server', 0) > 100
  const line = `<path class="rule" stroke-dasharray="2 4" d="M66 ${y}H${WIDTH - 16}"/>`
  const at = wide ? middle : WIDTH - 60
  return `${line}\n${onLine(at, y, 'muted small', words)}`
}

function drawn(
  row: Row & { lines: string[] } & { event: Recording['events'][number] },
  layout: Layout,
) {
  const { event, lines, y } = row
  if (event.lane === 'packet') return arrow(event, y, layout)
  if (event.lane === 'state' && event.count === undefined) return flag(event, y, layout)
  const { end } = event
  const css =
    isPrint(event) || event.lane === 'syscall' ? 'ink' : event.lane === 'js' ? end : 'muted'
  const at = layout.textX[end]
  const shown = lines.map((line, index) =>
    text(at, y + LINE - 4 + index * LINE, css, line, end === 'server' ? 'end' : 'start'),
  )
  return [tick(event.lane === 'syscall', end, y, layout), ...shown].join('\n')
}

/** What joins a text to its lifeline: a dot for JavaScript, a triangle for the kernel's door. */
function tick(isCall: boolean, end: 'server' | 'client', y: number, { x, slots }: Layout): string {
  const at = round(x(end, slots[end] - 1) + (end === 'server' ? -1 : 1) * (BAR / 2 + 4.5))
  const middle = y + LINE / 2
  if (!isCall) return `<circle class="${end}" cx="${at}" cy="${middle}" r="2.4"/>`
  const tip = end === 'server' ? 6 : -6
  return `<path class="ink" d="M${at + tip / 2} ${middle}l${-tip} -3.5v7z"/>`
}

/** A state's name, as a flag on the bar that begins there. */
function flag(event: StateEvent, y: number, { x, textX, slotOf, labelOf }: Layout): string {
  const { end, to } = event
  const name = `${labelOf(event)}${to}`
  const width = round(name.length * FLAG + 12)
  const bar = x(end, slotOf(event)) + (end === 'server' ? -BAR / 2 : BAR / 2)
  const edge = textX[end] + (end === 'server' ? 2 : -2)
  const left = round(end === 'server' ? edge - width : edge)
  const css = stateClass(to)
  const top = y + 1.5
  const middle = top + 8
  const leader = `<rect class="s-${css}" x="${round(Math.min(bar, edge))}" y="${middle - 1}" width="${round(Math.abs(edge - bar))}" height="2"/>`
  const pill = `<rect class="s-${css}" x="${left}" y="${top}" width="${width}" height="16" rx="4"/>`
  return `${leader}\n${pill}\n${text(left + width / 2, top + 11.8, 'on flag', name, 'middle')}`
}

function arrow(event: PacketEvent, y: number, { x, slotOf, labelOf }: Layout): string {
  const { end } = event
  const slot = slotOf(event)
  const inwards = (which: 'server' | 'client') =>
    round(x(which, slot) + (which === 'server' ? 1 : -1) * (BAR / 2 + 1))
  const [from, to] = [inwards(end), inwards(peerOf(end))]
  const fate = fateOf(event)
  const isAlarm =
    fate !== 'arrived' || event.flags.includes('R') || / again/.test(event.means ?? '')
  const css = isAlarm ? 'alarm' : end
  const start = y + 9
  const more = event.count === undefined ? '' : ' more'
  const wire = `class="wire from-${css}${more}"`
  // What is lost gets less than half of the way, and ends in a cross.
  const line =
    fate === 'lost'
      ? `<path ${wire} d="M${from} ${start}L${round(from + (to - from) * LOST)} ${round(start + SLOPE * LOST)}m-4 -4l8 8m0 -8l-8 8"/>`
      : `<path ${wire} d="M${from} ${start}L${to} ${start + SLOPE}" marker-end="url(#to-${css})"/>`
  const label = packetLabel(event, labelOf(event))
  const middle = (x('server', 0) + x('client', 0)) / 2
  return `${line}\n${onLine(middle, start + SLOPE / 2, `${css} label`, label)}`
}

/** Text on a line, which is interrupted for it. */
function onLine(x: number, y: number, css: string, content: string): string {
  const width = round(content.length * LABEL + 8)
  const ground = `<rect class="ground" x="${round(x - width / 2)}" y="${y - 7}" width="${width}" height="14"/>`
  return `${ground}\n${text(x, y + 4, css, content, 'middle')}`
}

function text(x: number, y: number, css: string, content: string, anchor = 'start'): string {
  const anchored = anchor === 'start' ? '' : ` text-anchor="${anchor}"`
  return `<text x="${round(x)}" y="${round(y)}" class="${css}"${anchored}>${escapeXml(content)}</text>`
}

const round = (value: number): number => Math.round(value * 10) / 10

function escapeXml(content: string): string {
  return content
    .split('\n')
    .map(printable)
    .join('\n')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
}
