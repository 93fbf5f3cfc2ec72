import type { Random } from '#lib/program/random.ts'
import { CheckFailed } from './check-failed.ts'

/** Ports with four digits: programs that have none of their own begin at 32768 or higher. */
const [LOW, HIGH] = [1024, 9999] as const
/** So many ports are tried: some are in use. */
const TRIES = 50

/**
 * An address that only clients of this check have. Linux has all of 127.0.0.0/8, other systems have
 * 127.0.0.1 alone.
 *
 * @param digits How many digits each of its last three numbers has.
 */
export function uniqueAddress(random: Random, digits: 1 | 2 | 3): string {
  if (process.platform !== 'linux') return '127.0.0.1'
  const [least, most] = { 1: [2, 9] as const, 2: [10, 99] as const, 3: [100, 254] as const }[digits]
  return ['127', ...[1, 2, 3].map(() => random.between(least, most))].join('.')
}

/**
 * Opens something that comes from a port with four digits.
 *
 * @throws {CheckFailed} when none of those that were tried is free.
 */
export async function fromFourDigitPort<T>(
  random: Random,
  open: (localPort: number) => Promise<T>,
): Promise<T> {
  for (let n = 1; ; n++) {
    try {
      return await open(random.between(LOW, HIGH))
    } catch (error) {
      if (
        !(error instanceof CheckFailed) ||
        !/EADDRINUSE/.test(error.failure.what) ||
        n === TRIES
      ) {
        throw error
      }
    }
  }
}
