import type { Lane, TraceEvent } from './recording.ts'

/** How many events of one kind are shown before the rest is counted. */
const SHOWN = 6
/** Below the JavaScript lane, so many more after each line of output. */
const SHOWN_AGAIN = 2
/** So many sockets of an end are counted one by one; those after them together. */
const SOCKETS = 4
/** How the text of a write ends that found no more room. */
const REFUSED = '→ false'
/** These are always shown: each of them says something of its own. */
const ALWAYS = new Set(['listening', 'error', 'destroy()', 'resetAndDestroy()'])
/** After these, nothing more of their socket is to be counted. */
const LAST: Record<Lane, ReadonlySet<string>> = {
  js: new Set(['end', 'error', 'close', 'destroy()', 'resetAndDestroy()']),
  syscall: new Set(['shutdown', 'close']),
  state: new Set(),
  packet: new Set(['FIN', 'data+FIN', 'RST']),
  tcp: new Set(),
}

interface Counted {
  /** The first event that was not shown, and the last one. */
  first: TraceEvent | undefined
  last: TraceEvent
  /** Which socket or connection, where it is counted on its own. */
  subject: string | undefined
  noun: string
  shown: number
  /** How many were not shown, and their bytes. */
  count: number
  bytes: number
}

/**
 * Shortens a timeline: of many events of one kind on one socket, the first few stay, and one line
 * stands for the rest. The count starts anew with whatever the program prints, and ends when the
 * socket does. A write that returned false is a kind of its own.
 */
export class Condenser {
  readonly #kinds = new Map<string, Counted>()
  /** Sockets and connections in the order of their appearance. */
  readonly #subjects = new Map<string, number>()
  #lastNs = 0

  /**
   * Takes the next event, and returns what is to be shown now, in order.
   *
   * `kind`: what it is counted as, within its lane. `notable`: events that say something of their
   * own are counted apart from the others.
   */
  push(event: TraceEvent, kind = kindOf(event), notable = false): TraceEvent[] {
    this.#lastNs = event.tNs
    const { lane, end } = event
    if (lane === 'js' && (kind === 'print' || kind === 'exit')) {
      return [...this.#summaries(event, counted => counted.last.end === end), event]
    }
    if (kind === '') return [event]
    const subject = this.#subjectOf(event)
    const isLast = LAST[lane].has(kind) && subject !== undefined
    const before = isLast
      ? this.#summaries(event, counted => counted.subject === subject && counted.last.lane === lane)
      : []
    if (before.length > 0 || (lane === 'js' && ALWAYS.has(kind))) return [...before, event]
    const key = [lane, end, kind, notable, event.text.endsWith(REFUSED), subject].join(' ')
    const noun = nounOf(event, kind)
    const known = this.#kinds.get(key) ?? {
      ...{ first: undefined, last: event, subject, noun, shown: 0, count: 0, bytes: 0 },
    }
    this.#kinds.set(key, known)
    known.last = event
    if (known.shown < SHOWN) {
      known.shown++
      return [event]
    }
    known.count++
    known.first ??= event
    known.bytes += bytesOf(event)
    return []
  }

  /** What is left to be said at the end. */
  flush(): TraceEvent[] {
    // They stand at the end, and carry the time of the end: the timeline stays in order.
    return this.#take(() => true).map(event => ({ ...event, tNs: this.#lastNs }))
  }

  /** What is to be said before an event: it takes that event's time, to stay in order. */
  #summaries({ tNs }: TraceEvent, which: (counted: Counted) => boolean): TraceEvent[] {
    return this.#take(which).map(summary => ({ ...summary, tNs }))
  }

  #take(which: (counted: Counted) => boolean): TraceEvent[] {
    const taken: TraceEvent[] = []
    for (const [key, counted] of this.#kinds) {
      if (!which(counted)) continue
      if (counted.count === 1) taken.push(counted.first!)
      else if (counted.count > 1) taken.push(summaryOf(counted))
      const { lane } = counted.last
      if (lane === 'js') this.#kinds.delete(key)
      else {
        counted.shown = Math.min(counted.shown, SHOWN - SHOWN_AGAIN)
        Object.assign(counted, { first: undefined, count: 0, bytes: 0 })
      }
    }
    return taken.sort((a, b) => a.tNs - b.tNs)
  }

  /** The socket or connection that is counted on its own, or undefined after the first few. */
  #subjectOf(event: TraceEvent): string | undefined {
    if (event.lane === 'js') {
      const { end, socket } = event
      return socket !== undefined && socket <= SOCKETS ? `${end} #${socket}` : undefined
    }
    const subject = subjectName(event)
    const group = event.lane === 'syscall' ? `${event.lane} ${event.end}` : event.lane
    const key = `${group} ${subject}`
    if (!this.#subjects.has(key)) {
      const known = [...this.#subjects.keys()].filter(other => other.startsWith(`${group} `))
      if (known.length >= SOCKETS) return undefined
      this.#subjects.set(key, known.length)
    }
    return key
  }
}

const kindOf = (event: TraceEvent): string =>
  event.lane === 'js' ? (event.event ?? '') : event.lane === 'syscall' ? event.call : event.text

function subjectName(event: Exclude<TraceEvent, { lane: 'js' }>): string {
  if (event.lane === 'syscall') return String(event.fd)
  const ends =
    event.lane === 'packet' ? [event.source, event.destination] : [event.local, event.remote]
  return ends.sort().join(' ')
}

function nounOf(event: TraceEvent, kind: string): string {
  if (event.lane === 'js') return event.text.endsWith(REFUSED) ? `${kind} ${REFUSED}` : kind
  if (event.lane === 'syscall') return event.error ? `${event.call} = ${event.error}` : event.call
  if (event.lane === 'state') return `${event.from} → ${event.to}`
  return kind
}

function bytesOf(event: TraceEvent): number {
  if (event.lane === 'js') return event.bytes ?? 0
  if (event.lane === 'packet') return event.len
  const moves = event.lane === 'syscall' && /^(read|write|recv|send)/.test(event.call)
  return moves ? Math.max(0, event.result ?? 0) : 0
}

/** The line that stands for several events: of their fields, those that hold for all of them. */
function summaryOf({ last, subject, noun, count, bytes }: Counted): TraceEvent {
  const text = `… ${count} more ${noun}${bytes > 0 ? `, ${bytes} bytes` : ''}`
  const { tNs, end } = last
  const common = { tNs, end, text, count }
  switch (last.lane) {
    case 'js': {
      const { event, socket } = last
      const own = subject === undefined || socket === undefined ? {} : { socket }
      const sum = bytes > 0 ? { bytes } : {}
      return { ...common, lane: 'js', ...(event === undefined ? {} : { event }), ...own, ...sum }
    }
    case 'syscall': {
      const { call, fd, error } = last
      const own = subject === undefined || fd === undefined ? {} : { fd }
      return { ...common, lane: 'syscall', call, ...own, ...(error === undefined ? {} : { error }) }
    }
    case 'state': {
      const { from, to } = last
      return { ...common, lane: 'state', from, to, ...addresses(last, subject) }
    }
    case 'packet': {
      const { protocol, flags } = last
      const one = subject !== undefined
      const [source, destination] = one ? [last.source, last.destination] : ['', '']
      return { ...common, lane: 'packet', protocol, source, destination, flags, len: bytes }
    }
    case 'tcp':
      return { ...common, lane: 'tcp', kind: last.kind, ...addresses(last, subject) }
  }
}

/** The addresses of one connection; those of several have none in common. */
function addresses(
  { local, remote }: { local: string; remote: string },
  subject: string | undefined,
): { local: string; remote: string } {
  return subject === undefined ? { local: '', remote: '' } : { local, remote }
}
