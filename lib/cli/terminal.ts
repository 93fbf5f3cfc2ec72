/** The width to write for: the terminal's, else what COLUMNS says, else 100. */
export function terminalColumns(): number {
  // A pseudo-terminal that was never told its size says 0.
  const columns = process.stdout.columns || Number(process.env.COLUMNS)
  return columns > 0 ? Math.floor(columns) : 100
}

/**
 * Whether to write in colour: NO_COLOR says no, FORCE_COLOR yes (0 and false: no), and otherwise
 * whether a terminal reads it. A pipe and a file get plain text.
 */
export function wantsColor(
  env: NodeJS.ProcessEnv = process.env,
  isTerminal: boolean = process.stdout.isTTY,
): boolean {
  if (env.NO_COLOR) return false
  if (env.FORCE_COLOR !== undefined) return !['0', 'false'].includes(env.FORCE_COLOR)
  return isTerminal && env.TERM !== 'dumb'
}

/** Leaves when nobody reads what we write any more, as in `npm start | head -1`. */
export function readerIsGone(): boolean {
  return process.stdout.destroyed || process.stdout.writableEnded || process.stdout.errored !== null
}
