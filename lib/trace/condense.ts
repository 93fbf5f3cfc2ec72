import type { End, JsEvent, TraceEvent } from './recording.ts'

/** How many events of one kind are shown before the rest is counted. */
const SHOWN = 6
/** So many sockets of an end are counted one by one; those after them together. */
const SOCKETS = 4
/** How the text of a write ends that found no more room. */
const REFUSED = '→ false'
/** These are always shown: each of them says something of its own. */
const ALWAYS = new Set(['listening', 'error', 'destroy()', 'resetAndDestroy()'])
/** After these, nothing more of their socket is to be counted. */
const LAST = new Set(['error', 'close', 'destroy()', 'resetAndDestroy()'])

interface Counted {
  /** The first event that was not shown, and the last one. */
  first: JsEvent | undefined
  last: JsEvent
  count: number
  bytes: number
}

/**
 * Shortens a timeline: of many events of one kind on one socket, the first few stay, and one line
 * stands for the rest. The count starts anew with whatever the program prints, and ends when the
 * socket does. A write that returned false is a kind of its own.
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
    if (event.lane !== 'js') return [event]
    const kind = event.event
    if (kind === 'print' || kind === 'exit') return [...this.#summaries(event), event]
    if (kind === undefined) return [event]
    const own = event.socket !== undefined && event.socket <= SOCKETS
    const suffix = own ? ` #${event.socket}` : ''
    const last = own && LAST.has(kind) ? this.#summaries(event, suffix) : []
    if (last.length > 0 || ALWAYS.has(kind)) return [...last, event]
    const key = `${kind}${event.text.endsWith(REFUSED) ? ' false' : ''}${suffix}`
    const kinds = this.#kinds[event.end]
    const known = kinds.get(key) ?? { first: undefined, last: event, count: 0, bytes: 0 }
    kinds.set(key, known)
    known.count++
    known.last = event
    if (known.count <= SHOWN) return [event]
    known.first ??= event
    known.bytes += event.bytes ?? 0
    return []
  }

  /** What is left to be said at the end. */
  flush(): TraceEvent[] {
    const left = (['server', 'client'] as const).flatMap(end => this.#take(end, ''))
    // They stand at the end, and carry the time of the end: the timeline stays in order.
    return left.sort((a, b) => a.tNs - b.tNs).map(event => ({ ...event, tNs: this.#lastNs }))
  }

  /** What is to be said before an event: it takes that event's time, to stay in order. */
  #summaries({ end, tNs }: TraceEvent, suffix = ''): TraceEvent[] {
    return this.#take(end, suffix).map(summary => ({ ...summary, tNs }))
  }

  #take(end: End, suffix: string): TraceEvent[] {
    const taken: TraceEvent[] = []
    for (const [key, { first, last, count, bytes }] of this.#kinds[end]) {
      if (!key.endsWith(suffix)) continue
      this.#kinds[end].delete(key)
      if (count === SHOWN + 1) taken.push(first!)
      if (count <= SHOWN + 1) continue
      const sum = bytes > 0 ? `, ${bytes} bytes` : ''
      const { socket, bytes: _ofLast, ...rest } = last
      const own = suffix !== '' || / #\d+$/.test(key) ? { socket } : {}
      const result = last.text.endsWith(REFUSED) ? ` ${REFUSED}` : ''
      const text = `… ${count - SHOWN} more ${last.event}${result}${sum}`
      taken.push({ ...rest, ...own, ...(bytes > 0 ? { bytes } : {}), text } as TraceEvent)
    }
    return taken.sort((a, b) => a.tNs - b.tNs)
  }
}
