import { printable } from './describe.ts'
import { fateOf } from './fate.ts'
import { shortcomings } from './lanes.ts'
import { describePlace, endName } from './place.ts'
import type { End, Place, Recording, TraceEvent } from './recording.ts'
import { isPrint } from './render-text.ts'

/**
 * A recording as a Mermaid sequence diagram, which GitHub draws where it stands in a fence:
 * packets go from one participant to the other, everything else is a note at its own.
 *
 * @see https://mermaid.js.org/syntax/sequenceDiagram.html
 */
export function renderMermaid({ meta, events }: Recording): string {
  const { example, kernel, node, date } = meta
  const head = `${example}, recorded on ${kernel}, Node ${node}, ${date}`
  return [
    'sequenceDiagram',
    `  %% ${comment(head)}`,
    ...[...describePlace(meta), ...shortcomings(meta)].map(line => `  %% ${comment(line)}`),
    `  ${participant('server', meta)}`,
    `  ${participant('client', meta)}`,
    ...groups(events).map(group => `  ${statement(group)}`),
    '',
  ].join('\n')
}

function participant(end: End, place: Place): string {
  const name = endName(end, place)
  return name === end ? `participant ${end}` : `participant ${end} as ${escaped(name)}`
}

/** Events that share a note: neighbours of one end that are no packets, a few at a time. */
function groups(events: readonly TraceEvent[]): TraceEvent[][] {
  const grouped: TraceEvent[][] = []
  for (const event of events) {
    const last = grouped.at(-1)
    const fits =
      last?.[0]?.end === event.end && last[0].lane !== 'packet' && event.lane !== 'packet'
    if (fits && last.length < 4) last.push(event)
    else grouped.push([event])
  }
  return grouped
}

function statement(group: readonly TraceEvent[]): string {
  const [event] = group
  if (event?.lane === 'packet') {
    const to = event.end === 'server' ? 'client' : 'server'
    const line = event.count === undefined ? '-' : '--'
    const arrow = `${line}${fateOf(event) === 'lost' ? 'x' : '>>'}`
    return `${event.end}${arrow}${to}: ${escaped(event.means ?? event.text)}`
  }
  const side = event?.end === 'server' ? 'left of server' : 'right of client'
  return `Note ${side}: ${group.map(each => escaped(lineOf(each))).join('<br/>')}`
}

function lineOf(event: TraceEvent): string {
  return isPrint(event) ? `› ${event.text}` : event.text
}

/**
 * Text that has no meaning to Mermaid: `;` ends a statement, `#` begins an entity, `%%` a comment,
 * `<` a tag, and a line `end` a block. Entities are decimal and written without `&`.
 */
function escaped(text: string): string {
  return printable(text)
    .replaceAll(/[#;%<>&"\\`{}|]/g, character => `#${character.charCodeAt(0)};`)
    .replaceAll(/\bend\b/gi, word => `#${word.charCodeAt(0)};${word.slice(1)}`)
}

const comment = (text: string): string => printable(text).replaceAll(/[{};%]/g, ' ')
