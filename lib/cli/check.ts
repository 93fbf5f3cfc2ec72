/** `npm run check -- tcp-echo --port 9000`: the checks of an exercise against any program. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { closest } from 'fastest-levenshtein'
import { type ListedExercise, loadExercises } from '../workshop/load.ts'
import { renderCheck, resultAsJson } from '../workshop/render.ts'
import { type CheckOptions, runCheck } from '../workshop/run-check.ts'
import { letReaderGo } from './terminal.ts'

const USAGE = `Checks a program of yours, in any language, over the wire.

usage: npm run check -- tcp-echo --port 9000                  a server that runs
       npm run check -- tcp-echo --command 'python3 echo.py'  a program that is started; the port is
                                                              in the environment variable PORT
       npm run check -- --list                                the exercises, and their protocols in words

  --seed N   repeat a run exactly (each run prints its seed)
  --json     the result as JSON (npm run -s check -- …)
  --help

Exit code: 0 passed, 1 failed, 2 wrong usage.`

letReaderGo()
process.exitCode = await main(process.argv.slice(2))

async function main(args: string[]): Promise<number> {
  const wish = readArguments(args)
  if (wish === 'help') {
    console.log(USAGE)
    return 0
  }
  const exercises = await loadExercises()
  const problem = typeof wish === 'string' ? wish : problemOf(wish, exercises)
  if (typeof wish === 'string' || problem !== undefined) {
    console.error(`${problem} (see npm run check -- --help)`)
    return 2
  }
  if (wish.list) {
    console.log(exercises.map(listed).join('\n\n'))
    return 0
  }
  const { exercise } = exercises.find(one => one.exercise.id === wish.id)!
  const target: CheckOptions['target'] =
    wish.command === undefined ? { port: wish.port! } : { command: { shell: wish.command } }
  const seed = wish.seed ?? randomInt(2 ** 31)
  const result = await runCheck(exercise, { target, seed })
  if (wish.json) console.log(JSON.stringify(resultAsJson(result), null, 2))
  else console.log(`${renderCheck(result, exercise)}\nseed ${seed}`)
  return result.passed ? 0 : 1
}

interface Wish {
  id: string | undefined
  list: boolean
  json: boolean
  port: number | undefined
  command: string | undefined
  seed: number | undefined
}

function readArguments(args: string[]): Wish | 'help' | string {
  try {
    const { values, positionals } = parseArgs({
      args,
      options: {
        list: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        // Exercises know their transport: taken, and not needed.
        udp: { type: 'boolean', default: false },
        port: { type: 'string' },
        command: { type: 'string' },
        seed: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
      allowPositionals: true,
    })
    if (values.help) return 'help'
    if (positionals.length > 1) return `one exercise at a time, got ${positionals.join(' ')}`
    const { list, json, command } = values
    const port = wholeNumber('--port', values.port, 1, 65_535)
    const seed = wholeNumber('--seed', values.seed, 0, 2 ** 31 - 1)
    return { id: positionals[0], list, json, command, port, seed }
  } catch (error) {
    return (error as Error).message.split('. ')[0]!
  }
}

function wholeNumber(name: string, text: string | undefined, least: number, most: number) {
  if (text === undefined) return undefined
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  throw new Error(`${name} needs a whole number from ${least} to ${most}, got "${text}"`)
}

function problemOf(wish: Wish, exercises: readonly ListedExercise[]): string | undefined {
  if (wish.list) return undefined
  const ids = exercises.map(({ exercise }) => exercise.id)
  if (wish.id === undefined) return `which exercise? For instance ${ids[0]}; all: --list`
  const found = exercises.find(({ exercise }) => exercise.id === wish.id)
  if (!found) return `no exercise "${wish.id}": did you mean ${closest(wish.id, ids)}?`
  if ((wish.port === undefined) === (wish.command === undefined)) {
    return "give --port N for a server that runs, or --command '…' for a program to start"
  }
  if (found.exercise.kind === 'client' && wish.command === undefined) {
    return `${wish.id} is a client: give --command '…', and it is told where to connect by PORT`
  }
  return undefined
}

function listed({ chapter, exercise }: ListedExercise): string {
  const kinds = { server: 'a TCP server', udp: 'a UDP server', client: 'a TCP client' }
  const head = `${chapter}  ${exercise.id}: ${exercise.title} (${kinds[exercise.kind]})`
  return `${head}\n${exercise.protocol.replaceAll(/^/gm, '    ')}`
}
