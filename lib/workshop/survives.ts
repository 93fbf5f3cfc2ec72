import type { Examiner } from './exercise.ts'
import { Failed } from './failed.ts'
import { NO_LISTENER } from './subject.ts'
import { PATIENCE_MS, type Talk } from './talk.ts'

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

/** So many connections wait in the queue of any server that listens. */
const QUEUE = 4

/**
 * Clients connect and reset while the program stands still. When it goes on, it accepts connections
 * that are gone already. Where the check cannot stop the program, they are only quick.
 */
export async function goneBeforeAccept({ subject, connect }: Examiner): Promise<void> {
  const gone: Talk[] = []
  subject.signal('SIGSTOP')
  try {
    for (let n = 0; n < QUEUE; n++) gone.push(await connect())
    for (const talk of gone) talk.reset()
    await Promise.all(gone.map(talk => talk.until(() => talk.isGone, PATIENCE_MS)))
  } finally {
    subject.signal('SIGCONT')
  }
}
