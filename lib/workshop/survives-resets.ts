import { CheckFailed } from './check-failed.ts'
import type { CheckContext } from './exercise.ts'
import { NO_LISTENER } from './program-under-test.ts'
import { PATIENCE_MS, type TcpProbe } from './tcp-probe.ts'

/**
 * Examines a server whose clients have reset: whatever comes after the first reset belongs into `run`,
 * since the server may end at any time from then on. One that has ended is told from one that does something
 * else wrong; advice is given only where the reset is what has ended it.
 *
 * @throws {CheckFailed} what `run` throws, where the program still runs.
 */
export async function survivesResets(
  { program, fail }: CheckContext,
  run: () => Promise<void>,
  likelyCause = NO_LISTENER,
): Promise<void> {
  try {
    await run()
  } catch (error) {
    if (!(error instanceof CheckFailed)) throw error
    if (!(await program.hasEnded())) throw error
    // Whether it was reading or writing when it learned of the reset is chance.
    const fate = program.describeEnd().replace(/\b(read|write) (?=ECONNRESET|EPIPE)/, '')
    fail({
      what: `after a client’s reset ${fate}`,
      ...(/ECONNRESET|EPIPE/.test(fate) && { likelyCause }),
    })
  }
}

/** So many connections wait in the queue of any server that listens. */
const QUEUE = 4

/**
 * Does something while the program stands still, so that it finds all of that at once when it goes on.
 * Where the check cannot stop the program, that is only quick.
 */
export async function whileStopped<T>(
  { program }: CheckContext,
  run: () => Promise<T>,
): Promise<T> {
  program.signal('SIGSTOP')
  try {
    return await run()
  } finally {
    program.signal('SIGCONT')
  }
}

/** Clients connect and reset before the program accepts them. */
export async function resetBeforeAccept(check: CheckContext): Promise<void> {
  await whileStopped(check, async () => {
    const gone: TcpProbe[] = []
    for (let n = 0; n < QUEUE; n++) gone.push(await check.connect())
    for (const probe of gone) probe.reset()
    await Promise.all(gone.map(probe => probe.waitFor(() => probe.isClosed, PATIENCE_MS)))
  })
}
