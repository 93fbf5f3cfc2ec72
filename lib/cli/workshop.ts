/** `npm run workshop`: exercises, checked over the wire whenever the learner saves. */
import { randomInt } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { ROOT } from '#lib/catalogue/index.ts'
import { didYouMean, nearest } from '#lib/program/nearest.ts'
import { type ListedExercise, loadExercises } from '#lib/workshop/load-exercises.ts'
import { renderOutcome, renderStep, resultAsJson, wrapped } from '#lib/workshop/render.ts'
import {
  type CheckOptions,
  type CheckResult,
  exitCodeOf,
  runCheck,
} from '#lib/workshop/run-check.ts'
import { Workspace, WorkspaceError } from '#lib/workshop/workspace.ts'
import { ArgumentError, endOnSignals, SEEDS, seconds, wholeNumber } from './arguments.ts'
import { runCommand } from './run-command.ts'
import { SolutionWatcher } from './solution-watcher.ts'
import { sentenceColumns, terminalColumns } from './terminal.ts'

const USAGE = `Exercises about sockets. Each is a file of yours, checked over the wire whenever you save it.

usage: npm run workshop                    goes on where you are
       npm run workshop -- tcp-echo        works on that exercise
       npm run workshop -- list            all exercises, and which you have passed
       npm run workshop -- next            which is the next one, what to read, what to edit
       npm run workshop -- hint [id]       one more hint
       npm run workshop -- verify [id]     checks once; --all checks all that you have begun
       npm run workshop -- solution [id]   after passing, or with --reveal
       npm run workshop -- reset [id]      begins anew; your file is kept in workspace/backup;
                                           --all resets all that you have begun

  --no-watch   check once and end
  --json       results as JSON, for verify and list
  --seed N     repeat a check exactly
  --start-timeout S  how long your program may take until it listens, in seconds (10)
  --help

Other languages: npm run check -- --help`

const COMMANDS = ['', 'list', 'next', 'hint', 'verify', 'solution', 'reset'] as const
type Command = (typeof COMMANDS)[number]

interface Arguments {
  command: Command
  id: string | undefined
  all: boolean
  reveal: boolean
  json: boolean
  watch: boolean
  seed: number | undefined
  startMs: number | undefined
}

interface Flags {
  all: boolean
  reveal: boolean
  json: boolean
  'no-watch': boolean
  seed?: string | undefined
  'start-timeout'?: string | undefined
}

const NOTHING_BEGUN = 'You have not begun any exercise yet.'

endOnSignals(0)
const workspace = new Workspace(process.env.WORKSHOP_FOLDER)
let exercises: readonly ListedExercise[] = []

async function workshop(flags: Flags, words: string[]): Promise<number> {
  exercises = await loadExercises()
  const given = readArguments(flags, words)
  const named = exercises.find(({ exercise }) => exercise.id === given.id)
  const chosen = named ?? (given.command === 'solution' ? latest() : undefined) ?? current()
  if (chosen === undefined && given.command !== 'list' && !given.all) {
    console.log(bar())
    say('You have passed them all. npm run workshop -- reset ID begins one anew.')
    return 0
  }
  switch (given.command) {
    case 'list':
      return list(given.json)
    case 'next':
      show(chosen!)
      return 0
    case 'hint':
      return hint(chosen!)
    case 'verify':
      return verify(given, chosen)
    case 'solution':
      return solution(chosen!, given.reveal)
    case 'reset':
      return reset(given.all ? begun() : [chosen!])
    default:
      return work(chosen!, given)
  }
}

/** The first exercise that is not passed: behind that one, or else from the beginning. */
function current(behind?: ListedExercise): ListedExercise | undefined {
  const { passed } = workspace.progress()
  const from = behind === undefined ? 0 : exercises.indexOf(behind)
  const inOrder = [...exercises.slice(from), ...exercises.slice(0, from)]
  return inOrder.find(({ exercise }) => passed[exercise.id] === undefined)
}

/** The exercise that was passed last. */
function latest(): ListedExercise | undefined {
  const { passed } = workspace.progress()
  const when = ({ exercise }: ListedExercise) => passed[exercise.id] ?? ''
  const done = exercises.filter(one => when(one) !== '')
  return done.sort((a, b) => when(b).localeCompare(when(a)))[0]
}

function bar(): string {
  const { passed } = workspace.progress()
  const done = exercises.filter(({ exercise }) => passed[exercise.id] !== undefined).length
  const width = Math.max(5, Math.min(30, terminalColumns() - 30))
  const full = Math.round((width * done) / exercises.length)
  const line = `${'█'.repeat(full)}${'░'.repeat(width - full)}`
  return `Workshop  ${line}  ${done} of ${exercises.length} passed`
}

/** Prints a sentence, in lines that fit. */
const say = (sentence: string, before = ''): void =>
  console.log(wrapped(sentence, sentenceColumns(), before))

const near = (file: string): string => relative(process.cwd(), file)

/** Says which exercise it is, what to read, and which file to edit. */
function show(one: ListedExercise): void {
  const fresh = workspace.prepare(one)
  console.log(bar())
  console.log()
  say(`${one.exercise.id}: ${one.exercise.title}`, `${one.chapter}  `)
  say(`read    ${near(join(ROOT, one.folder, 'README.md'))}`, '  ')
  say(`edit    ${near(workspace.fileOf(one))}${fresh ? ' (made for you)' : ''}`, '  ')
  say('stuck?  npm run workshop -- hint', '  ')
}

function list(json: boolean): number {
  const { passed } = workspace.progress()
  const rows = exercises.map(({ chapter, exercise: { id, title } }) => {
    return { chapter, id, title, passed: passed[id] ?? null }
  })
  if (json) console.log(JSON.stringify(rows, null, 2))
  else {
    console.log(`${bar()}\n`)
    const padding = terminalColumns() < 60 ? 0 : 18
    for (const { chapter, id, title, passed } of rows) {
      say(`${id.padEnd(padding)}  ${title}`, `${passed ? '✓' : ' '} ${chapter}  `)
    }
  }
  return 0
}

function hint({ exercise }: ListedExercise): number {
  const shown = Math.min(workspace.noteHint(exercise.id), exercise.hints.length - 1)
  say(`${exercise.id}, hint ${shown + 1} of ${exercise.hints.length}:`)
  say(exercise.hints[shown]!)
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
    say(`${one.exercise.id} begins anew${kept}`)
  }
  if (chosen.length === 0) say(NOTHING_BEGUN)
  return 0
}

/** Checks the learner's file. Each step is printed when it is over, unless JSON is asked for. */
async function examine(
  one: ListedExercise,
  { seed = randomInt(2 ** 31), json, startMs }: Arguments,
  signal?: AbortSignal,
): Promise<CheckResult> {
  const args = ['--import', 'tsx', workspace.fileOf(one)]
  const target = { command: { file: process.execPath, args } }
  if (json) return runCheck(one.exercise, { target, seed, startMs })
  const onStep: CheckOptions['onStep'] = step => console.log(renderStep(step, sentenceColumns()))
  const result = await runCheck(one.exercise, { target, seed, startMs, signal, onStep })
  if (!signal?.aborted) {
    console.log(`${renderOutcome(result, one.exercise, sentenceColumns())}\nseed ${seed}`)
  }
  return result
}

/** The exercises of which the learner has a file. */
const begun = (): ListedExercise[] => exercises.filter(one => existsSync(workspace.fileOf(one)))

/** Notes that an exercise is passed. Where that fails, says so: the result itself is still shown. */
function noted(id: string): boolean {
  try {
    workspace.notePassed(id, new Date())
    return true
  } catch (error) {
    if (!(error instanceof WorkspaceError)) throw error
    console.error(error.message)
    return false
  }
}

async function verify(given: Arguments, chosen: ListedExercise | undefined): Promise<number> {
  const wanted = given.all ? begun() : [chosen!]
  const results: CheckResult[] = []
  let unnoted = 0
  for (const one of wanted) {
    workspace.prepare(one)
    if (!given.json) console.log(`${results.length > 0 ? '\n' : ''}${one.exercise.id}`)
    const result = await examine(one, given)
    results.push(result)
    if (result.passed && !noted(result.id)) unnoted++
  }
  if (given.json) console.log(JSON.stringify(results.map(resultAsJson), null, 2))
  else if (given.all && results.length === 0) say(NOTHING_BEGUN)
  return exitCodeOf(results) || Math.min(unnoted, 1)
}

/** Checks, and checks again whenever the file is saved, and goes on to the next one. */
async function work(first: ListedExercise, given: Arguments): Promise<number> {
  for (let one: ListedExercise | undefined = first; one; ) {
    show(one)
    const result = given.watch ? await untilPassed(one, given) : await examine(one, given)
    if (!result.passed) return exitCodeOf([result])
    workspace.notePassed(one.exercise.id, new Date())
    say(`A solution to compare with: npm run workshop -- solution ${one.exercise.id}`)
    console.log()
    if (!given.watch) return 0
    one = current(one)
  }
  console.log(`${bar()}\nThat was the last one.`)
  return 0
}

/**
 * Checks whenever there is a reason to, also while a check is under way: that one is given up.
 */
async function untilPassed(one: ListedExercise, given: Arguments): Promise<CheckResult> {
  const file = workspace.fileOf(one)
  const watcher = new SolutionWatcher(file)
  try {
    for (;;) {
      const savedAgain = new AbortController()
      const saved = watcher.next().then(() => savedAgain.abort())
      console.log('\nchecking …')
      const result = await examine(one, given, savedAgain.signal)
      if (result.passed && !savedAgain.signal.aborted) return result
      if (!savedAgain.signal.aborted) {
        console.log()
        say(`waiting until you save ${near(file)} (Enter checks again, Ctrl-C ends)`)
        if (!existsSync(file)) say('it is gone: npm run workshop -- next makes it anew')
      }
      await saved
    }
  } finally {
    watcher.close()
  }
}

/** @throws {ArgumentError} */
function readArguments(flags: Flags, given: readonly string[]): Arguments {
  const ids = exercises.map(({ exercise }) => exercise.id)
  // An exercise alone: work on it.
  const words = ids.includes(given[0] ?? '') ? ['', ...given] : given
  const [command = '', id, ...more] = words
  // An empty word is no command: a variable of the reader's may be empty.
  const known = given[0] === '' ? undefined : COMMANDS.find(each => each === command)
  if (known === undefined) {
    const advice = didYouMean(
      nearest(command, [...COMMANDS.slice(1), ...ids]),
      'npm run workshop -- --help',
    )
    throw new ArgumentError(`no command or exercise "${command}"${advice}`)
  }
  if (more.length > 0)
    throw new ArgumentError(`one exercise at a time, got ${words.slice(1).join(' ')}`)
  if (id !== undefined && !ids.includes(id)) {
    const advice = didYouMean(nearest(id, ids), 'npm run workshop -- list')
    throw new ArgumentError(`no exercise "${id}"${advice}`)
  }
  const seed = wholeNumber('--seed', flags.seed, ...SEEDS)
  const startMs = seconds('--start-timeout', flags['start-timeout'])
  const { all, reveal, json } = flags
  if (all && known !== 'verify' && known !== 'reset')
    throw new ArgumentError('--all goes with verify and reset')
  if (json && known !== 'verify' && known !== 'list')
    throw new ArgumentError('--json goes with verify and list')
  if (reveal && known !== 'solution') throw new ArgumentError('--reveal goes with solution')
  return { command: known, id, all, reveal, json, watch: !flags['no-watch'], seed, startMs }
}

const flag = { type: 'boolean', default: false } as const

await runCommand({
  name: 'npm run workshop',
  usage: USAGE,
  flags: {
    all: flag,
    reveal: flag,
    json: flag,
    'no-watch': flag,
    seed: { type: 'string' },
    'start-timeout': { type: 'string' },
  },
  run: workshop,
})
