import type { End, PacketEvent, StateEvent, TcpEvent } from './recording.ts'

/** Events that belong to a TCP socket or a connection. */
export type SocketEvent = StateEvent | PacketEvent | TcpEvent

/** The connection that an event belongs to; the same for both of its ends. */
export interface Connection {
  /** Both addresses, in an order of their own. */
  key: string
  /** Of its two ports, the one that tells it from others of that server: `:48286`. */
  label: string
}

/**
 * Tells which events belong to one connection, though a socket that has only asked for one has no
 * port of its own yet, and a listening one belongs to none.
 */
export class Connections {
  readonly #listening = new Set<string>()
  /** Sockets in SYN-SENT whose port is not known yet: end and remote address to their keys. */
  readonly #asking = new Map<string, string[]>()
  /** Connections that were seen before anybody had asked for them. */
  readonly #unasked = new Map<string, string[]>()
  #asked = 0
  readonly #keys = new Map<string, string>()
  readonly #labels = new Map<string, string>()

  /**
   * The connection, or undefined for a socket that listens and for what stands for several. Keep
   * the order of time.
   */
  of(event: SocketEvent): Connection | undefined {
    const [from, to] =
      event.lane === 'packet' ? [event.source, event.destination] : [event.local, event.remote]
    if (from === '') return undefined
    if (
      event.lane === 'state' &&
      (event.to === 'LISTEN' || (event.from === 'LISTEN' && noPort(to)))
    ) {
      this.#listening.add(from)
      return undefined
    }
    if (event.lane === 'packet' && event.flags === 'S') this.#listening.add(to)
    const pair = [from, to].sort().join(' ')
    const mine = `${event.end} ${to}`
    if (noPort(from)) {
      const isNew = event.lane === 'state' && event.to === 'SYN-SENT'
      const key = isNew
        ? (take(this.#unasked, mine) ?? `${pair} ${++this.#asked}`)
        : take(this.#asking, mine)
      if (isNew && key?.startsWith(pair)) put(this.#asking, mine, key)
      return { key: key ?? pair, label: '' }
    }
    // The first event with a port is of the socket that has asked for this connection. Lanes have
    // clocks of their own: the segment may stand before the state.
    if (!this.#keys.has(pair)) {
      const theirs = `${peerOf(event.end)} ${from}`
      const asked = take(this.#asking, mine) ?? take(this.#asking, theirs)
      this.#keys.set(pair, asked ?? pair)
      if (asked === undefined) for (const who of [mine, theirs]) put(this.#unasked, who, pair)
    }
    const key = this.#keys.get(pair)!
    const client = this.#listening.has(from) ? to : from
    // What it was called first stays: an address may listen later, or have listened before.
    const label = this.#labels.get(pair) ?? portOf(client)
    this.#labels.set(pair, label)
    return { key, label }
  }
}

function put(lists: Map<string, string[]>, name: string, key: string): void {
  lists.set(name, [...(lists.get(name) ?? []), key])
}

const take = (lists: Map<string, string[]>, name: string): string | undefined =>
  lists.get(name)?.shift()

const portOf = (address: string): string => /:\d+$/.exec(address)?.[0] ?? ''
const noPort = (address: string): boolean => portOf(address) === ':0' || portOf(address) === ''

/** The other end. */
export const peerOf = (end: End): End => (end === 'server' ? 'client' : 'server')
