import { inOrder } from './order.ts'
import type { End, TraceEvent } from './recording.ts'
import { isPrint } from './render-text.ts'

/** How many lines of a timeline show everything, and how many lines it may have. */
export interface Budget {
  full: number
  most: number
}

/** What was left out at one end since the last line that was shown. */
interface Folded {
  first: TraceEvent
  count: number
}

/**
 * Keeps a timeline within a number of lines. The first lines show everything. Those after them show
 * what has not been there yet: the first event of each kind, errors, and what the client prints; one
 * line for each end stands for what is left out in between. When the lines are used up, the rest is
 * counted.
 */
export class LineBudget {
  readonly #budget: Budget
  readonly #linesOf: (event: TraceEvent) => number
  readonly #kinds = new Set<string>()
  readonly #folded = new Map<End, Folded>()
  #lines = 0
  #hasFolded = false

  /** @param linesOf how many lines an event takes. */
  constructor(budget: Budget, linesOf: (event: TraceEvent) => number) {
    this.#budget = budget
    this.#linesOf = linesOf
  }

  /** Whether something was left out. */
  get hasFolded(): boolean {
    return this.#hasFolded
  }

  /** Takes the next event of a shortened timeline, and returns what is to be shown now. */
  push(event: TraceEvent): TraceEvent[] {
    const kind = kindOf(event)
    const isNew = !this.#kinds.has(kind)
    this.#kinds.add(kind)
    const { full, most } = this.#budget
    const says = isNew || isTelling(event)
    if (this.#lines < full || (says && this.#lines < most)) return this.#shown(event)
    const folded = this.#folded.get(event.end) ?? { first: event, count: 0 }
    folded.count += event.count ?? 1
    this.#folded.set(event.end, folded)
    return []
  }

  /** What is left to be said at the end. */
  flush(): TraceEvent[] {
    const summaries = [...this.#folded.values()].map(({ first, count }) => {
      if (count === (first.count ?? 1)) return first
      this.#hasFolded = true
      return summaryOf(first, count)
    })
    this.#folded.clear()
    return inOrder(summaries)
  }

  #shown(event: TraceEvent): TraceEvent[] {
    const shown = [...this.flush(), event]
    for (const each of shown) this.#lines += this.#linesOf(each)
    return shown
  }
}

const summaryOf = ({ tNs, end }: TraceEvent, count: number): TraceEvent => ({
  tNs,
  end,
  lane: 'js',
  text: `… ${count} more events`,
  count,
})

const isTelling = (event: TraceEvent): boolean =>
  event.lane === 'js' &&
  (event.event === 'error' || event.event === 'exit' || (isPrint(event) && event.end === 'client'))

/** Events of one kind differ in numbers, or in what they carry. */
const kindOf = (event: TraceEvent): string => {
  const name = event.lane === 'js' ? event.event : event.text
  const words = isPrint(event) ? event.text.replaceAll(/[\d.:]+/g, '…') : ''
  return `${event.end} ${event.lane} ${name} ${words}`
}
