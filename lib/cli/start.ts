/** `npm start`: shows the catalogue, runs an example, prints its timeline. */

import { type CatalogueChapter, entryOf, findEntry, loadChapters } from '#lib/catalogue/index.ts'
import { didYouMean } from '#lib/program/nearest.ts'
import { complain } from '#lib/program/one-line.ts'
import { parseWords, problem } from './arguments.ts'
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

await runCommand(main)

async function main(args: string[]): Promise<number> {
  const parsed = readArguments(args)
  if ('error' in parsed) {
    complain(`${parsed.error} (see npm start -- --help)`)
    return 2
  }
  if (parsed.help) {
    console.log(USAGE)
    return 0
  }
  const chapters = await loadChapters()
  const list = renderList(chapters, terminalColumns(), wantsColor())
  if (parsed.list) {
    console.log(list)
    return 0
  }
  if (parsed.name !== undefined) {
    const found = findEntry(chapters, parsed.name)
    if ('entry' in found) return showExample(found.entry, chapters, parsed.all)
    const name = JSON.stringify(found.unknown)
    complain(`no example ${name}${didYouMean(found.nearest, 'npm start -- --list')}`)
    return 2
  }
  if (process.stdin.isTTY && process.stdout.isTTY) return pickAndShow(chapters)
  console.log(`${list}\n`)
  if (stdoutIsBroken()) return 0
  return showExample(entryOf(chapters, DEFAULT_EXAMPLE), chapters)
}

function readArguments(
  args: string[],
): { error: string } | { name: string | undefined; all: boolean; list: boolean; help: boolean } {
  try {
    const { values, positionals } = parseWords('npm start', args, {
      all: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    })
    if (positionals.length > 1)
      return { error: `one example at a time, got ${positionals.join(' ')}` }
    const { all, list, help } = values
    return { name: positionals[0], all, list, help }
  } catch (error) {
    return { error: problem(error) }
  }
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
