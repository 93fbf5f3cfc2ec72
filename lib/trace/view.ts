import { Condenser } from './condense.ts'
import { Explainer } from './explain.ts'
import { inOrder } from './order.ts'
import type { End, TraceEvent } from './recording.ts'
import { RelativeNumbers } from './relative.ts'

/** How a reader wants to see a run. */
export interface ViewOptions {
  /** Count sequence numbers from 0. */
  relative?: boolean
  /** As seen from one end: what happens there, and the packets in both directions. */
  only?: End | undefined
  /** Let one line stand for many events of a kind. */
  condensed?: boolean
}

/** Prepares the events of a run for a reader: explained, and shortened where wanted. */
export class View {
  readonly #options: ViewOptions
  readonly #relative = new RelativeNumbers()
  readonly #explainer = new Explainer()
  readonly #condenser = new Condenser()

  constructor(options: ViewOptions = {}) {
    this.#options = options
  }

  /** Takes the next event in the order of time, and returns what is to be shown now. */
  push(next: TraceEvent): TraceEvent[] {
    const { relative, only, condensed } = this.#options
    const explained = this.#explainer.push(relative ? this.#relative.push(next) : next)
    const { event, kind, notable } = explained
    if (only !== undefined && event.end !== only && event.lane !== 'packet') return []
    return condensed ? this.#condenser.push(event, kind, notable) : [event]
  }

  /** What is left to be said at the end. */
  flush(): TraceEvent[] {
    return this.#condenser.flush()
  }
}

/** All events of a run, or of a recording, as a reader wants to see them. */
export function viewOf(events: readonly TraceEvent[], options: ViewOptions): TraceEvent[] {
  const view = new View(options)
  const shown = [...events.flatMap(event => view.push(event)), ...view.flush()]
  return options.condensed ? inOrder(shown) : shown
}
