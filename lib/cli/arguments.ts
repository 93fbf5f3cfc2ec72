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

/** What is wrong with the arguments: the first sentence of what was thrown. */
export const problem = (error: unknown): string => (error as Error).message.split(/\.\s|\n/)[0]!

/** A signal ends us, and with us, on `exit`, the program that is being examined. */
export function endOnSignals(code = 130): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(code))
  }
}
