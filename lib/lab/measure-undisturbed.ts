import { writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { Inconclusive } from './inconclusive.ts'

/** How often something is measured at most, before we give up. */
const TRIES = 4

/**
 * Asks the scheduler to prefer a process to those of ordinary priority. It refuses without
 * CAP_SYS_NICE, and then nothing changes.
 *
 * Where a session is scheduled as a group, the priority of a process counts within that alone, and
 * the group has one of its own.
 *
 * @see sched(7), the autogroup feature
 */
export function raisePriority(pid: number): void {
  const highest = constants.priority.PRIORITY_HIGHEST
  const asks = [
    () => setPriority(pid, highest),
    () => writeFileSync(`/proc/${pid}/autogroup`, String(highest)),
  ]
  for (const ask of asks) {
    try {
      ask()
    } catch {
      // Then it waits for its turn, and what it measures shows that.
    }
  }
}

/**
 * Returns the first measurement that the machine has not disturbed.
 *
 * @param disturbedBy What is seen in a measurement that makes it worthless, if anything: a pause in
 *   what should be steady, a line that was not full.
 * @throws {Inconclusive} with what was seen the last time, when it was disturbed at every attempt.
 */
export async function measureUndisturbed<T>(
  observe: (step: string) => void,
  measure: () => Promise<T>,
  disturbedBy: (measured: T) => string | undefined,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const measured = await measure()
    const why = disturbedBy(measured)
    if (why === undefined) return measured
    if (tries === TRIES) throw new Inconclusive(`measured ${tries} times, each in vain: ${why}`)
    observe(`does not count: ${why}`)
  }
}
