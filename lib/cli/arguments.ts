import { type ParseArgsConfig, parseArgs } from 'node:util'
import { takenByNpm, withoutTerminator } from '#lib/program/npm-flags.ts'

type Flags = NonNullable<ParseArgsConfig['options']>
type Words<F extends Flags> = ReturnType<
  typeof parseArgs<{ args: string[]; options: F; allowPositionals: true }>
>

/**
 * Reads the words behind a command of the kit. One leading `--` is dropped.
 *
 * @throws {Error} with a first sentence for the reader, where a flag is unknown, lacks its value, or
 *   was given to npm in place of the command.
 */
export function parseWords<const F extends Flags>(
  command: string,
  args: readonly string[],
  options: F,
): Words<F> {
  const taken = takenByNpm(Object.keys(options), command)
  if (taken !== undefined) throw new Error(taken)
  return parseArgs({ args: withoutTerminator(args), options, allowPositionals: true }) as Words<F>
}

/** A mistake on the command line: the message is one line for the reader, and the exit code is 2. */
export class UsageError extends Error {}

/**
 * For a command without words of its own: prints the usage where that is asked for.
 *
 * @returns the exit code where the command is over with that; undefined where it is to run.
 */
export function onlyHelp(command: string, args: readonly string[], usage: string): 0 | undefined {
  const { help, words } = helpOrWords(command, args)
  if (words.length > 0) {
    throw new UsageError(`unexpected argument "${words[0]}" (see ${command} -- --help)`)
  }
  if (help) console.log(usage)
  return help ? 0 : undefined
}

/**
 * For a command with names and no flag but `--help`.
 *
 * @throws {UsageError} where a flag is unknown, or was given to npm in place of the command.
 */
export function helpOrWords(
  command: string,
  args: readonly string[],
): { help: boolean; words: string[] } {
  try {
    const flags = { help: { type: 'boolean', short: 'h', default: false } } as const
    const { values, positionals } = parseWords(command, args, flags)
    return { help: values.help, words: positionals }
  } catch (error) {
    throw new UsageError(`${problem(error)} (see ${command} -- --help)`)
  }
}

/** The seeds of a check. */
export const SEEDS = [0, 2 ** 31 - 1] as const

/** @throws {Error} with one line for the reader, where it is not a number of that range. */
export function wholeNumber(
  name: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  throw new Error(`${name} needs a whole number from ${least} to ${most}, got "${text}"`)
}

/** A time in seconds, as milliseconds. */
export function seconds(name: string, text: string | undefined): number | undefined {
  const number = wholeNumber(name, text, 1, 3600)
  return number === undefined ? undefined : number * 1000
}

/** What is wrong with the arguments: the first sentence of what was thrown. */
export const problem = (error: unknown): string => (error as Error).message.split(/\.\s|\n/)[0]!

/** A signal ends us, and with us, on `exit`, the program that is being examined. */
export function endOnSignals(code = 130): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(code))
  }
}
