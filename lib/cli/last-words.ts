import { wrapAnsi } from 'fast-wrap-ansi'
import pc from 'picocolors'
import {
  type CatalogueChapter,
  type CatalogueEntry,
  entriesOf,
  type Role,
  scriptName,
} from '#lib/catalogue/index.ts'
import { passageOf } from '#lib/pages/passage.ts'
import { printable } from '#lib/trace/describe.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { isPrint, type TextStyle } from '#lib/trace/render-text.ts'

/**
 * What stands below the timeline of a run: the two commands that do the same, what the client
 * printed, and where to read on.
 *
 * @param events the timeline, as it was shown.
 */
export function lastWords(
  entry: CatalogueEntry,
  chapters: readonly CatalogueChapter[],
  events: readonly TraceEvent[],
  style: TextStyle,
): string {
  const parts = [
    byHand(entry, style),
    printed(entry, events, style),
    reading(entry, chapters, style),
  ]
  return parts.filter(part => part !== '').join('\n\n')
}

/** The program that runs in the client's place. */
const clientRole = ({ example }: CatalogueEntry): Role => (example.demo ? 'demo' : 'client')

const quote = (arg: string): string => (/^[\w./:=-]+$/.test(arg) ? arg : JSON.stringify(arg))

/** The two commands that do the same in two terminals. */
function byHand(entry: CatalogueEntry, { color }: TextStyle): string {
  const { dim } = pc.createColors(color)
  const lines = (['server', clientRole(entry)] satisfies Role[]).map(role => {
    const { args = [] } = entry.example[role] ?? {}
    const flags = args.length > 0 ? ` -- ${args.map(quote).join(' ')}` : ''
    return `  npm run ${scriptName(entry, role)}${flags}`
  })
  return [dim('The same by hand, in two terminals:'), ...lines].join('\n')
}

/** The client's own lines, which the timeline shows in a narrow column. */
function printed(
  entry: CatalogueEntry,
  events: readonly TraceEvent[],
  { columns, color }: TextStyle,
): string {
  const lines = events
    .filter(event => event.end === 'client' && isPrint(event))
    .flatMap(({ text }) => wrapAnsi(printable(text), columns - 2, { hard: true }).split('\n'))
    .map(line => `  ${line}`)
  if (lines.length === 0) return ''
  const { dim } = pc.createColors(color)
  return [dim(`The ${clientRole(entry)} printed:`), ...lines].join('\n')
}

/** Where the example is explained, and what comes after it. */
function reading(
  entry: CatalogueEntry,
  chapters: readonly CatalogueChapter[],
  { columns, color }: TextStyle,
): string {
  const { dim } = pc.createColors(color)
  const passage = passageOf(entry)
  const ids = entriesOf(chapters).map(({ id }) => id)
  const following = ids[ids.indexOf(entry.id) + 1]
  const next = following === undefined ? 'npm run workshop' : `npm start ${following}`
  if (!passage) return dim(`next: ${next}`)
  const sentences = [`explained in ${passage.file}, “${passage.heading}”;`, `next: ${next}`]
  const line = sentences.join(' ')
  return dim(line.length <= columns ? line : wrapAnsi(sentences.join('\n'), columns))
}
