import { firstDifference } from '#lib/workshop/bytes.ts'
import { CheckFailed } from '#lib/workshop/check-failed.ts'
import type { CheckContext } from '#lib/workshop/exercise.ts'
import type { Stopwatch } from '#lib/workshop/stopwatch.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'

/** What the protocol promises, in milliseconds. */
export const INTERVAL_MS = 250
export const LIMIT_MS = 1500
/** The protocol allows 2500; a process takes a moment to end. */
const GONE_MS = 2600
/** A program that has not ended by then is not only late. */
const LATEST_MS = 5000
/** A ping that has not come by then does not come: four times as long, and less than the limit. */
export const SILENT_MS = 1000
/** What takes longer than this may have waited for an interval. */
export const AT_ONCE_MS = 150
/** What has come by then did not wait for the interval. */
export const AT_ONCE_SURE_MS = 225
/** As often a slow peer gives a sign of life: well within the limit. */
export const SIGN_MS = 400
/** A machine that takes so much time from us or the program makes us silent, or it deaf. */
const TOO_LATE_MS = 600

export const CLOSED = { line: 'peer has closed', code: 0 }
export const GONE = { line: 'peer is gone', code: 3 }
export const LOST = { line: 'connection is lost', code: 4 }

/** A program that gives up is right to do so where the machine kept us from giving a sign of life. */
export async function unlessLate(
  check: CheckContext,
  run: (check: CheckContext) => Promise<void>,
): Promise<void> {
  const watches: Stopwatch[] = []
  const stopwatch = () => {
    const started = check.stopwatch()
    watches.push(started)
    return started
  }
  const accept = async () => {
    const peer = await check.accept()
    stopwatch()
    return peer
  }
  try {
    await run({ ...check, accept, stopwatch })
  } catch (error) {
    if (!(error instanceof CheckFailed)) throw error
    // What was late long ago has no part in it.
    const recent = watches.findLast(watch => watch.read().ms > 2 * LIMIT_MS) ?? watches[0]
    if (!recent) throw error
    const { leastMs, mostMs } = recent.read()
    const lateMs = Math.round(mostMs - leastMs)
    await check.program.waitFor(() => !check.program.isRunning, 1000)
    if (!check.program.lines.includes(GONE.line) || lateMs < TOO_LATE_MS) throw error
    check.inconclusive(
      `it gave up, and other programs kept it, or this check, waiting for ${lateMs} ms: it may not have seen a sign of life in time`,
    )
  }
}

/** Waits for a pong between the pings. */
export async function pong(
  check: CheckContext,
  peer: TcpProbe,
  n: number | string,
  likelyCause?: string,
): Promise<void> {
  const expected = Buffer.from(`pong ${n}\n`)
  const asked = check.stopwatch()
  const lineEnd = (bytes: Buffer) => bytes.indexOf('\n') + 1 || undefined
  for (;;) {
    const received = await peer.take(lineEnd, `"pong ${n}"`, { likelyCause, patienceMs: SILENT_MS })
    if (received.equals(expected)) return
    if (/^ping \d+\n$/.test(received.toString())) {
      if (!asked.isOver(SILENT_MS)) continue
      check.fail({
        what: `"pong ${n}" did not come for ${SILENT_MS} ms, and pings came`,
        ...(peer.sent.length > 0 && { sent: peer.sent.subarray(-64) }),
        expected,
        ...(likelyCause !== undefined && { likelyCause }),
      })
    }
    check.fail({
      what: 'a line came that is neither a ping nor the pong that was asked for',
      ...(peer.sent.length > 0 && { sent: peer.sent.subarray(-64) }),
      expected,
      received,
      offset: firstDifference(expected, received),
      ...(likelyCause !== undefined && { likelyCause }),
    })
  }
}

interface Ending {
  after: string
  /** Since when the time counts, where that is not now. */
  since?: Stopwatch
  likelyCause?: string | undefined
  /** The likely cause where it gives up late. */
  late?: string | undefined
}

/** Waits until the program has ended, in the way that is expected. */
export async function ends(
  check: CheckContext,
  peer: TcpProbe,
  { line, code }: { line: string; code: number },
  { after, since = check.stopwatch(), likelyCause, late }: Ending,
): Promise<void> {
  const { program } = check
  const ended = (ms: number) => program.waitFor(() => !program.isRunning, ms)
  if (!(await since.happensWithin(LATEST_MS, ended))) {
    // Our side stays open, as that of a peer that has vanished does.
    if (peer.socket.readableEnded && !peer.socket.writableEnded) {
      check.fail({
        what: 'it has sent its FIN, and has not ended: it waits for ours',
        likelyCause: 'end() waits until the peer closes, too; a peer that has vanished never will',
      })
    }
    const what = `${LATEST_MS} ms after ${after} the program still runs`
    check.fail({ what, ...(likelyCause !== undefined && { likelyCause }) })
  }
  const last = program.lines.at(-1) ?? ''
  if (last === line && program.exitCode === code) {
    if (code !== GONE.code) return
    since.atMost(GONE_MS, {
      what: `it gave up, but later than ${GONE_MS} ms after ${after}`,
      likelyCause:
        late ??
        `${LIMIT_MS} ms without a sign of life are enough, and 2500 are the most: the limit is longer, or too seldom looked at`,
    })
    return
  }
  const how = last === line ? 'the line is right, the exit code is not' : `expected was "${line}"`
  check.fail({
    what: `${program.describeEnd()} after ${after}, and its last line was "${last}": ${how}`,
    ...(likelyCause !== undefined && program.exitCode !== code && { likelyCause }),
  })
}

/** Something that must not make the program give up: the peer is never silent for long. */
export async function spared(
  check: CheckContext,
  likelyCause: string,
  run: (alive: () => void) => Promise<void>,
): Promise<void> {
  const { program } = check
  let aliveMs = performance.now()
  let silentMs = 0
  const alive = () => {
    const nowMs = performance.now()
    silentMs = Math.max(silentMs, nowMs - aliveMs)
    aliveMs = nowMs
  }
  try {
    await run(alive)
  } catch (error) {
    await program.waitFor(() => !program.isRunning, 1000)
    if (!program.lines.includes(GONE.line)) throw error
    if (silentMs >= LIMIT_MS) check.inconclusive(`the peer came to say nothing for ${silentMs} ms`)
    check.fail({ what: `it gave up ("${GONE.line}") on a peer that was alive`, likelyCause })
  }
}

/** Sends signs of life for longer than the limit. */
export async function signs(
  check: CheckContext,
  peer: TcpProbe,
  pieces: string[],
  likelyCause: string,
): Promise<void> {
  await spared(check, likelyCause, async alive => {
    for (let sent = 0; sent * SIGN_MS < LIMIT_MS + 2 * SIGN_MS; sent++) {
      await sign(check, peer, pieces[sent % pieces.length]!, SIGN_MS, alive)
    }
  })
}

/** Sends a sign of life, and looks for a while whether the program goes on. */
export async function sign(
  check: CheckContext,
  peer: TcpProbe,
  text: string,
  ms: number,
  alive = () => {},
): Promise<void> {
  peer.send(text)
  alive()
  await check.pause(ms)
  if (check.program.isRunning) return
  alive()
  check.fail({ what: check.program.describeEnd() })
}

/** The last byte has just been sent: waits until the program gives up, neither early nor late. */
export async function givesUp(
  check: CheckContext,
  peer: TcpProbe,
  last: Stopwatch,
  likelyCauses: { never?: string; late?: string } = {},
): Promise<void> {
  await ends(check, peer, GONE, {
    after: 'the last byte of a peer that has vanished',
    since: last,
    likelyCause: likelyCauses.never,
    late: likelyCauses.late,
  })
  last.atLeast(LIMIT_MS, LIMIT_MS - INTERVAL_MS, {
    what: `it gave up sooner than ${LIMIT_MS} ms after the last byte`,
    likelyCause:
      'the time is counted from something earlier than the last sign of life: from the start, a pong, a whole line, or the last look at the clock; or by a clock that is too coarse',
  })
}
