import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The flags that a reader gave to npm instead of the program: `npm run 02:client --message hi`, with
 * no `--` before the flag. npm takes such a flag for a setting of its own, passes it on as
 * `npm_config_message`, and the program starts without it.
 *
 * Only a program that npm itself has started is concerned, and only what no `.npmrc` sets.
 */
export function flagsTakenByNpm(
  flags: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
  program = process.argv[1] ?? '',
): string[] {
  const script = /\S+\.ts\b/.exec(env.npm_lifecycle_script ?? '')?.[0]
  if (script === undefined || !program.replaceAll('\\', '/').endsWith(`/${script}`)) return []
  const settings = [
    env.npm_config_userconfig,
    env.npm_config_globalconfig,
    env.npm_config_local_prefix && join(env.npm_config_local_prefix, '.npmrc'),
  ].flatMap(settingsIn)
  return flags.filter(flag => {
    // npm reads --no-watch as "watch is false", and writes false as nothing.
    const [, negated] = /^no-(.+)$/.exec(flag) ?? []
    const name = negated ?? flag
    const value = env[`npm_config_${name.replaceAll('-', '_')}`]
    const isThere = negated === undefined ? value !== undefined : value === ''
    return isThere && !settings.includes(name)
  })
}

/** What to tell the reader about them, in one line; undefined where there are none. */
export function takenByNpm(
  flags: readonly string[],
  command: string,
  env?: NodeJS.ProcessEnv,
  program?: string,
): string | undefined {
  const taken = flagsTakenByNpm(flags, env, program).map(name => `--${name}`)
  if (taken.length === 0) return undefined
  return `npm took ${taken.join(' and ')} for itself: write -- before the flags, as in ${command} -- ${taken.join(' ')}`
}

/** Drops one leading `--`: some package managers pass it on, and some readers write it twice. */
export const withoutTerminator = (args: readonly string[]): string[] =>
  args[0] === '--' ? args.slice(1) : [...args]

/** The names that an `.npmrc` sets. */
function settingsIn(file: string | undefined): string[] {
  if (!file) return []
  try {
    const lines = readFileSync(file, 'utf8').matchAll(/^\s*([\w-]+)\s*(?:=|$)/gm)
    return Array.from(lines, ([, name]) => name!)
  } catch {
    return [] // there is none
  }
}
