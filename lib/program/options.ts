import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { takenByNpm, withoutTerminator } from './npm-flags.ts'
import { complain } from './one-line.ts'

/** A flag: its default says its type. */
export interface Flag {
  default: string | number | boolean
  help: string
  /** For numbers: the range. */
  min?: number
  max?: number
  /** For text: refuses the empty one. */
  required?: true
}

type Widen<T> = T extends string ? string : T extends number ? number : boolean
export type Options<F extends Record<string, Flag>> = { [K in keyof F]: Widen<F[K]['default']> }

/** What `--help` says beside the flags. */
export interface Usage<F extends Record<string, Flag>> {
  /** The command by which a reader runs the program: `npm run 02:server`. */
  command: string
  /** What the program does, in one sentence. */
  does: string
  flags: F
  /** Says in one line what is wrong with values that do not go together; nothing when they do. */
  check?: (options: Options<F>) => string | undefined
}

/** Where every server of the kit listens unless it is told otherwise. */
export const host: Flag & { default: string } = {
  default: '127.0.0.1',
  required: true,
  help: 'address; 127.0.0.1 keeps the program on this machine',
}

/** A `--port` flag. */
export function port(defaultPort: number, help = 'TCP port'): Flag & { default: number } {
  return { default: defaultPort, min: 0, max: 65535, help }
}

/** The `--path` flag of a Unix domain socket. */
export const unixPath: Flag & { default: string } = {
  default: join(tmpdir(), 'socket-kit.sock'),
  required: true,
  help: 'where the socket lives',
}

/**
 * For `check`: a path that does not fit into a socket address (unix(7)). Node 20 would cut it off,
 * and make a socket of another name.
 */
export function pathIsTooLong(options: { path: string }): string | undefined {
  const limit = process.platform === 'linux' ? 107 : 103
  const bytes = Buffer.byteLength(options.path)
  return bytes > limit ? `--path has ${bytes} bytes: expected at most ${limit}` : undefined
}

/**
 * Reads the command line of a chapter program.
 *
 * `--help` prints the usage and ends the program with exit code 0. A wrong flag or value prints one
 * line on stderr that names the flag, and ends it with exit code 2.
 */
export function readOptions<const F extends Record<string, Flag>>(usage: Usage<F>): Options<F> {
  const taken = takenByNpm([...Object.keys(usage.flags), 'help'], usage.command)
  const result = taken ? { error: taken } : parseOptions(usage, process.argv.slice(2))
  if ('options' in result) return result.options
  if ('help' in result) {
    console.log(result.help)
    process.exit(0)
  }
  complain(result.error)
  process.exit(2)
}

type Parsed<F extends Record<string, Flag>> =
  | { options: Options<F> }
  | { help: string }
  | { error: string }

/** The part of `readOptions` that neither prints nor exits. */
export function parseOptions<const F extends Record<string, Flag>>(
  usage: Usage<F>,
  args: readonly string[],
): Parsed<F> {
  const { flags } = usage
  const { tokens } = parseArgs({
    args: withoutTerminator(args),
    options: Object.fromEntries(
      Object.entries(flags).map(([name, flag]) => [
        name,
        { type: typeof flag.default === 'boolean' ? 'boolean' : 'string' } as const,
      ]),
    ),
    strict: false,
    tokens: true,
  })
  const options: Record<string, string | number | boolean> = Object.fromEntries(
    Object.entries(flags).map(([name, flag]) => [name, flag.default]),
  )
  const more = `(see ${usage.command} -- --help)`
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') {
      return { error: `unexpected argument "${token.value}": flags start with -- ${more}` }
    }
    if (token.rawName === '--help' || token.rawName === '-h') return { help: helpText(usage) }
    const flag = Object.hasOwn(flags, token.name) ? flags[token.name] : undefined
    if (!flag) {
      const known = Object.keys(flags).map(name => `--${name}`)
      return { error: `unknown flag ${token.rawName}: known are ${known.join(', ')} ${more}` }
    }
    const value = readValue(token.rawName, flag, token.value)
    if (typeof value === 'string' && value.startsWith('--') && !token.inlineValue) {
      const asText = `${token.rawName}=${value}`
      return {
        error: `${token.rawName} needs a value: text; if ${value} is meant, write ${asText}`,
      }
    }
    if (typeof value === 'object') return value
    options[token.name] = value
  }
  const wrong = usage.check?.(options as Options<F>)
  return wrong === undefined ? { options: options as Options<F> } : { error: wrong }
}

function readValue(name: string, flag: Flag, text: string | undefined) {
  if (typeof flag.default === 'boolean') {
    return text === undefined ? true : { error: `${name} takes no value, got "${text}"` }
  }
  const kind = typeof flag.default === 'string' ? 'text' : `a whole number ${rangeOf(flag)}`
  if (text === undefined) return { error: `${name} needs a value: ${kind}` }
  if (flag.required && text === '') return { error: `${name} needs a value: ${kind}, not empty` }
  if (typeof flag.default === 'string') return text
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number >= (flag.min ?? 0) && number <= (flag.max ?? Number.MAX_SAFE_INTEGER)) return number
  return { error: `${name} needs ${kind}, got "${text}"` }
}

function rangeOf(flag: Flag): string {
  const from = flag.min ?? 0
  return flag.max === undefined ? `of at least ${from}` : `from ${from} to ${flag.max}`
}

function helpText<F extends Record<string, Flag>>(usage: Usage<F>): string {
  const rows = Object.entries(usage.flags).map(([name, flag]) => {
    const type = typeof flag.default
    const left = type === 'boolean' ? `--${name}` : `--${name} ${type === 'number' ? 'N' : 'TEXT'}`
    const fallback = type === 'boolean' || flag.default === '' ? '' : ` (default ${flag.default})`
    return [left, `${flag.help}${fallback}`] as const
  })
  const width = Math.max(...rows.map(([left]) => left.length), '--help'.length)
  const lines = [...rows, ['--help', 'print this text'] as const]
  return [
    usage.does,
    '',
    `usage: ${usage.command} -- [flags]`,
    ...lines.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`),
  ].join('\n')
}
