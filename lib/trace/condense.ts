import type { End, TraceEvent } from './recording.ts'

/** How many events of one kind are shown before the rest is counted. */
const SHOWN = 6
/** These are always shown: each of them says something of its own. */
const ALWAYS = new Set(['print', 'listening', 'error', 'exit'])

interface Counted {
  last: TraceEvent
  count: number
  bytes: number
}

/**
 * Shortens a timeline: of many events of one kind at one end, the first few stay, and one line
 * stands for the rest. Whatever a program prints starts the count anew.
 */
export class Condenser {
  readonly #kinds = {
    server: new Map<string, Counted>(),
    client: new Map<string, Counted>(),
  } satisfies Record<End, unknown>
  #lastNs = 0

  /** Takes the next event, and returns what is to be shown now, in order. */
  push(event: TraceEvent): TraceEvent[] {
    this.#lastNs = event.tNs
    if (event.event === 'print') return [...this.#summaries(event.end), event]
    if (event.event === undefined || ALWAYS.has(event.event)) return [event]
    const kinds = this.#kinds[event.end]
    const known = kinds.get(event.event)
    const count = (known?.count ?? 0) + 1
    const bytes = count > SHOWN ? (known?.bytes ?? 0) + (event.bytes ?? 0) : 0
    kinds.set(event.event, { last: event, count, bytes })
    return count > SHOWN ? [] : [event]
  }

  /** What is left to be said at the end. */
  flush(): TraceEvent[] {
    return [...this.#summaries('server'), ...this.#summaries('client')]
  }

  /** They carry the time at which they are said, so that the timeline stays in order. */
  #summaries(end: End): TraceEvent[] {
    const kinds = [...this.#kinds[end].values()].filter(({ count }) => count > SHOWN)
    this.#kinds[end].clear()
    return kinds
      .sort((a, b) => a.last.tNs - b.last.tNs)
      .map(({ last, count, bytes }): TraceEvent => {
        const { socket: _socket, bytes: _bytes, ...rest } = last
        const text = `… ${count - SHOWN} more ${last.event}`
        const summary = { ...rest, tNs: this.#lastNs }
        return bytes > 0
          ? { ...summary, bytes, text: `${text}, ${bytes} bytes` }
          : { ...summary, text }
      })
  }
}
