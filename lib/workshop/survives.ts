import type { Examiner } from './exercise.ts'
import { Failed } from './failed.ts'
import { NO_LISTENER } from './subject.ts'
import { PATIENCE_MS, type Talk } from './talk.ts'

/**
 * Examines a server whose clients have reset: whatever comes after the first reset belongs into `run`,
 * since the server may end at any time from then on. One that has ended is told from one that does something
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
 * Does something while the program stands still, so that it finds all of that at once when it goes on.
 * Where the check cannot stop the program, that is only quick.
 */
export async function whileStopped<T>({ subject }: Examiner, run: () => Promise<T>): Promise<T> {
  subject.signal('SIGSTOP')
  try {
    return await run()
  } finally {
    subject.signal('SIGCONT')
  }
}

/** Clients connect and reset before the program accepts them. */
export async function goneBeforeAccept(at: Examiner): Promise<void> {
  await whileStopped(at, async () => {
    const gone: Talk[] = []
    for (let n = 0; n < QUEUE; n++) gone.push(await at.connect())
    for (const talk of gone) talk.reset()
    await Promise.all(gone.map(talk => talk.until(() => talk.isGone, PATIENCE_MS)))
  })
}
