import pc from 'picocolors'
import wrapAnsi from 'wrap-ansi'
import { type CatalogueEntry, type Role, scriptName } from '../catalogue/index.ts'
import { Condenser } from '../trace/condense.ts'
import { Merger } from '../trace/merge.ts'
import type { TraceEvent } from '../trace/recording.ts'
import { type TextStyle, TextTimeline } from '../trace/render-text.ts'
import { runExample } from '../trace/run-example.ts'
import { readerIsGone, terminalColumns, wantsColor } from './terminal.ts'

/** The exit code of a run that was ended by Ctrl-C, as shells have it. */
export const INTERRUPTED = 130

/** How late an event may reach us and still be shown in its place. */
const HOLD_MS = 100

/** Runs an example, prints its timeline, and returns the exit code that says how it went. */
export async function showExample(entry: CatalogueEntry): Promise<number> {
  const { example } = entry
  if (example.needs === 'linux' && process.platform !== 'linux') {
    console.log(`${entry.id} needs Linux: it reads kernel tables that only Linux has`)
    return 0
  }
  const style = { columns: terminalColumns(), color: wantsColor() }
  const { dim, red } = pc.createColors(style.color)
  const timeline = new TextTimeline(style)
  console.log(`${title(entry, style)}\n\n${timeline.header()}`)
  if (readerIsGone()) return 0

  // A terminal shows events as they happen; a file or a pipe gets them in perfect order at the end.
  const merger = new Merger(process.stdout.isTTY ? HOLD_MS : Number.POSITIVE_INFINITY)
  const condenser = new Condenser()
  const print = (events: TraceEvent[]) => {
    for (const event of events) console.log(timeline.event(event))
  }
  const shorten = (events: TraceEvent[]) => events.flatMap(event => condenser.push(event))
  const now = () => Number(process.hrtime.bigint())
  const ticker = setInterval(() => print(shorten(merger.ready(now()))), HOLD_MS / 2)
  const abort = new AbortController()
  const stop = () => {
    // Below the ^C that the terminal shows.
    if (process.stdout.isTTY && !abort.signal.aborted) console.log()
    abort.abort()
  }
  // `npm start | head`: nobody reads any more. End the programs as well.
  process.stdout.once('error', stop)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  try {
    const result = await runExample(entry, {
      onEvent: event => merger.push(event),
      signal: abort.signal,
    })
    print([...shorten(merger.flush()), ...condenser.flush()])
    if (abort.signal.aborted) {
      if (process.stdout.destroyed) return 0
      console.log(`\n${dim('stopped; both programs have ended')}`)
      return INTERRUPTED
    }
    if (result.trouble !== undefined) {
      console.error(`\n${red(result.trouble)}`)
      return 1
    }
    console.log(`\n${byHand(entry, style)}`)
    return result.client?.code === 0 ? 0 : 1
  } finally {
    clearInterval(ticker)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, stop)
  }
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

const quote = (arg: string): string => (/^[\w./:=-]+$/.test(arg) ? arg : JSON.stringify(arg))

/** The two commands that do the same in two terminals. */
function byHand(entry: CatalogueEntry, { color }: TextStyle): string {
  const { dim } = pc.createColors(color)
  const second = entry.example.demo ? 'demo' : 'client'
  const lines = (['server', second] satisfies Role[]).map(role => {
    const { args = [] } = entry.example[role] ?? {}
    const flags = args.length > 0 ? ` -- ${args.map(quote).join(' ')}` : ''
    return `  npm run ${scriptName(entry, role)}${flags}`
  })
  return [dim('The same by hand, in two terminals:'), ...lines].join('\n')
}
