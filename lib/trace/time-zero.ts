import type { End, TraceEvent } from './recording.ts'

/** When something happened, counted from time zero. */
export interface Moment {
  /** Undefined before time zero, while the programs start. */
  ms: number | undefined
  /** With the event at time zero: how long nothing had happened before. */
  startMs?: number
}

/**
 * Counts time from the first event of one end, usually the client: before it, the server gets ready
 * and Node starts, which takes a different time on each machine.
 */
export class TimeZero {
  readonly #end: End
  #zeroNs: number | undefined
  #beforeNs: number | undefined

  constructor(end: End = 'client') {
    this.#end = end
  }

  /** The moment of the next event, in the order of time. */
  push({ tNs, end }: Pick<TraceEvent, 'tNs' | 'end'>): Moment {
    const before = this.#beforeNs
    this.#beforeNs = tNs
    if (this.#zeroNs !== undefined) return { ms: (tNs - this.#zeroNs) / 1e6 }
    if (end !== this.#end) return { ms: undefined }
    this.#zeroNs = tNs
    return before === undefined ? { ms: 0 } : { ms: 0, startMs: (tNs - before) / 1e6 }
  }
}

/** `Node starts: 0.4 s` */
export const startText = (ms: number): string => `Node starts: ${(ms / 1000).toFixed(1)} s`
