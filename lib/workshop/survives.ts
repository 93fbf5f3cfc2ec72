import type { Examiner } from './exercise.ts'
import { Failed } from './failed.ts'
import { NO_LISTENER } from './subject.ts'

/**
 * Examines a server whose clients have reset. One that has ended is told from one that does something
 * else wrong; advice is given only where the reset is what has ended it.
 *
 * @throws {Failed} what `run` throws, where the program still runs.
 */
export async function survives(
  { subject, fail }: Examiner,
  run: () => Promise<void>,
  mistake = NO_LISTENER,
): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    if (!(await subject.hasEnded())) throw error
    // Whether it read or wrote when it was told is chance.
    const fate = subject.fate().replace(/\b(read|write) (?=ECONNRESET|EPIPE)/, '')
    fail({
      what: `after a client’s reset ${fate}`,
      ...(/ECONNRESET|EPIPE/.test(fate) && { mistake }),
    })
  }
}
