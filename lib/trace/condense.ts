import { bytesInWords } from './describe.ts'
import { inOrder } from './order.ts'
import type { JsEvent, Lane, TraceEvent } from './recording.ts'

/** How many events of one kind are shown before the rest is counted. */
const SHOWN = 6
/** Below the JavaScript lane, so many more after each line of output. */
const SHOWN_AGAIN = 2
/** Lines of output that differ in nothing but numbers: what a program says is worth more room. */
const SHOWN_PRINTS = 8
/** So many sockets of an end are counted one by one; those after them together. */
const SOCKETS = 3
/** Of those, so many: they tell what the first ones have told. */
const SHOWN_OF_OTHERS = 1
/** How the text of a write ends that found no more room. */
const REFUSED = '→ false'
/** These are always shown: each of them says something of its own. */
const ALWAYS = new Set(['listening', 'error'])
/** And these, of a socket that is counted on its own. */
const ALWAYS_OF_ONE = new Set(['destroy()', 'resetAndDestroy()'])
/** After these, nothing more of their socket is to be counted. */
const LAST: Record<Lane, ReadonlySet<string>> = {
  js: new Set(['end', 'error', 'close', 'destroy()', 'resetAndDestroy()']),
  syscall: new Set(['shutdown', 'close']),
  state: new Set(),
  packet: new Set(['FIN', 'data+FIN', 'RST']),
  tcp: new Set(),
}

/** What an event is about: one socket or connection, one of those after the first few, or none. */
type Subject = { one: string } | 'others' | 'none'

interface Counted {
  /** The first event that was not shown, and the last one. */
  first: TraceEvent | undefined
  last: TraceEvent
  subject: Subject
  noun: string
  shown: number
  /** How many were not shown, and their bytes. */
  count: number
  bytes: number
}

/** A whole run, shortened. */
export function condensed(events: readonly TraceEvent[]): TraceEvent[] {
  const condenser = new Condenser()
  return inOrder([...events.flatMap(event => condenser.push(event)), ...condenser.flush()])
}

/**
 * Shortens a timeline: of many events of one kind on one socket, the first few stay, and one line
 * stands for the rest. The count starts anew with what the program prints, and ends when the
 * socket does. A write that returned false is a kind of its own. The line carries the time of the
 * first event that it stands for: put all that comes out in order to have it in its place.
 *
 * Of many sockets, the first few are told of one by one, and the others together: their count is
 * told when the program prints what it has not printed before. Lines of output that differ in
 * nothing but numbers are events of one kind.
 */
export class Condenser {
  readonly #kinds = new Map<string, Counted>()
  /** Sockets and connections in the order of their appearance, in groups. */
  readonly #subjects = new Map<string, Set<string>>()
  /** How often the descriptors of an end were closed: the same number is another socket then. */
  readonly #closed = new Map<string, number>()

  /**
   * Takes the next event, and returns what is to be shown now, in order.
   *
   * `kind`: what it is counted as, within its lane. `notable`: events that say something of their
   * own are counted apart from the others.
   */
  push(event: TraceEvent, kind = kindOf(event), notable = false): TraceEvent[] {
    const { lane, end } = event
    if (kind === '') return [event]
    if (lane === 'js' && kind === 'print') return this.#print(event)
    if (lane === 'js' && kind === 'exit') {
      return [...this.#take(counted => counted.last.end === end), event]
    }
    const subject = this.#subjectOf(event)
    const isOne = typeof subject === 'object'
    const before =
      LAST[lane].has(kind) && isOne
        ? this.#take(({ subject: other, last }) => {
            return typeof other === 'object' && other.one === subject.one && last.lane === lane
          })
        : []
    const always = lane === 'js' && (ALWAYS.has(kind) || (ALWAYS_OF_ONE.has(kind) && isOne))
    if (before.length > 0 || always) return [...before, event]
    const which = isOne ? subject.one : subject
    const key = [lane, end, kind, notable, event.text.endsWith(REFUSED), which].join(' ')
    const limit = subject === 'others' ? SHOWN_OF_OTHERS : SHOWN
    return this.#count(event, key, limit, { subject, noun: nounOf(event, kind) })
  }

  /** What is left to be said at the end. */
  flush(): TraceEvent[] {
    return this.#take(() => true)
  }

  /** A line of output: the first of its kind begins something new. */
  #print(event: JsEvent): TraceEvent[] {
    const { end, text } = event
    const words = wordsOf(text)
    const key = `print ${end} ${words}`
    const isNew = !this.#kinds.has(key)
    const subject: Subject = 'none'
    const shown = this.#count(event, key, SHOWN_PRINTS, { subject, noun: `“${words}”` })
    if (shown.length === 0) return []
    const before = this.#take(
      ({ subject: other, last }) =>
        last.end === end && (isNew || (other !== 'others' && !isPrint(last))),
    )
    return [...before, event]
  }

  /** Shows an event, or counts it where as many of its kind were shown as there may be. */
  #count(
    event: TraceEvent,
    key: string,
    limit: number,
    named: Pick<Counted, 'subject' | 'noun'>,
  ): TraceEvent[] {
    const none = { first: undefined, last: event, shown: 0, count: 0, bytes: 0 }
    const known = this.#kinds.get(key) ?? { ...none, ...named }
    this.#kinds.set(key, known)
    known.last = event
    if (known.shown < limit) {
      known.shown++
      return [event]
    }
    known.count++
    known.first ??= event
    known.bytes += bytesOf(event)
    return []
  }

  #take(which: (counted: Counted) => boolean): TraceEvent[] {
    const taken: TraceEvent[] = []
    for (const [key, counted] of this.#kinds) {
      if (!which(counted)) continue
      const { last, subject, count } = counted
      // A line that says "1 more" would save nothing.
      if (count === 1) taken.push(counted.first!)
      else if (count > 0) taken.push(summaryOf(counted))
      Object.assign(counted, { first: undefined, count: 0, bytes: 0 })
      if (isPrint(last)) continue
      if (subject === 'others') counted.shown = 0
      else if (last.lane === 'js') this.#kinds.delete(key)
      else counted.shown = Math.min(counted.shown, SHOWN - SHOWN_AGAIN)
    }
    return inOrder(taken)
  }

  #subjectOf(event: TraceEvent): Subject {
    if (event.lane === 'js') {
      const { end, socket } = event
      if (socket === undefined) return 'none'
      return socket <= SOCKETS ? { one: `${end} #${socket}` } : 'others'
    }
    const name = this.#nameOf(event)
    if (name === undefined) return 'none'
    const group = event.lane === 'syscall' ? `${event.lane} ${event.end}` : event.lane
    const known = this.#subjects.get(group) ?? new Set()
    this.#subjects.set(group, known)
    if (!known.has(name) && known.size >= SOCKETS) return 'others'
    known.add(name)
    return { one: `${group} ${name}` }
  }

  /** The socket or connection of an event below the JavaScript lane, where it has one. */
  #nameOf(event: Exclude<TraceEvent, JsEvent>): string | undefined {
    if (event.lane === 'syscall') {
      const descriptor = `${event.end} ${event.fd}`
      const closed = this.#closed.get(descriptor) ?? 0
      if (event.call === 'close') this.#closed.set(descriptor, closed + 1)
      return `${descriptor} ${closed}`
    }
    const ends =
      event.lane === 'packet' ? [event.source, event.destination] : [event.local, event.remote]
    // One that listens, or has only asked for a connection, has no peer or no port as yet.
    return ends.some(end => end.endsWith(':0')) ? undefined : ends.sort().join(' ')
  }
}

const isPrint = (event: TraceEvent): boolean => event.lane === 'js' && event.event === 'print'

/** A line of output without its numbers, which are what tells it from others of its kind. */
const wordsOf = (text: string): string =>
  text.replaceAll(/\d+(?:[.:]\d+)*/g, '…').replaceAll(/…(?:\s+…)+/g, '…')

const kindOf = (event: TraceEvent): string =>
  event.lane === 'js' ? (event.event ?? '') : event.lane === 'syscall' ? event.call : event.text

function nounOf(event: TraceEvent, kind: string): string {
  if (event.lane === 'js') {
    if (event.text.endsWith(REFUSED)) return `${kind} ${REFUSED}`
    return kind.endsWith('()') ? kind : `${kind} events`
  }
  if (event.lane === 'syscall') return event.error ? `${event.call} = ${event.error}` : kind
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
function summaryOf({ first, last, subject, noun, count, bytes }: Counted): TraceEvent {
  const sum = bytes > 0 ? `, ${bytesInWords(bytes)}` : ''
  const common = {
    // It stands where the first of them happened.
    tNs: first?.tNs ?? last.tNs,
    end: last.end,
    text: `… ${count} more ${noun}${sum}`,
    count,
  }
  const isOne = typeof subject === 'object'
  switch (last.lane) {
    case 'js': {
      const { event, socket } = last
      const own = isOne && socket !== undefined ? { socket } : {}
      const sum = bytes > 0 ? { bytes } : {}
      return { ...common, lane: 'js', ...(event === undefined ? {} : { event }), ...own, ...sum }
    }
    case 'syscall': {
      const { call, fd, error } = last
      const own = isOne && fd !== undefined ? { fd } : {}
      return { ...common, lane: 'syscall', call, ...own, ...(error === undefined ? {} : { error }) }
    }
    case 'state': {
      const { from, to } = last
      return { ...common, lane: 'state', from, to, ...addresses(last, isOne) }
    }
    case 'packet': {
      const { protocol, flags } = last
      const [source, destination] = isOne ? [last.source, last.destination] : ['', '']
      return { ...common, lane: 'packet', protocol, source, destination, flags, len: bytes }
    }
    case 'tcp':
      return { ...common, lane: 'tcp', kind: last.kind, ...addresses(last, isOne) }
  }
}

/** The addresses of one connection; those of several have none in common. */
function addresses(
  { local, remote }: { local: string; remote: string },
  isOne: boolean,
): { local: string; remote: string } {
  return isOne ? { local, remote } : { local: '', remote: '' }
}
