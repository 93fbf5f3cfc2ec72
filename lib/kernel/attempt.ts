import { spawnSync } from 'node:child_process'
import { toolEnv } from './tools.ts'

/** Something that was tried, and did not work. */
export interface Refusal {
  /** The command, as short as it stays clear: `mount -t tracefs`. */
  tried: string
  /** The first line that came back, as it came. */
  said: string
}

const PATIENCE_MS = 30_000

/**
 * Runs a command; returns what came back where it did not succeed, and undefined where it did.
 *
 * `quiet`: a message on standard error is a failure, too.
 */
export function attempt(
  tried: string,
  [command = '', ...args]: readonly string[],
  { input = '', quiet = false } = {},
): Refusal | undefined {
  const options = { input, encoding: 'utf8', env: toolEnv(), timeout: PATIENCE_MS } as const
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, options)
  if (status === 0 && !(quiet && firstLine(stderr))) return undefined
  const said = firstLine(stderr) ?? firstLine(stdout)
  const end = signal === null ? `exit code ${status}` : `ended by ${signal}`
  return { tried, said: said ?? error?.message ?? end }
}

/** The first line of a text that is not empty. */
function firstLine(text: string | null): string | undefined {
  return text
    ?.split('\n')
    .map(line => line.trim())
    .find(line => line !== '')
}

/** `mount -t tracefs: mount: /sys/kernel/tracing: permission denied.`, without a name said twice. */
export function describeRefusal({ tried, said }: Refusal): string {
  const name = tried.split(' ')[0]!
  const rest = said.startsWith(`${name}: `) ? said.slice(name.length + 2) : said
  return `${tried}: ${rest}`
}
