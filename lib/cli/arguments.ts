/** A mistake on the command line: the message is one line for the reader, and the exit code is 2. */
export class UsageError extends Error {}

/** One about which the usage says more: the line ends with the command that prints it. */
export class ArgumentError extends UsageError {}

/** The seeds of a check. */
export const SEEDS = [0, 2 ** 31 - 1] as const

/** @throws {ArgumentError} where it is not a number of that range. */
export function wholeNumber(
  name: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number >= least && number <= most) return number
  throw new ArgumentError(`${name} needs a whole number from ${least} to ${most}, got "${text}"`)
}

/** A time in seconds, as milliseconds. */
export function seconds(name: string, text: string | undefined): number | undefined {
  const number = wholeNumber(name, text, 1, 3600)
  return number === undefined ? undefined : number * 1000
}

/** A signal ends us, and with us, on `exit`, the program that is being examined. */
export function endOnSignals(code = 130): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => process.exit(code))
  }
}
