/** `npm start`: shows the catalogue, runs an example, prints its timeline. */

import { type CatalogueChapter, entryOf, findEntry, loadChapters } from '#lib/catalogue/index.ts'
import { didYouMean } from '#lib/program/nearest.ts'
import { ArgumentError, UsageError } from './arguments.ts'
import { INTERRUPTED } from './live-run.ts'
import type { Pick } from './pick.ts'
import { renderList } from './render-list.ts'
import { runCommand } from './run-command.ts'
import { showExample } from './show-example.ts'
import { stdoutIsBroken, terminalColumns, wantsColor } from './terminal.ts'

const USAGE = `Runs an example of the kit: its server and its client together, as one timeline.

usage: npm start                    choose in the terminal; Tab there shows all four levels
       npm start 02                 run the first example of a chapter
       npm start 02/echo            run one example
       npm start -- 02/echo --all   the same with every line, where a timeline is long
       npm start -- --list          list chapters and examples

Without a terminal and without a name: prints the list and runs 02/echo.`

const DEFAULT_EXAMPLE = '02/echo'

await runCommand({
  name: 'npm start',
  usage: USAGE,
  flags: { all: { type: 'boolean', default: false }, list: { type: 'boolean', default: false } },
  run: start,
})

async function start(flags: { all: boolean; list: boolean }, names: string[]): Promise<number> {
  if (names.length > 1) throw new ArgumentError(`one example at a time, got ${names.join(' ')}`)
  const [name] = names
  const chapters = await loadChapters()
  const list = renderList(chapters, terminalColumns(), wantsColor())
  if (flags.list) {
    console.log(list)
    return 0
  }
  if (name !== undefined) {
    const found = findEntry(chapters, name)
    if ('entry' in found) return showExample(found.entry, chapters, flags.all)
    const advice = didYouMean(found.nearest, 'npm start -- --list')
    throw new UsageError(`no example ${JSON.stringify(found.unknown)}${advice}`)
  }
  if (process.stdin.isTTY && process.stdout.isTTY) return pickAndShow(chapters)
  console.log(`${list}\n`)
  if (stdoutIsBroken()) return 0
  return showExample(entryOf(chapters, DEFAULT_EXAMPLE), chapters)
}

/** Lets the reader choose and run one example after the other, until Esc or Ctrl-C. */
async function pickAndShow(chapters: readonly CatalogueChapter[]): Promise<number> {
  // Loaded here, because only a terminal needs them.
  const [{ pickExample }, { showTrace }] = await Promise.all([
    import('./pick.ts'),
    import('./show-trace.ts'),
  ])
  let picked: Pick | undefined
  for (;;) {
    picked = await pickExample(chapters, picked)
    if (!picked) return 0
    const { entry, allLanes } = picked
    const code = await (allLanes ? showTrace(entry) : showExample(entry, chapters))
    if (code === INTERRUPTED) return code
    console.log()
  }
}
