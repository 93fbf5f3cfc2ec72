/** `npm run check -- tcp-echo --port 9000`: the checks of an exercise against any program. */
import { randomInt } from 'node:crypto'
import { wrapAnsi } from 'fast-wrap-ansi'
import { didYouMean, nearest } from '#lib/program/nearest.ts'
import { type ListedExercise, loadExercises } from '#lib/workshop/load-exercises.ts'
import { renderOutcome, renderStep, resultAsJson, wrapped } from '#lib/workshop/render.ts'
import { type CheckOptions, exitCodeOf, runCheck } from '#lib/workshop/run-check.ts'
import { ArgumentError, endOnSignals, SEEDS, seconds, wholeNumber } from './arguments.ts'
import { readersFolder, runCommand } from './run-command.ts'
import { sentenceColumns, terminalColumns } from './terminal.ts'

const USAGE = `Checks a program of yours, in any language, over the wire.

usage: npm run check -- tcp-echo --port 9000                  a server that runs
       npm run check -- tcp-echo --command 'python3 echo.py'  a program that is started; the port is
                                                              in the environment variable PORT
       npm run check -- --list                                the exercises, and their protocols in words
       npm run check -- tcp-echo --list                       one of them

  --udp      the server speaks UDP; may be left out: each exercise knows
  --seed N   repeat a run exactly (each run prints its seed)
  --json     the result as JSON (npm run -s check -- …)
  --start-timeout S  how long a program may take until it listens, in seconds (10);
             for one that is compiled first
  --help

Exit code: 0 passed, 1 failed, 2 wrong usage, 3 inconclusive (the machine was too busy to judge a step).`

endOnSignals()
await runCommand({
  name: 'npm run check',
  usage: USAGE,
  flags: {
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    udp: { type: 'boolean', default: false },
    port: { type: 'string' },
    command: { type: 'string' },
    seed: { type: 'string' },
    'start-timeout': { type: 'string' },
  },
  run: ({ 'start-timeout': start, port, seed, ...flags }, ids) => {
    if (ids.length > 1) throw new ArgumentError(`one exercise at a time, got ${ids.join(' ')}`)
    return check({
      ...flags,
      id: ids[0],
      command: flags.command,
      port: wholeNumber('--port', port, 1, 65_535),
      seed: wholeNumber('--seed', seed, ...SEEDS),
      startMs: seconds('--start-timeout', start),
    })
  },
})

async function check(given: Arguments): Promise<number> {
  const exercises = await loadExercises()
  const wrong = problemOf(given, exercises)
  if (wrong !== undefined) throw new ArgumentError(wrong)
  if (given.list) {
    list(
      exercises.filter(({ exercise: { id } }) => id === (given.id ?? id)),
      given.json,
    )
    return 0
  }
  const { exercise } = exercises.find(one => one.exercise.id === given.id)!
  const target: CheckOptions['target'] =
    given.command === undefined
      ? { port: given.port! }
      : { command: { shell: given.command, folder: readersFolder() } }
  const seed = given.seed ?? randomInt(2 ** 31)
  const result = await runCheck(exercise, {
    target,
    seed,
    startMs: given.startMs,
    ...(!given.json && { onStep: step => console.log(renderStep(step, sentenceColumns())) }),
  })
  if (given.json) console.log(JSON.stringify(resultAsJson(result), null, 2))
  else console.log(`${renderOutcome(result, exercise, sentenceColumns())}\nseed ${seed}`)
  return exitCodeOf([result])
}

interface Arguments {
  id: string | undefined
  list: boolean
  json: boolean
  udp: boolean
  port: number | undefined
  command: string | undefined
  seed: number | undefined
  startMs: number | undefined
}

function problemOf(given: Arguments, exercises: readonly ListedExercise[]): string | undefined {
  const ids = exercises.map(({ exercise }) => exercise.id)
  if (given.id === undefined)
    return given.list ? undefined : `which exercise? For instance ${ids[0]}; all: --list`
  const found = exercises.find(({ exercise }) => exercise.id === given.id)
  if (!found) {
    const near = nearest(given.id, ids)
    return `no exercise "${given.id}"${didYouMean(near, 'npm run check -- --list')}`
  }
  if (given.list) return undefined
  if (given.command?.trim() === '') return '--command is empty: give the program to start'
  if (given.startMs !== undefined && given.command === undefined)
    return '--start-timeout goes with --command'
  if (given.udp && found.exercise.kind !== 'udp') return `${given.id} is about TCP: leave --udp out`
  if ((given.port === undefined) === (given.command === undefined)) {
    return "give --port N for a server that runs, or --command '…' for a program to start"
  }
  if (found.exercise.kind === 'client' && given.command === undefined) {
    return `${given.id} is a client: give --command '…', and it is told where to connect by PORT`
  }
  return undefined
}

function list(exercises: readonly ListedExercise[], json: boolean): void {
  if (json) {
    const rows = exercises.map(({ chapter, exercise: { id, title, kind, protocol } }) => {
      return { chapter, id, title, kind, protocol }
    })
    console.log(JSON.stringify(rows, null, 2))
  } else console.log(exercises.map(listed).join('\n\n'))
}

function listed({ chapter, exercise }: ListedExercise): string {
  const kinds = { server: 'a TCP server', udp: 'a UDP server', client: 'a TCP client' }
  const title = `${exercise.id}: ${exercise.title} (${kinds[exercise.kind]})`
  const head = wrapped(title, sentenceColumns(), `${chapter}  `)
  return `${head}\n${indented(exercise.protocol)}`
}

/** The words in paragraphs of the terminal's width; what is indented, a layout, stays as it is. */
function indented(protocol: string): string {
  const width = Math.max(20, Math.min(100, terminalColumns()) - 4)
  const text = protocol
    .split('\n')
    .reduce<string[]>((lines, line) => {
      const last = lines.at(-1)
      const isText = (one: string | undefined) => one !== undefined && /^\S/.test(one)
      // A sentence goes on in the next line; a line that is short was meant to end.
      if (isText(last) && isText(line) && last!.length > 80) lines[lines.length - 1] += ` ${line}`
      else lines.push(line)
      return lines
    }, [])
    .map(line => (/^\S/.test(line) ? wrapAnsi(line, width) : line))
  return text.join('\n').replaceAll(/^(?=.)/gm, '    ')
}
