import type { Failure } from './exercise.ts'
import { Failed, Inconclusive } from './failed.ts'
import { groupMembers, runDelayMs, stolenMs } from './run-delay.ts'

/** As often we look how late this process itself is, in milliseconds. */
const TICK_MS = 10
/** As often we ask how long the program had to wait for a processor, in milliseconds. */
const SAMPLE_MS = 50

/** How long something took: on a machine with nothing else to do, between these two. */
export interface Duration {
  /** As the clock has it. */
  ms: number
  /** Without what other programs may have added to it. */
  leastMs: number
  /** With what may have gone by before we saw it begin. */
  mostMs: number
}

/**
 * Watches how the machine delays one run of one step: timers of this process say how late we see
 * things, and the scheduler how long the program had to wait for a processor.
 */
export class Delays {
  readonly #pid: number | undefined
  /** When a timer ran last, and by how much each was late. */
  #tickMs = performance.now()
  readonly #late: { atMs: number; ms: number }[] = []
  /** The last that is known of the program, and when we asked. */
  #program: number | undefined
  #sampledMs = performance.now()
  #members: number[] = []
  readonly #timers: NodeJS.Timeout[]

  /** @param pid Leads the group of processes that are examined; absent if somebody else started them. */
  constructor(pid: number | undefined) {
    this.#pid = pid
    this.#sample()
    this.#timers = [setInterval(() => this.#tick(), TICK_MS)]
    if (pid !== undefined) this.#timers.push(setInterval(() => this.#sample(), SAMPLE_MS))
  }

  close(): void {
    for (const timer of this.#timers) clearInterval(timer)
  }

  /** Starts to measure. What is measured may have begun a little before we got to know. */
  start(): Stopwatch {
    this.#findMembers()
    return new Stopwatch(this)
  }

  /** By how much we may be late now. */
  nowMs(): number {
    const nowMs = performance.now()
    return nowMs - this.#tickMs + this.ownMs(nowMs - 5 * TICK_MS)
  }

  /** By how much we were late at most since then. */
  ownMs(sinceMs: number): number {
    const pending = Math.max(0, performance.now() - this.#tickMs - TICK_MS)
    const late = this.#late.filter(({ atMs }) => atMs >= sinceMs).map(({ ms }) => ms)
    return TICK_MS + Math.max(pending, ...late)
  }

  /** How long the program had to wait for a processor so far. */
  programMs(): number {
    if (this.#sample()) return this.#program!
    // It has ended: what has become of it after we asked last is not known.
    if (this.#program !== undefined) return this.#program + performance.now() - this.#sampledMs
    // No kernel that says so: it has been as late as we were.
    return this.#late.reduce((sum, { ms }) => sum + ms, 0)
  }

  #tick(): void {
    const nowMs = performance.now()
    const ms = nowMs - this.#tickMs - TICK_MS
    if (ms > 0) this.#late.push({ atMs: nowMs, ms })
    this.#tickMs = nowMs
  }

  #findMembers(): void {
    if (this.#pid !== undefined) this.#members = groupMembers(this.#pid)
  }

  #sample(): boolean {
    if (this.#pid === undefined) return false
    const delay = runDelayMs(this.#members.length > 0 ? this.#members : [this.#pid])
    if (delay === undefined) return false
    // Where a thread has ended, its share is gone.
    this.#program = Math.max(delay, this.#program ?? 0)
    this.#sampledMs = performance.now()
    return true
  }
}

/** Measures a time, and what the machine may have added to it. */
export class Stopwatch {
  readonly #delays: Delays
  readonly #startMs = performance.now()
  readonly #beforeMs: number
  readonly #programMs: number
  readonly #stolenMs = stolenMs()

  constructor(delays: Delays) {
    this.#delays = delays
    this.#beforeMs = delays.nowMs()
    this.#programMs = delays.programMs()
  }

  read(): Duration {
    const ms = performance.now() - this.#startMs
    const program = Math.max(0, this.#delays.programMs() - this.#programMs)
    const added = this.#delays.ownMs(this.#startMs) + program + stolenMs() - this.#stolenMs
    return { ms, leastMs: Math.max(0, ms - added), mostMs: ms + this.#beforeMs }
  }

  /**
   * Waits for something that should happen within a limit, and longer while the machine may be why it
   * has not. Returns whether it has happened.
   *
   * @param wait Waits for so many milliseconds at most, and returns whether it has happened.
   * @throws {Inconclusive} when the machine does not let us find out.
   */
  async happens(limitMs: number, wait: (ms: number) => Promise<boolean>): Promise<boolean> {
    for (;;) {
      const { ms, leastMs, mostMs } = this.read()
      if (leastMs > limitMs) return wait(0)
      if (ms > 3 * limitMs + 1000) {
        throw new Inconclusive(between(leastMs, mostMs, `at most ${limitMs}`))
      }
      if (await wait(limitMs - leastMs + 1)) return true
    }
  }

  /**
   * Says that what has happened now should have taken no longer than this.
   *
   * @throws {Failed} when it took longer, whatever the machine did.
   * @throws {Inconclusive} when it may have been in time, or may have been late.
   */
  atMost(limitMs: number, failure: Omit<Failure, 'step'>): void {
    const { leastMs, mostMs } = this.read()
    if (leastMs > limitMs) throw new Failed(failure)
    if (mostMs > limitMs) throw new Inconclusive(between(leastMs, mostMs, `at most ${limitMs}`))
  }

  /**
   * Says that what has happened now should not have happened before this.
   *
   * @param sureMs Less than this, and no other program may be why it took long enough.
   * @throws {Failed} when it was too early, whatever the machine did.
   * @throws {Inconclusive} when it may have been late enough only because the machine was busy.
   */
  atLeast(limitMs: number, sureMs: number, failure: Omit<Failure, 'step'>): void {
    const { leastMs, mostMs } = this.read()
    if (mostMs < limitMs) throw new Failed(failure)
    if (leastMs < sureMs) throw new Inconclusive(between(leastMs, mostMs, `at least ${limitMs}`))
  }
}

function between(leastMs: number, mostMs: number, allowed: string): string {
  const [least, most] = [Math.floor(leastMs), Math.ceil(mostMs)]
  return `it took ${least} to ${most} ms, and ${allowed} ms are right: other programs kept it, or this check, waiting`
}
