import { type ParseArgsConfig, parseArgs } from 'node:util'
import { CatalogueError } from '#lib/catalogue/index.ts'
import { takenByNpm, withoutTerminator } from '#lib/program/npm-flags.ts'
import { oneLine } from '#lib/program/one-line.ts'
import { explainCode, isFileError } from '#lib/program/system-error.ts'
import { WorkspaceError } from '#lib/workshop/workspace.ts'
import { ArgumentError, UsageError } from './arguments.ts'
import { ignoreBrokenPipe } from './terminal.ts'

type Flags = NonNullable<ParseArgsConfig['options']>
type Parsed<F extends Flags> = ReturnType<
  typeof parseArgs<{ args: string[]; options: F; allowPositionals: true }>
>

/** A command of the kit, all of it: `runCommand` does what they have in common. */
export interface Command<F extends Flags> {
  /** What a reader types: `npm run check`. */
  name: string
  /** What `--help` prints. */
  usage: string | (() => Promise<string>)
  /** Its flags; `--help` and `-h` are added. */
  flags?: F
  /** The line for a mistake about which the usage says more, where it is not the usual one. */
  lineFor?: (mistake: string) => string
  /** It takes flags only; the others look at their words themselves. */
  wordless?: true
  /**
   * Does it.
   *
   * @returns the exit code.
   * @throws {UsageError} where the reader has made a mistake: exit code 2.
   */
  run: (flags: Parsed<F>['values'], words: string[]) => number | Promise<number>
}

/**
 * Runs a command of the kit with the words behind it. What the reader or the system is to blame for
 * is one line on standard error, with exit code 2 for a mistake on the command line and 1 for
 * anything else; a mistake of ours keeps its stack.
 */
export async function runCommand<const F extends Flags>(command: Command<F>): Promise<void> {
  ignoreBrokenPipe()
  try {
    process.exitCode = await parseAndRun(command, process.argv.slice(2))
  } catch (error) {
    const line = lineOf(error, command)
    if (line === undefined) throw error
    console.error(error instanceof UsageError ? oneLine(line) : line)
    process.exitCode = error instanceof UsageError ? 2 : 1
  }
}

async function parseAndRun<F extends Flags>(command: Command<F>, args: string[]): Promise<number> {
  const { usage, wordless } = command
  const { values, positionals } = parse(command, args)
  if (wordless && positionals.length > 0) {
    throw new ArgumentError(`unexpected argument "${positionals[0]}"`)
  }
  if ((values as { help?: boolean }).help) {
    console.log(typeof usage === 'string' ? usage : await usage())
    return 0
  }
  return command.run(values, positionals)
}

/** @throws {ArgumentError} where a flag is unknown, lacks its value, or was given to npm instead. */
function parse<F extends Flags>({ name, flags }: Command<F>, args: string[]): Parsed<F> {
  const options = { ...flags, help: { type: 'boolean', short: 'h' } } as const
  const taken = takenByNpm(Object.keys(options), name)
  if (taken !== undefined) throw new ArgumentError(taken)
  try {
    const parsed = parseArgs({ args: withoutTerminator(args), options, allowPositionals: true })
    return parsed as unknown as Parsed<F>
  } catch (error) {
    // The first sentence says what is wrong; the others speak to programmers.
    throw new ArgumentError((error as Error).message.split(/\.\s|\n/)[0])
  }
}

function lineOf<F extends Flags>(
  error: unknown,
  { name, lineFor }: Command<F>,
): string | undefined {
  if (error instanceof ArgumentError) {
    return lineFor?.(error.message) ?? `${error.message} (see ${name} -- --help)`
  }
  const ours = [CatalogueError, UsageError, WorkspaceError]
  if (ours.some(kind => error instanceof kind)) return (error as Error).message
  if (!isFileError(error)) return undefined
  const what = error.path === undefined ? error.syscall : `${error.syscall} ${error.path}`
  return `cannot ${what}: ${explainCode(error)}`
}

/**
 * Where the reader stands. npm runs a script in the folder of package.json; what a reader writes on
 * the command line is meant from where the reader is.
 */
export function readersFolder(env: NodeJS.ProcessEnv = process.env): string {
  const isOurs = env.npm_lifecycle_script?.includes('lib/cli/') === true
  return (isOurs ? env.INIT_CWD : undefined) ?? process.cwd()
}
