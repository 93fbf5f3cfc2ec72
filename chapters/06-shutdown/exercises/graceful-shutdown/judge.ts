import { once } from 'node:events'
import { connect } from 'node:net'
import { CheckFailed } from '#lib/workshop/check-failed.ts'
import type { CheckContext } from '#lib/workshop/exercise.ts'
import type { Stopwatch } from '#lib/workshop/stopwatch.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'

/** What the protocol promises, in milliseconds. */
export const DEADLINE_MS = 3000
/** After the deadline: for what a program does when it ends. */
const GRACE_MS = 1200
/** A second signal comes so long after the first: a deadline that starts anew is late by that. */
export const AGAIN_MS = 2000
/** Work that is begun at the signal, and is done long before the deadline. */
export const WORK_MS = 1000

const RESETS =
  'the socket is closed with bytes unread, or by resetAndDestroy(): end() it, and read on until the client’s FIN'

/** A connection that its program resets by ending is seen so long before that end, at most. */
const SAME_MOMENT_MS = 100

const SIGTERM_ENDS =
  'without a listener the signal ends the process, in the middle of whatever it does'

/** Sends SIGTERM. The time that is returned runs from there. */
export function terminate(check: CheckContext): Stopwatch {
  if (!check.program.isOurs) {
    check.fail({
      what: 'this check has not started the program, and so it cannot send it a signal; give --command instead of --port',
    })
  }
  const signalled = check.stopwatch()
  check.program.signal('SIGTERM')
  return signalled
}

/** Two connections that the server knows of. */
export async function company(check: CheckContext): Promise<{ busy: TcpProbe; idle: TcpProbe }> {
  const [busy, idle] = [await check.connect(), await check.connect()]
  for (const probe of [busy, idle]) {
    probe.send('work 0\n')
    await probe.expect('done 0\n')
  }
  return { busy, idle }
}

/** Gives work to the server, and returns when it works on it. The time runs from its beginning. */
export async function begins(
  check: CheckContext,
  probe: TcpProbe,
  work: string,
): Promise<Stopwatch> {
  const begun = check.stopwatch()
  // In one piece with a request that is answered: the work has come by then, and is its next one.
  probe.send(`work 0\n${work}`)
  await probe.expect('done 0\n')
  // And while it serves another client it has the time for that.
  await exchange(check)
  return begun
}

/** A whole exchange on a connection of its own. */
export async function exchange(check: CheckContext): Promise<void> {
  const probe = await check.connect()
  probe.send('work 0\n')
  probe.sendFin()
  await probe.expect('done 0\n')
  await probe.expectEnd()
}

/** Waits for the server's FIN. */
export async function fin(
  check: CheckContext,
  probe: TcpProbe,
  likelyCause: string,
): Promise<void> {
  await unlessEnded(check, () => probe.expectEnd({ likelyCause, causeOfReset: RESETS }))
}

/** Waits for the answer to the work that was begun. */
export async function finished(
  check: CheckContext,
  probe: TcpProbe,
  begun: Stopwatch,
  { ms = WORK_MS, likelyCause }: { ms?: number; likelyCause?: string } = {},
): Promise<void> {
  await unlessEnded(check, () => probe.expect(`done ${ms}\n`), likelyCause)
  begun.atLeast(ms, ms / 2, {
    what: `work of ${ms} ms was answered sooner, because of the signal`,
    likelyCause:
      'the signal interrupts what waits (EINTR), or cuts it short: wait for what is left',
  })
}

/** Tells a program that has ended too early from one that does something else wrong. */
async function unlessEnded(
  check: CheckContext,
  run: () => Promise<void>,
  likelyCause?: string,
): Promise<void> {
  const { program } = check
  try {
    await run()
  } catch (error) {
    const failedAt = performance.now()
    const isReset = error instanceof CheckFailed && error.failure.likelyCause === RESETS
    const hasEnded = await program.waitFor(() => !program.isRunning, 500)
    // A program that resets its last connection may end behind that, as it should.
    if (isReset && (!hasEnded || performance.now() - failedAt > SAME_MOMENT_MS)) {
      throw error
    }
    if (!hasEnded) throw error
    check.fail({
      what: `${program.describeEnd()}, with work that it had begun`,
      likelyCause:
        likelyCause ??
        (program.exitCode === null
          ? SIGTERM_ENDS
          : 'process.exit() ends the process in the middle of whatever it does'),
    })
  }
}

/** Waits until the program has ended: at once, or at the deadline. */
export async function exits(
  check: CheckContext,
  signalled: Stopwatch,
  code: 0 | 1,
  {
    again,
    late = 'something keeps the process alive: a connection that nobody ends, or a timer',
  }: { again?: Stopwatch; late?: string } = {},
): Promise<void> {
  const { program } = check
  const ended = (ms: number) => program.waitFor(() => !program.isRunning, ms)
  const limitMs = DEADLINE_MS + GRACE_MS
  const limit = `${limitMs / 1000} s after the`
  const anew = {
    what: `${limit} first signal the program still ran, and ended later`,
    likelyCause:
      'the deadline starts anew, with the second signal or with what comes: only the first signal counts',
  }
  if (!(await signalled.happensWithin(limitMs, ended))) {
    if (await again?.happensWithin(limitMs, ended)) check.fail(anew)
    const likelyCause =
      code === 0
        ? late
        : `nothing cuts what is still open ${DEADLINE_MS} ms after the signal: end() and close() wait for the other side, destroy() does not`
    check.fail({ what: `${limit} signal the program still runs`, likelyCause })
  }
  if (code === 1) {
    signalled.atLeast(DEADLINE_MS, DEADLINE_MS / 2, {
      what: `the program ended before the deadline of ${DEADLINE_MS} ms: ${program.describeEnd()}`,
      likelyCause: 'a connection counts as closed only when both sides have closed it',
    })
    // One that was late, on a machine that explains it, has not shown that it keeps the deadline.
    const after = { what: `the program ended later than ${limitMs / 1000} s after the signal` }
    signalled.atMost(limitMs, again ? anew : after)
  } else {
    signalled.atMost(DEADLINE_MS - GRACE_MS / 2, {
      what: 'there was nothing left to do, and the program ended only at the deadline',
      likelyCause:
        'something keeps the process alive: the timer of the deadline, which unref() or clearTimeout() takes away, or a client that has gone and still counts',
    })
  }
  if (program.exitCode === code) return
  check.fail({
    what: `the exit code should be ${code}: ${program.describeEnd()}`,
    likelyCause:
      code === 0 ? SIGTERM_ENDS : 'what was cut at the deadline is not done: that is no 0',
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
