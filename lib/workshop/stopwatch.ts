import { Inconclusive } from '#lib/lab/inconclusive.ts'
import { CheckFailed } from './check-failed.ts'
import type { Failure } from './failure.ts'
import { groupMembers, isRunnable, stolenMs, threadTimes } from './run-delay.ts'

/** How often to look how late this process itself is, in milliseconds. */
const TICK_MS = 10
/** How often to ask how long the program had to wait for a processor, in milliseconds. */
const SAMPLE_MS = 100
/** The same while a time is measured for a judgement. */
const CLOSE_SAMPLE_MS = 50
/** How many samples lie between two searches for processes that the program has started. */
const SAMPLES_PER_SEARCH = 30
/** The longest wait beyond the time that something should take, in milliseconds. */
const MOST_WAIT_MS = 60_000

/** How long something took: on a machine with nothing else to do, between these two. */
export interface Duration {
  /** As the clock has it. */
  ms: number
  /** Without what other programs may have added to it. */
  leastMs: number
  /** With what may have gone by before we saw it begin. */
  mostMs: number
}

/** How late timers of this process are: so late it sees whatever happens. */
class Lateness {
  #tickMs = performance.now()
  readonly #late: { atMs: number; ms: number }[] = []
  #users = 0
  #timer: NodeJS.Timeout | undefined
  /** What was ready to be read at this time has been read. */
  #polledMs = performance.now()
  #polling = false

  begin(): void {
    if (this.#users++ > 0) return
    this.#tickMs = performance.now()
    this.#polledMs = this.#tickMs
    this.#timer = setInterval(() => this.#tick(), TICK_MS).unref()
  }

  end(): void {
    if (--this.#users > 0) return
    clearInterval(this.#timer)
    this.#late.length = 0
  }

  /** By how much what we see now may be late. */
  nowMs(): number {
    // What we see now may have waited through the last late tick, however long ago that was.
    const nowMs = performance.now()
    const byTicks = nowMs - this.#tickMs + this.mostMs(this.#tickMs - 5 * TICK_MS)
    // And timers may fire again and again before anything is read.
    return Math.max(byTicks, nowMs - this.#polledMs)
  }

  /** By how much we were late at most since then. */
  mostMs(sinceMs: number): number {
    // What is late since the last tick comes on top: an event may have waited through both.
    const pending = Math.max(0, performance.now() - this.#tickMs - TICK_MS)
    let most = 0
    for (let at = this.#late.length - 1; at >= 0 && this.#late[at]!.atMs >= sinceMs; at--) {
      most = Math.max(most, this.#late[at]!.ms)
    }
    return TICK_MS + pending + most
  }

  /** By how much we were late since then, all in all. */
  sumMs(sinceMs: number): number {
    return this.#late.reduce((sum, { atMs, ms }) => (atMs >= sinceMs ? sum + ms : sum), 0)
  }

  #tick(): void {
    const nowMs = performance.now()
    const ms = nowMs - this.#tickMs - TICK_MS
    if (ms > 1) this.#late.push({ atMs: nowMs, ms })
    this.#tickMs = nowMs
    if (this.#polling) return
    this.#polling = true
    // After the timers, the event loop reads; then come the immediates.
    setImmediate(() => {
      this.#polling = false
      this.#polledMs = nowMs
    }).unref()
  }
}

const lateness = new Lateness()

/**
 * Watches how the machine delays one run of a program: timers of this process say how late we see
 * things, and the scheduler how long the program had to wait for a processor.
 */
export class Delays {
  readonly #pid: number | undefined
  readonly #bornMs = performance.now()
  /** What is known of each thread of the program, and since when it may not have run. */
  readonly #threads = new Map<string, { text: string; delayMs: number; sinceMs: number }>()
  /** For how long one thread or another had to wait, as far as we have seen it. */
  #waitedMs = 0
  #sampledMs = performance.now()
  #endedMs: number | undefined
  #stolenMs = stolenMs()
  #members: number[]
  #samples = 0
  #timer: NodeJS.Timeout | undefined
  #closed = false

  /** @param pid Leads the processes that are examined; absent if the check did not start them. */
  constructor(pid: number | undefined) {
    lateness.begin()
    this.#pid = pid
    this.#members = pid === undefined ? [] : [pid]
    this.#sampleEvery(SAMPLE_MS)
  }

  close(): void {
    this.#closed = true
    lateness.end()
    clearInterval(this.#timer)
  }

  /** Starts to measure, for a judgement: what is measured is known as well as can be. */
  start(): Stopwatch {
    this.#search()
    this.#sample()
    this.#sampleEvery(CLOSE_SAMPLE_MS)
    return this.startRoughly()
  }

  /** Starts to measure: costs nothing. */
  startRoughly(): Stopwatch {
    return new Stopwatch(this)
  }

  /** By how much the machine may have delayed the program so far, as we know at this moment. */
  get knownMs(): number {
    const waitedMs = this.#threads.size > 0 ? this.#waitedMs : lateness.sumMs(this.#bornMs)
    return waitedMs + this.#stolenMs
  }

  /** The same with what we do not know of the last moments. */
  get worstMs(): number {
    const seen = this.#sample()
    // The scheduler forgets one that has ended.
    const untilMs = this.#endedMs ?? performance.now()
    const ended = !seen && this.#threads.size > 0
    if (ended) return this.knownMs + Math.max(0, untilMs - this.#sampledMs)
    // One that waits for a processor now is counted only when it has got one.
    const waiting = [...this.#threads].filter(([thread]) => isRunnable(thread))
    return this.knownMs + Math.max(0, ...waiting.map(([, { sinceMs }]) => untilMs - sinceMs))
  }

  /** From now on nothing delays the program. */
  programEnded(): void {
    this.#endedMs ??= performance.now()
  }

  #sampleEvery(ms: number): void {
    clearInterval(this.#timer)
    // A step that is cut off runs on for a moment, and may start a stopwatch: nothing ends that timer.
    if (this.#closed) return
    this.#timer = setInterval(() => {
      if (this.#samples++ % SAMPLES_PER_SEARCH === 0) this.#search()
      this.#sample()
    }, ms)
  }

  #search(): void {
    if (this.#pid !== undefined) this.#members = groupMembers(this.#pid)
  }

  /** Returns whether the scheduler knows the program. */
  #sample(): boolean {
    this.#stolenMs = stolenMs()
    const times = threadTimes(this.#members)
    const nowMs = performance.now()
    const waits: Wait[] = []
    for (const { thread, text, delayMs } of times) {
      const before = this.#threads.get(thread)
      if (before?.text === text) continue
      const ms = delayMs - (before?.delayMs ?? 0)
      waits.push({ ms, withinMs: nowMs - (before?.sinceMs ?? this.#bornMs) })
      const sinceMs = before === undefined ? this.#bornMs : this.#sampledMs
      this.#threads.set(thread, { text, delayMs, sinceMs })
    }
    if (times.length === 0) return false
    this.#waitedMs += longestTogether(waits)
    this.#sampledMs = nowMs
    return true
  }
}

/** So long a thread waited for a processor, at some time within so many of the last milliseconds. */
export interface Wait {
  ms: number
  withinMs: number
}

/**
 * For how long, at most, at least one of these threads waited, in milliseconds. Threads that wait at the
 * same time delay their program once: the sum of their waits would be many times what it was late.
 */
export function longestTogether(waits: readonly Wait[]): number {
  // All end now, so each shorter time lies within the longer ones.
  return waits
    .toSorted((a, b) => a.withinMs - b.withinMs)
    .reduce((longest, { ms, withinMs }) => Math.min(longest + ms, withinMs), 0)
}

/** Measures a time, and what the machine may have added to it. */
export class Stopwatch {
  readonly #delays: Delays
  readonly #startMs = performance.now()
  readonly #beforeMs = lateness.nowMs()
  readonly #knownMs: number

  constructor(delays: Delays) {
    this.#delays = delays
    this.#knownMs = delays.knownMs
  }

  read(): Duration {
    const ms = performance.now() - this.#startMs
    const delayed = this.#delays.worstMs - this.#knownMs
    const leastMs = Math.max(0, ms - delayed - lateness.mostMs(this.#startMs))
    return { ms, leastMs, mostMs: ms + this.#beforeMs }
  }

  /**
   * True when it has taken longer than this, whatever the machine did.
   *
   * @throws {Inconclusive} when it takes far too long to find out.
   */
  isOver(limitMs: number): boolean {
    if (performance.now() - this.#startMs <= limitMs) return false
    const { ms, leastMs, mostMs } = this.read()
    if (leastMs > limitMs) return true
    if (ms < limitMs + MOST_WAIT_MS) return false
    throw new Inconclusive(between(leastMs, mostMs, `at most ${limitMs}`))
  }

  /**
   * Waits for something that should happen within a limit, and longer while the machine may be why it
   * has not. Returns whether it has happened.
   *
   * @param wait Waits for so many milliseconds at most, and returns whether it has happened.
   * @throws {Inconclusive} when the machine does not let us find out.
   */
  async happensWithin(limitMs: number, wait: (ms: number) => Promise<boolean>): Promise<boolean> {
    if (await wait(limitMs)) return true
    while (!this.isOver(limitMs)) {
      if (await wait(Math.max(10, limitMs - this.read().leastMs))) return true
    }
    return wait(0)
  }

  /**
   * Says that what has happened now should have taken no longer than this.
   *
   * @param sureMs Longer than this, and it may have been late although it looks in time.
   * @throws {CheckFailed} when it took longer than `limitMs`, whatever the machine did.
   * @throws {Inconclusive} when it may have been in time, or may have been late.
   */
  atMost(limitMs: number, failure: Omit<Failure, 'step'>, sureMs = limitMs): void {
    const { leastMs, mostMs } = this.read()
    if (leastMs > limitMs) throw new CheckFailed(failure)
    if (mostMs > sureMs) throw new Inconclusive(between(leastMs, mostMs, `at most ${limitMs}`))
  }

  /**
   * Says that what has happened now should not have happened before this.
   *
   * @param sureMs Less than this, and no other program may be why it took long enough.
   * @throws {CheckFailed} when it was too early, whatever the machine did.
   * @throws {Inconclusive} when it may have been late enough only because the machine was busy.
   */
  atLeast(limitMs: number, sureMs: number, failure: Omit<Failure, 'step'>): void {
    const { leastMs, mostMs } = this.read()
    if (mostMs < limitMs) throw new CheckFailed(failure)
    if (leastMs < sureMs) throw new Inconclusive(between(leastMs, mostMs, `at least ${limitMs}`))
  }
}

function between(leastMs: number, mostMs: number, allowed: string): string {
  const [least, most] = [Math.floor(leastMs), Math.ceil(mostMs)]
  return `it took ${least} to ${most} ms, and ${allowed} ms are right: other programs kept it, or this check, waiting`
}
