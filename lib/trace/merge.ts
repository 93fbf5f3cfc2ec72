import { compareEvents } from './order.ts'
import type { TraceEvent } from './recording.ts'

/**
 * Puts the events of several processes into the order of `compareEvents`.
 *
 * All processes read the same monotonic clock, but their events reach the observer on different
 * ways. An event is therefore held back until nothing older can still be on its way.
 */
export class Merger {
  readonly #holdNs: number
  #held: TraceEvent[] = []

  /** `holdMs`: how late an event may come in and still find its place. */
  constructor(holdMs: number) {
    this.#holdNs = holdMs * 1e6
  }

  push(event: TraceEvent): void {
    // Events mostly come in order: look for the place from the end.
    let at = this.#held.length
    while (at > 0 && compareEvents(this.#held[at - 1]!, event) > 0) at--
    this.#held.splice(at, 0, event)
  }

  /** The events that are old enough at `nowNs`, in order. */
  ready(nowNs: number): TraceEvent[] {
    let count = 0
    while (count < this.#held.length && this.#held[count]!.tNs <= nowNs - this.#holdNs) count++
    return this.#held.splice(0, count)
  }

  /** Everything that is left. */
  flush(): TraceEvent[] {
    return this.#held.splice(0)
  }
}
