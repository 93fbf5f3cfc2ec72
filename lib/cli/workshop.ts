/** `npm run workshop`: exercises, checked over the wire whenever the learner saves. */
import { randomInt } from 'node:crypto'
import { existsSync, readFileSync, watch } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import { closest } from 'fastest-levenshtein'
import { ROOT } from '../catalogue/index.ts'
import { type ListedExercise, loadExercises } from '../workshop/load.ts'
import { renderCheck, resultAsJson } from '../workshop/render.ts'
import { type CheckResult, runCheck } from '../workshop/run-check.ts'
import { Workspace } from '../workshop/workspace.ts'
import { letReaderGo, terminalColumns } from './terminal.ts'

const USAGE = `Exercises about sockets. Each is a file of yours, checked over the wire whenever you save it.

usage: npm run workshop                    goes on where you are
       npm run workshop -- list            all exercises, and which you have passed
       npm run workshop -- next            which is the next one, what to read, what to edit
       npm run workshop -- hint [id]       one more hint
       npm run workshop -- verify [id]     checks once; --all checks all that you have begun
       npm run workshop -- solution [id]   after passing, or with --reveal
       npm run workshop -- reset [id]      begins anew; your file is kept in workspace/backup; --all

  --no-watch   check once and end
  --json       results as JSON, for verify and list
  --seed N     repeat a check exactly
  --help

Other languages: npm run check -- --help`

const COMMANDS = ['', 'list', 'next', 'hint', 'verify', 'solution', 'reset'] as const
type Command = (typeof COMMANDS)[number]

interface Wish {
  command: Command
  id: string | undefined
  all: boolean
  reveal: boolean
  json: boolean
  watch: boolean
  seed: number | undefined
}

letReaderGo()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(0))
const workspace = new Workspace(process.env.WORKSHOP_FOLDER)
const exercises = await loadExercises()
async function main(args: string[]): Promise<number> {
  const wish = readArguments(args)
  if (wish === 'help') {
    console.log(USAGE)
    return 0
  }
  if (typeof wish === 'string') {
    console.error(`${wish} (see npm run workshop -- --help)`)
    return 2
  }
  const named = exercises.find(({ exercise }) => exercise.id === wish.id)
  const chosen = named ?? current()
  if (chosen === undefined && wish.command !== 'list' && !wish.all) {
    console.log(`${bar()}\nYou have passed them all. npm run workshop -- reset ID begins one anew.`)
    return 0
  }
  switch (wish.command) {
    case 'list':
      return list(wish.json)
    case 'next':
      show(chosen!)
      return 0
    case 'hint':
      return hint(chosen!)
    case 'verify':
      return verify(wish, chosen)
    case 'solution':
      return solution(chosen!, wish.reveal)
    case 'reset':
      return reset(wish.all ? exercises : [chosen!])
    default:
      return work(chosen!, wish)
  }
}

/** The first exercise that is not passed. */
function current(): ListedExercise | undefined {
  const { passed } = workspace.progress()
  return exercises.find(({ exercise }) => passed[exercise.id] === undefined)
}

function bar(): string {
  const { passed } = workspace.progress()
  const done = exercises.filter(({ exercise }) => passed[exercise.id] !== undefined).length
  const width = Math.max(5, Math.min(30, terminalColumns() - 30))
  const full = Math.round((width * done) / exercises.length)
  const line = `${'█'.repeat(full)}${'░'.repeat(width - full)}`
  return `Workshop  ${line}  ${done} of ${exercises.length} passed`
}

const near = (file: string): string => relative(process.cwd(), file)

/** Says which exercise it is, what to read, and which file to edit. */
function show(one: ListedExercise): void {
  const fresh = workspace.prepare(one)
  console.log(bar())
  console.log(`\n${one.chapter}  ${one.exercise.id}: ${one.exercise.title}`)
  console.log(`  read    ${near(join(ROOT, one.folder, 'README.md'))}`)
  console.log(`  edit    ${near(workspace.fileOf(one))}${fresh ? ' (made for you)' : ''}`)
  console.log('  stuck?  npm run workshop -- hint')
}

function list(json: boolean): number {
  const { passed } = workspace.progress()
  const rows = exercises.map(({ chapter, exercise: { id, title } }) => {
    return { chapter, id, title, passed: passed[id] ?? null }
  })
  if (json) console.log(JSON.stringify(rows, null, 2))
  else {
    console.log(`${bar()}\n`)
    for (const { chapter, id, title, passed } of rows) {
      console.log(`${passed ? '✓' : ' '} ${chapter}  ${id.padEnd(18)}  ${title}`)
    }
  }
  return 0
}

function hint({ exercise }: ListedExercise): number {
  const shown = Math.min(workspace.noteHint(exercise.id), exercise.hints.length - 1)
  console.log(
    `${exercise.id}, hint ${shown + 1} of ${exercise.hints.length}:\n${exercise.hints[shown]}`,
  )
  return 0
}

function solution(one: ListedExercise, reveal: boolean): number {
  const { id } = one.exercise
  if (!reveal && workspace.progress().passed[id] === undefined) {
    console.error(`${id} is not passed yet: pass it, or look at once with --reveal`)
    return 1
  }
  console.log(readFileSync(join(ROOT, one.folder, 'solution.ts'), 'utf8').trimEnd())
  return 0
}

function reset(chosen: readonly ListedExercise[]): number {
  for (const one of chosen) {
    const backup = workspace.reset(one, new Date())
    const kept = backup === undefined ? '' : `; yours is kept in ${near(backup)}`
    console.log(`${one.exercise.id} begins anew${kept}`)
  }
  return 0
}

function examine(one: ListedExercise, seed = randomInt(2 ** 31)): Promise<CheckResult> {
  const args = ['--import', 'tsx', workspace.fileOf(one)]
  const command = { file: process.execPath, args }
  return runCheck(one.exercise, { target: { command }, seed })
}

async function verify(wish: Wish, chosen: ListedExercise | undefined): Promise<number> {
  const begun = exercises.filter(one => existsSync(workspace.fileOf(one)))
  const wanted = wish.all ? begun : [chosen!]
  const results: CheckResult[] = []
  for (const one of wanted) {
    workspace.prepare(one)
    const result = await examine(one, wish.seed)
    results.push(result)
    if (result.passed) workspace.notePassed(result.id, new Date())
    if (!wish.json) console.log(`${one.exercise.id}\n${renderCheck(result, one.exercise)}\n`)
  }
  if (wish.json) console.log(JSON.stringify(results.map(resultAsJson), null, 2))
  else if (wish.all && results.length === 0) console.log('You have not begun any exercise yet.')
  return results.every(({ passed }) => passed) ? 0 : 1
}

/** Checks, and checks again whenever the file is saved, and goes on to the next one. */
async function work(first: ListedExercise, wish: Wish): Promise<number> {
  for (let one: ListedExercise | undefined = first; one; ) {
    show(one)
    const changes = new Changes(workspace.fileOf(one))
    let result: CheckResult
    for (;;) {
      changes.seen()
      console.log('\nchecking …')
      result = await examine(one, wish.seed)
      console.log(`${renderCheck(result, one.exercise)}\nseed ${result.seed}`)
      if (result.passed || !wish.watch) break
      console.log(`\nwaiting until you save ${near(workspace.fileOf(one))} (Ctrl-C ends)`)
      await changes.next()
    }
    changes.close()
    if (!result.passed) return 1
    workspace.notePassed(one.exercise.id, new Date())
    console.log(`A solution to compare with: npm run workshop -- solution ${one.exercise.id}\n`)
    if (!wish.watch) return 0
    one = current()
  }
  console.log(`${bar()}\nThat was the last one.`)
  return 0
}

/** Tells when a file has another content than before: also where an editor saves by renaming. */
class Changes {
  readonly #file: string
  readonly #watcher: ReturnType<typeof watch>
  #content: string | undefined
  #changed: (() => void) | undefined

  constructor(file: string) {
    this.#file = file
    // The folder, not the file: the file may be replaced by another one of that name.
    this.#watcher = watch(join(file, '..'), () => this.#changed?.())
  }

  seen(): void {
    this.#content = this.#read()
  }

  /** Settles when the file is there and has changed since `seen`. */
  async next(): Promise<void> {
    for (;;) {
      const now = this.#read()
      // An editor that writes in two steps leaves it empty, or missing, for a moment.
      if (now !== undefined && now !== '' && now !== this.#content) return
      await new Promise<void>(resolve => {
        this.#changed = resolve
      })
    }
  }

  close(): void {
    this.#watcher.close()
  }

  #read(): string | undefined {
    return existsSync(this.#file) ? readFileSync(this.#file, 'utf8') : undefined
  }
}

function readArguments(args: string[]): Wish | 'help' | string {
  const flag = { type: 'boolean', default: false } as const
  try {
    const { values, positionals } = parseArgs({
      args,
      options: {
        all: flag,
        reveal: flag,
        json: flag,
        'no-watch': flag,
        seed: { type: 'string' },
        help: { ...flag, short: 'h' },
      },
      allowPositionals: true,
    })
    if (values.help) return 'help'
    const [command = '', id, ...more] = positionals
    const known = COMMANDS.find(candidate => candidate === command)
    if (known === undefined) {
      const meant = closest(command, COMMANDS.slice(1))
      return `no command "${command}": did you mean ${meant}?`
    }
    if (more.length > 0) return `one exercise at a time, got ${positionals.slice(1).join(' ')}`
    const ids = exercises.map(({ exercise }) => exercise.id)
    if (id !== undefined && !ids.includes(id)) {
      return `no exercise "${id}": did you mean ${closest(id, ids)}?`
    }
    if (values.seed !== undefined && !/^\d{1,10}$/.test(values.seed)) {
      return `--seed needs a whole number, got "${values.seed}"`
    }
    const { all, reveal, json } = values
    const seed = values.seed === undefined ? undefined : Number(values.seed)
    return { command: known, id, all, reveal, json, watch: !values['no-watch'], seed }
  } catch (error) {
    return (error as Error).message.split('. ')[0]!
  }
}

process.exitCode = await main(process.argv.slice(2))
