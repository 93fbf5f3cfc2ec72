import { AutocompletePrompt, isCancel } from '@clack/core'
import { wrapAnsi } from 'fast-wrap-ansi'
import pc from 'picocolors'
import { type CatalogueChapter, type CatalogueEntry, entriesOf } from '#lib/catalogue/index.ts'
import { terminalColumns, wantsColor } from './terminal.ts'

const MARGIN = 2
/** Lines of the picker beside the list: question and hints, each with an empty line. */
const AROUND = 5
/** How much of the list stands below a timeline, so that the timeline stays in sight. */
const SMALL_LIST = 5

/** What the reader has chosen: an example, and whether to see it in all four lanes. */
export interface Pick {
  entry: CatalogueEntry
  allLanes: boolean
}

/**
 * Lets the reader choose an example: arrow keys move, letters filter, Enter takes it, and Tab
 * switches between the JavaScript events alone and all four lanes.
 *
 * @param after the example that has just run: its successor is offered, in a short list that leaves
 * the timeline above in sight.
 * @returns the choice, or undefined when the reader wants to leave (Esc, Ctrl-C).
 */
export async function pickExample(
  chapters: readonly CatalogueChapter[],
  after?: Pick,
): Promise<Pick | undefined> {
  const entries = entriesOf(chapters)
  let allLanes = after?.allLanes ?? false
  const at = entries.findIndex(({ id }) => id === after?.entry.id) + 1
  const first = entries[at] ?? entries[0]
  const prompt = new AutocompletePrompt({
    options: entries.map(({ id }) => ({ value: id })),
    ...(first ? { initialValue: [first.id] } : {}),
    filter: (typed, { value }) =>
      matches(entries.find(({ id }) => id === value)!, typed.trim().toLowerCase()),
    validate: value => (value === undefined ? 'nothing to run' : undefined),
    render() {
      // Nothing of the picker stays behind: what the example shows comes next.
      if (this.state === 'submit' || this.state === 'cancel') return ''
      const shown = new Set<unknown>(this.filteredOptions.map(({ value }) => value))
      return renderPicker({
        entries: entries.filter(({ id }) => shown.has(id)),
        focused: this.focusedValue,
        typed: this.userInput,
        columns: terminalColumns(),
        lines: after ? SMALL_LIST : Math.max(SMALL_LIST, (process.stdout.rows || 24) - AROUND),
        color: wantsColor(),
        question: after ? 'What next?' : 'New here? Press Enter. Or which example?',
        allLanes,
      })
    },
  })
  prompt.on('key', (_character, { name }) => {
    if (name === 'tab') allLanes = !allLanes
  })
  const choice = await prompt.prompt()
  const entry = isCancel(choice) ? undefined : entries.find(({ id }) => id === choice)
  return entry && { entry, allLanes }
}

/** A reader may type any part of the id, of the sentence, or of the chapter's title. */
function matches({ id, chapter, example }: CatalogueEntry, typed: string): boolean {
  return `${id} ${chapter.title} ${example.shows}`.toLowerCase().includes(typed)
}

/** What the picker shows at one moment. */
interface PickerView {
  entries: readonly CatalogueEntry[]
  focused: unknown
  typed: string
  columns: number
  /** How many lines the list may take. */
  lines: number
  color: boolean
  question: string
  /** Whether all four lanes are switched on. */
  allLanes: boolean
}

/** The picker as text: chapters with their examples, each with its sentence. */
export function renderPicker(view: PickerView): string {
  const { bold, cyan, dim, yellow } = pc.createColors(view.color)
  const { entries, typed } = view
  const typedText = typed === '' ? dim('type to filter') : `${typed}█`
  const lines: string[] = []
  const starts = new Set<number>()
  let from = 0
  let to = 0
  const idWidth = Math.max(...entries.map(({ id }) => id.length), 0) + 2
  for (const [index, { id, chapter, example }] of entries.entries()) {
    starts.add(lines.length)
    if (chapter !== entries[index - 1]?.chapter) lines.push(bold(`${chapter.id} ${chapter.title}`))
    starts.add(lines.length)
    const indent = MARGIN + idWidth
    const focused = id === view.focused
    const [start = '', ...more] = sentenceLines(example.shows, view.columns - indent - 1, focused)
    if (focused) from = lines.length
    const padded = id.padEnd(idWidth)
    lines.push(
      focused ? `${cyan('❯')} ${bold(cyan(padded))}${start}` : `  ${cyan(padded)}${dim(start)}`,
      ...more.map(line => `${' '.repeat(indent)}${focused ? line : dim(line)}`),
    )
    if (focused) to = lines.length
  }
  if (entries.length === 0) lines.push(yellow(`no example has "${typed}" in it`))
  const switched = view.allLanes ? 'on' : 'off'
  const hints = ['↑↓ choose', 'Enter run', `Tab 4 levels: ${switched}`, 'Esc leave']
  const wide = hints.join('   ')
  return [
    `${bold(view.question)} ${typedText}`,
    '',
    ...windowOf(lines, { from, to, size: view.lines, starts }),
    '',
    dim(wide.length <= view.columns ? wide : hints.join(' ')),
  ].join('\n')
}

/** The whole sentence of the example in focus; of the others, what fits on one line. */
function sentenceLines(sentence: string, columns: number, isWhole: boolean): string[] {
  const width = Math.max(20, columns)
  const lines = wrapAnsi(sentence, width).split('\n')
  if (isWhole || lines.length === 1) return lines
  return [`${wrapAnsi(sentence, width - 2).split('\n')[0]} …`]
}

/**
 * At most `size` lines, with those from `from` up to `to` among them, in the middle if possible.
 * `starts`: where something begins. What does not fit as a whole is left out.
 */
function windowOf(
  lines: readonly string[],
  { from, to, size, starts }: { from: number; to: number; size: number; starts: Set<number> },
): string[] {
  const middle = Math.floor((from + to - size) / 2)
  let start = Math.max(0, Math.min(middle, lines.length - size))
  let end = Math.min(start + size, lines.length)
  while (start < from && !starts.has(start)) start++
  while (end > to && end < lines.length && !starts.has(end)) end--
  return lines.slice(start, end)
}
