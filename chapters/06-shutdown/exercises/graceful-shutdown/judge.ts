import { once } from 'node:events'
import { connect } from 'node:net'
import type { Examiner } from '#lib/workshop/exercise.ts'
import type { Stopwatch } from '#lib/workshop/stopwatch.ts'
import type { Talk } from '#lib/workshop/talk.ts'

/** What the protocol promises, in milliseconds. */
export const DEADLINE_MS = 3000
/** After the deadline: for what a program does when it ends. */
const GRACE_MS = 1200
/** A second signal comes so long after the first: a deadline that starts anew is late by that. */
export const AGAIN_MS = 2000
/** Work that is begun at the signal, and is done long before the deadline. */
export const WORK_MS = 1000

const SIGTERM_ENDS =
  'without a listener the signal ends the process, in the middle of whatever it does'

/** Sends SIGTERM. The time that is returned runs from there. */
export function terminate(at: Examiner): Stopwatch {
  if (!at.subject.isOurs) {
    at.fail({
      what: 'this check has not started the program, and so it cannot send it a signal; give --command instead of --port',
    })
  }
  const signalled = at.stopwatch()
  at.subject.signal('SIGTERM')
  return signalled
}

/** Two connections that the server knows of. */
export async function company(at: Examiner): Promise<{ busy: Talk; idle: Talk }> {
  const [busy, idle] = [await at.connect(), await at.connect()]
  for (const talk of [busy, idle]) {
    talk.send('work 0\n')
    await talk.expect('done 0\n')
  }
  return { busy, idle }
}

/** Gives work to the server, and returns when it works on it. The time runs from its beginning. */
export async function begins(at: Examiner, talk: Talk, work: string): Promise<Stopwatch> {
  const begun = at.stopwatch()
  // In one piece with a request that is answered: the work has come by then, and is its next one.
  talk.send(`work 0\n${work}`)
  await talk.expect('done 0\n')
  // And while it serves another client it has the time for that.
  await exchange(at)
  return begun
}

/** A whole exchange on a connection of its own. */
export async function exchange(at: Examiner): Promise<void> {
  const talk = await at.connect()
  talk.send('work 0\n')
  talk.finish()
  await talk.expect('done 0\n')
  await talk.expectEnd()
}

/** Waits for the server's FIN. */
export async function fin(at: Examiner, talk: Talk, mistake: string): Promise<void> {
  await unlessEnded(at, () => talk.expectEnd({ mistake }))
}

/** Waits for the answer to the work that was begun. */
export async function finished(
  at: Examiner,
  talk: Talk,
  begun: Stopwatch,
  { ms = WORK_MS, mistake }: { ms?: number; mistake?: string } = {},
): Promise<void> {
  await unlessEnded(at, () => talk.expect(`done ${ms}\n`), mistake)
  begun.atLeast(ms, ms / 2, {
    what: `work of ${ms} ms was answered sooner, because of the signal`,
    mistake: 'the signal interrupts what waits (EINTR), or cuts it short: wait for what is left',
  })
}

/** Tells a program that has ended too early from one that does something else wrong. */
async function unlessEnded(
  at: Examiner,
  run: () => Promise<void>,
  mistake?: string,
): Promise<void> {
  const { subject } = at
  try {
    await run()
  } catch (error) {
    if (!(await subject.until(() => !subject.running, 500))) throw error
    at.fail({
      what: `${subject.fate()}, with work that it had begun`,
      mistake:
        mistake ??
        (subject.exitCode === null
          ? SIGTERM_ENDS
          : 'process.exit() ends the process in the middle of whatever it does'),
    })
  }
}

/** Waits until the program has ended: at once, or at the deadline. */
export async function exits(
  at: Examiner,
  signalled: Stopwatch,
  code: 0 | 1,
  {
    again,
    late = 'something keeps the process alive: a connection that nobody ends, or a timer',
  }: { again?: Stopwatch; late?: string } = {},
): Promise<void> {
  const { subject } = at
  const ended = (ms: number) => subject.until(() => !subject.running, ms)
  const limitMs = DEADLINE_MS + GRACE_MS
  const limit = `${limitMs / 1000} s after the`
  const anew = {
    what: `${limit} first signal the program still ran, and ended later`,
    mistake:
      'the deadline starts anew, with the second signal or with what comes: only the first signal counts',
  }
  if (!(await signalled.happens(limitMs, ended))) {
    if (await again?.happens(limitMs, ended)) at.fail(anew)
    const mistake =
      code === 0
        ? late
        : `nothing cuts what is still open ${DEADLINE_MS} ms after the signal: end() and close() wait for the other side, destroy() does not`
    at.fail({ what: `${limit} signal the program still runs`, mistake })
  }
  if (code === 1) {
    signalled.atLeast(DEADLINE_MS, DEADLINE_MS / 2, {
      what: `the program ended before the deadline of ${DEADLINE_MS} ms: ${subject.fate()}`,
      mistake: 'a connection counts as closed only when both sides have closed it',
    })
    // One that was late, on a machine that explains it, has not shown that it keeps the deadline.
    const after = { what: `the program ended later than ${limitMs / 1000} s after the signal` }
    signalled.atMost(limitMs, again ? anew : after)
  } else {
    signalled.atMost(DEADLINE_MS - GRACE_MS / 2, {
      what: 'there was nothing left to do, and the program ended only at the deadline',
      mistake:
        'something keeps the process alive: the timer of the deadline, which unref() or clearTimeout() takes away, or a client that has gone and still counts',
    })
  }
  if (subject.exitCode === code) return
  at.fail({
    what: `the exit code should be ${code}: ${subject.fate()}`,
    mistake: code === 0 ? SIGTERM_ENDS : 'what was cut at the deadline is not done: that is no 0',
  })
}

export async function takesConnection(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}
