/** Node's own word on whether it runs TypeScript: `strip`, or false. Older versions have none. */
const features: Record<string, unknown> = { ...process.features }

/**
 * Whether this Node runs TypeScript as it is: from 22.18 on it does, in half the time that tsx needs
 * to start a program. Node 23 does, too, but prints a warning for each program.
 */
export function runsTypeScript(
  { typescript }: Record<string, unknown> = features,
  version: string = process.versions.node,
): boolean {
  return Boolean(typescript) && !version.startsWith('23.')
}

/** What Node needs before the name of a TypeScript file on its command line. */
export const TYPESCRIPT_FLAGS: readonly string[] = runsTypeScript() ? [] : ['--import', 'tsx']
