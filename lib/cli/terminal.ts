/** The width to write for: the terminal's, else what COLUMNS says, else 100 or what is given. */
export function terminalColumns(otherwise = 100): number {
  // A pseudo-terminal that was never told its size says 0.
  const columns = process.stdout.columns || Number(process.env.COLUMNS)
  return Number.isSafeInteger(columns) && columns > 0 ? columns : otherwise
}

/** The width for sentences: a file and a pipe get each of them in one line. */
export const sentenceColumns = (): number => terminalColumns(Number.POSITIVE_INFINITY)

/**
 * Whether to write in colour: NO_COLOR says no, FORCE_COLOR yes (0 and false: no), and otherwise
 * whether a terminal reads it. A pipe and a file get plain text.
 */
export function wantsColor(
  env: NodeJS.ProcessEnv = process.env,
  isTerminal: boolean = process.stdout.isTTY === true,
): boolean {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR)
  return isTerminal && env.TERM !== 'dumb'
}

/**
 * Lets a reader go in silence, as `head -1` does in `npm start | head -1`: without a listener, what
 * we write after that would end in a stack trace.
 */
export function ignoreBrokenPipe(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
}

/** Whether nobody reads any more what we write. */
export function stdoutIsBroken(): boolean {
  return process.stdout.destroyed || process.stdout.errored !== null
}
