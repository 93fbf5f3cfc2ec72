/** What `wait` has to stand. */

import { keepsMemoryBounded } from '#lib/workshop/bounded-memory.ts'
import { connectCrowd } from '#lib/workshop/crowd.ts'
import type { CheckContext } from '#lib/workshop/exercise.ts'
import { leaveAnswersUnread } from '#lib/workshop/many-clients.ts'
import { PATIENCE_MS } from '#lib/workshop/tcp-probe.ts'
import { ask, expectAnswers, LF, SHORT_DIALOGUE } from './requests.ts'

/** How long a crowd waits, in milliseconds: twice that is too long for anybody. */
const CROWD_WAITS_MS = 9999
/** How much of that somebody else's answer may take: a server that is slow has read the crowd's requests before. */
const OTHER_MS = 9000

/** Waits that are short and many: together they show whether each of them is too short. */
const SHORT_WAITS: readonly [ms: number, times: number][] = [
  [17, 40],
  [42, 20],
  [93, 10],
]

/** Examines all of them at the same time. */
export async function shortWaits(check: CheckContext): Promise<void> {
  await Promise.all(SHORT_WAITS.map(([ms, times]) => waitsInARow(check, ms, times)))
}

async function waitsInARow(check: CheckContext, ms: number, times: number): Promise<void> {
  const probe = await check.connect()
  const watch = check.stopwatch()
  probe.send(`wait ${ms}\n`.repeat(times))
  await expectAnswers(probe, Array(times).fill(`ok ${ms}`))
  // Timers count whole milliseconds: each of them may be short by a part of one, and one more.
  watch.atLeast((ms - 2) * times, (ms * times) / 2, {
    what: `${times} times \`wait ${ms}\` took less than ${ms * times} ms together`,
    likelyCause: 'a wait lasts N milliseconds at least: no rounding down, to a tick or otherwise',
  })
}

/** A crowd waits at the same time. */
export async function crowdWaits(check: CheckContext): Promise<void> {
  const pool = 'one waits for another: a pool has room for some waits only'
  const crowd = await connectCrowd(check, probe => ask(probe, ['add 2 3'], ['ok 5']))
  const other = await check.connect()
  // Those who had no request so far have not been served yet.
  for (const [n, probe] of crowd.entries()) probe.send(`wait ${CROWD_WAITS_MS}\nadd ${n} 1\n`)
  other.send('add 2 3\n')
  await other.expect('ok 5\n', { likelyCause: pool, patienceMs: OTHER_MS, endByte: LF })
  const options = { likelyCause: pool, patienceMs: CROWD_WAITS_MS + PATIENCE_MS, endByte: LF }
  for (const [n, probe] of crowd.entries()) {
    await probe.expect(`ok ${CROWD_WAITS_MS}\nok ${n + 1}\n`, options)
    // The first has waited for all of them.
    options.patienceMs = PATIENCE_MS
  }
}

/** A line that has no end begins while a request waits. */
export async function longLineDuringWait(check: CheckContext): Promise<void> {
  const probe = await check.connect()
  probe.send('wait 9999\n')
  await keepsMemoryBounded(check, probe, 'x')
  probe.send('\nadd 1 2\n')
  await probe.expect('ok 9999\nerror too long\nok 3\n', { patienceMs: 20_000, endByte: LF })
}

/** Other things that take long: a wait, and answers that nobody reads. */
export async function waitAndSleep(check: CheckContext): Promise<() => Promise<void>> {
  const ends = [await longWaits(check), await leaveAnswersUnread(SHORT_DIALOGUE, 28)(check)]
  return async () => {
    for (const end of ends) await end()
  }
}

/** Begins to wait for as long as the protocol allows. */
async function longWaits(check: CheckContext): Promise<() => Promise<void>> {
  const waiting = (async (ms: number) => {
    const probe = await check.connect()
    const watch = check.stopwatch()
    probe.send(`wait ${ms}\nadd 1 1\n`)
    await probe.expect(`ok ${ms}\nok 2\n`, { patienceMs: 2 * ms, endByte: LF })
    watch.atLeast(ms, ms / 2, {
      what: `the answer to \`wait ${ms}\` came too early`,
      likelyCause: 'N may be anything up to 9999, and the wait has to last all of it',
    })
  })(9999)
  // What fails while nobody waits for it is told at the end.
  waiting.catch(() => {})
  return () => waiting
}
