import { wrapAnsi } from 'fast-wrap-ansi'
import pc from 'picocolors'
import type { CatalogueChapter, CatalogueEntry } from '#lib/catalogue/index.ts'
import { type RunResult, runExample } from '#lib/observe/run-example.ts'
import { Condenser } from '#lib/trace/condense.ts'
import { LineBudget } from '#lib/trace/line-budget.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { type TextStyle, TextTimeline } from '#lib/trace/render-text.ts'
import { lastWords } from './last-words.ts'
import { INTERRUPTED, inPlace, runLive } from './live-run.ts'
import { stdoutIsBroken, terminalColumns, wantsColor } from './terminal.ts'

/** How late an event may reach us and still be shown in its place. */
const HOLD_MS = 100

/** What fits on a screen or two together with what stands above and below it. */
const LINES = { full: 22, most: 26 }
const UNLIMITED = { full: Number.POSITIVE_INFINITY, most: Number.POSITIVE_INFINITY }

/**
 * Runs an example, prints its timeline, and returns the exit code that says how it went.
 *
 * @param all every line of a timeline, however long it is.
 */
export async function showExample(
  entry: CatalogueEntry,
  chapters: readonly CatalogueChapter[],
  all = false,
): Promise<number> {
  if (reportCannotRun(entry)) return 0
  const style = { columns: terminalColumns(), color: wantsColor() }
  const timeline = new TextTimeline(style)
  console.log(`${title(entry, style)}\n\n${timeline.header()}`)
  if (stdoutIsBroken()) return 0

  const condenser = new Condenser()
  const condensed: TraceEvent[] = []
  const linesOf = (event: TraceEvent) => new TextTimeline(style).event(event).split('\n').length
  const budget = new LineBudget(all ? UNLIMITED : LINES, linesOf)
  const show = (events: TraceEvent[]) => {
    for (const event of events) console.log(timeline.event(event))
  }
  const print = (events: TraceEvent[]) => {
    condensed.push(...events)
    show(events.flatMap(event => budget.push(event)))
  }
  const ended = await runLive({
    run: options => runExample(entry, options),
    show: events =>
      print(
        inPlace(
          events.flatMap(event => condenser.push(event)),
          () => condenser.flush(),
        ),
      ),
    holdMs: HOLD_MS,
  })
  print(condenser.flush())
  show(budget.flush())
  if (budget.hasFolded && !ended.stopped) {
    console.log(pc.createColors(style.color).dim(`\nevery line: npm start -- ${entry.id} --all`))
  }
  return exitCodeOf(ended, lastWords(entry, chapters, condensed, style))
}

/** Says so where this machine cannot run an example. */
export function reportCannotRun({ id, example }: CatalogueEntry): boolean {
  if (example.needs !== 'linux' || process.platform === 'linux') return false
  console.log(`${id} needs Linux: it reads kernel tables that only Linux has`)
  return true
}

/** Says how a run ended, with a last word where it went well, and returns the exit code. */
export function exitCodeOf(
  { result, stopped }: { result: RunResult; stopped: boolean },
  lastWord: string,
): number {
  const { dim, red } = pc.createColors(wantsColor())
  if (stopped) {
    if (stdoutIsBroken()) return 0
    console.log(`\n${dim('stopped; both programs have ended')}`)
    return INTERRUPTED
  }
  if (result.trouble !== undefined) {
    console.error(`\n${red(result.trouble)}`)
    return 1
  }
  console.log(`\n${lastWord}`)
  return result.client?.code === 0 ? 0 : 1
}

/** What is about to run, and how to read what follows. */
function title({ id, example }: CatalogueEntry, { columns, color }: TextStyle): string {
  const { bold, dim } = pc.createColors(color)
  return [
    wrapAnsi(`${bold(id)}  ${example.shows}`, columns),
    dim(
      wrapAnsi(
        'What both programs see and do. › is what they print, #2 the second socket of that end.',
        columns,
      ),
    ),
  ].join('\n')
}
