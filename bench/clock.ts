/** The time that the main thread of this process ran, which is not the time that passed. */

import { readFileSync } from 'node:fs'

const schedule = `/proc/self/task/${process.pid}/schedstat`

/**
 * Returns the nanoseconds for which the main thread had a core; where the system does not tell, the
 * time that passed.
 *
 * On a quiet machine both are the same. On a busy one only this can be compared.
 */
export function mainThreadNs(): number {
  try {
    // Makes the kernel bring its figures up to date: they may be a clock tick old (getrusage(2)).
    process.cpuUsage()
    return Number(readFileSync(schedule, 'utf8').split(' ')[0])
  } catch {
    return Number(process.hrtime.bigint())
  }
}
