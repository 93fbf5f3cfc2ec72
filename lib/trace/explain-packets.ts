import { bytesInWords } from './describe.ts'
import { FATE_WORDS, fateOf } from './fate.ts'
import type { End, PacketEvent } from './recording.ts'
import { sequenceDistance, sequencePlus } from './sequence.ts'

/** What sort of a packet it is, and what that means. */
export interface PacketMeaning {
  /** `SYN`, `SYN+ACK`, `data`, `data+FIN`, `FIN`, `ACK`, `RST`, `probe`, `datagram`, `copy`. */
  kind: string
  /** `SYN: client asks for a connection, sequence number 3001070229`. */
  words: string
  /** It has been sent before, stops the sender, or ends the connection: not to be left out. */
  notable: boolean
}

/** What was seen of one direction of a connection. */
interface Direction {
  /** The initial sequence number, as it really was, once the SYN was seen. */
  isn: number | undefined
  /** The number after the last one sent; undefined as long as nothing was seen. */
  next: number | undefined
  /** The number of its FIN. */
  fin: number | undefined
  ack: number | undefined
  /** As sent, not scaled. */
  window: number | undefined
  /** Exponent of the window scale option in its SYN; undefined where it has none. */
  scale: number | undefined
  /** A probe of the other direction waits for an answer. */
  probed: 'keepalive' | 'window' | undefined
}

const silent = (): Direction => ({
  isn: undefined,
  next: undefined,
  fin: undefined,
  ack: undefined,
  window: undefined,
  scale: undefined,
  probed: undefined,
})

const other = (end: End): End => (end === 'server' ? 'client' : 'server')

/** Says what packets mean. It remembers what each end of each connection has sent. */
export class PacketExplainer {
  readonly #directions = new Map<string, Direction>()

  /** The meaning of a packet, and what became of it on its way; call it in the order of time. */
  explain(packet: PacketEvent): PacketMeaning {
    const fate = fateOf(packet)
    // Its sender has sent it once: what the network adds says nothing about the connection.
    if (fate === 'copy') return { kind: 'copy', words: `copy: ${FATE_WORDS.copy}`, notable: true }
    const meaning = this.#explainSent(packet)
    if (fate === 'arrived') return meaning
    return { ...meaning, words: `${meaning.words}; ${FATE_WORDS[fate]}`, notable: true }
  }

  #explainSent(packet: PacketEvent): PacketMeaning {
    if (packet.protocol === 'udp') {
      const words = `datagram: ${packet.end} sends ${bytesInWords(packet.len)}; nothing answers for it`
      return { kind: 'datagram', words, notable: false }
    }
    const { source, destination, flags, seq = 0 } = packet
    const isn = packet.isn ?? seq
    if (flags.includes('S') && this.#sent(source, destination).isn !== isn) {
      // The same two addresses may carry another connection later.
      const scale = /\bwscale (\d+)/.exec(packet.options ?? '')?.[1]
      const fresh = { ...silent(), scale: scale === undefined ? undefined : Number(scale) }
      this.#directions.set(`${source} ${destination}`, fresh)
      if (!flags.includes('.')) this.#directions.set(`${destination} ${source}`, silent())
    }
    const mine = this.#sent(source, destination)
    const theirs = this.#sent(destination, source)
    const meaning = new Segment(packet, mine, theirs).meaning()
    // What it means depends on what was there before it; now it is there itself.
    const last = sequencePlus(seq, packet.len + (/[SF]/.test(flags) ? 1 : 0))
    if (flags.includes('S')) mine.isn = isn
    if (flags.includes('F')) mine.fin = sequencePlus(seq, packet.len)
    if (packet.seq !== undefined && !flags.includes('R') && meaning.kind !== 'probe') {
      if (mine.next === undefined || sequenceDistance(last, mine.next) > 0) mine.next = last
    }
    if (packet.ack !== undefined) mine.ack = packet.ack
    if (packet.window !== undefined) mine.window = packet.window
    mine.probed = undefined
    if (meaning.kind === 'probe') theirs.probed = theirs.window === 0 ? 'window' : 'keepalive'
    return meaning
  }

  #sent(from: string, to: string): Direction {
    const key = `${from} ${to}`
    const known = this.#directions.get(key) ?? silent()
    this.#directions.set(key, known)
    return known
  }
}

/** One segment, with what both ends had sent before it. */
class Segment {
  readonly #packet: PacketEvent
  readonly #mine: Direction
  readonly #theirs: Direction
  readonly #peer: End

  constructor(packet: PacketEvent, mine: Direction, theirs: Direction) {
    this.#packet = packet
    this.#mine = mine
    this.#theirs = theirs
    this.#peer = other(packet.end)
  }

  meaning(): PacketMeaning {
    const { flags, len } = this.#packet
    if (flags.includes('R')) return { kind: 'RST', words: this.#reset(), notable: true }
    if (flags.includes('S')) return this.#syn()
    if (this.#isProbe()) return { kind: 'probe', words: this.#probe(), notable: false }
    if (len > 0 || flags.includes('F')) return this.#data()
    const stops = this.#packet.window === 0 && this.#mine.window !== 0
    return { kind: 'ACK', words: `ACK: ${this.#pureAck()}`, notable: stops }
  }

  #syn(): PacketMeaning {
    const { seq = 0, ack, end, flags, isn } = this.#packet
    const kind = flags.includes('.') ? 'SYN+ACK' : 'SYN'
    if (this.#mine.next !== undefined) {
      return { kind, words: `${kind} again: no answer came to the one before`, notable: true }
    }
    const number = isn === undefined ? `${seq}` : `${seq} (really ${isn})`
    const words =
      kind === 'SYN'
        ? `${end} asks for a connection, sequence number ${number}`
        : `${end} agrees, sequence number ${number}, expects ${ack}`
    return { kind, words: `${kind}: ${words}`, notable: false }
  }

  #reset(): string {
    const { end } = this.#packet
    if (this.#mine.next === undefined || this.#mine.isn === undefined) {
      return `RST: nobody listens there, the connection is refused`
    }
    if (this.#mine.fin !== undefined) {
      return `RST: ${end} has left already, nobody takes what ${this.#peer} sends`
    }
    return `RST: ${end} ends the connection at once; what was not read is lost`
  }

  #data(): PacketMeaning {
    const { seq = 0, len, flags, end } = this.#packet
    const fin = flags.includes('F')
    const kind = len === 0 ? 'FIN' : fin ? 'data+FIN' : 'data'
    const again = this.#mine.next !== undefined && sequenceDistance(seq, this.#mine.next) < 0
    const numbers = len > 1 ? `numbers ${seq} to ${sequencePlus(seq, len - 1)}` : `number ${seq}`
    const said = [
      ...(len > 0 ? [`${bytesInWords(len)}, ${numbers}`] : []),
      ...(fin ? [`${end} has nothing more to send${len > 0 ? '' : `, number ${seq}`}`] : []),
      ...(again ? ['the same numbers as before'] : []),
      ...this.#piggyback(),
    ]
    const words = `${kind}${again ? ' again' : ''}: ${said.join('; ')}`
    return { kind, words, notable: again || fin }
  }

  /** A segment with data acknowledges too. Said only where it is the first to do so. */
  #piggyback(): string[] {
    const { ack, window } = this.#packet
    const full = window === 0 ? ['its own receive buffer is full (window 0)'] : []
    if (ack === undefined || this.#mine.ack === undefined) return full
    if (sequenceDistance(ack, this.#mine.ack) <= 0) return full
    return [this.#acksFin() ? 'acknowledges the FIN too' : `expects ${ack} next`, ...full]
  }

  #acksFin(): boolean {
    const { fin } = this.#theirs
    return fin !== undefined && this.#packet.ack === sequencePlus(fin, 1)
  }

  /**
   * Both probes have a number that the peer has acknowledged already, so that it has to answer. A
   * keepalive probe has the last one, and no byte or, from some systems, one that means nothing
   * (RFC 9293 §3.8.4). A probe of a closed window comes while bytes may still be on their way.
   */
  #isProbe(): boolean {
    const { flags, len, seq } = this.#packet
    const { next } = this.#mine
    const { ack, window } = this.#theirs
    if (flags !== '.' || next === undefined || seq === undefined || ack === undefined) return false
    if (window === 0 && len === 0) return sequenceDistance(seq, ack) < 0
    return len <= 1 && seq === sequencePlus(next, -1) && ack === next
  }

  #probe(): string {
    const { end } = this.#packet
    return this.#theirs.window === 0
      ? `window probe: ${end} asks whether there is room again`
      : `keepalive probe: ${end} asks whether ${this.#peer} is still there`
  }

  #pureAck(): string {
    const { ack = 0, end, window, options = '' } = this.#packet
    const before = this.#mine
    const room = this.#room(window)
    if (before.ack === undefined && this.#theirs.isn !== undefined) {
      return `${end} confirms, the handshake is complete`
    }
    const full = window === 0 ? '; its receive buffer is full (window 0)' : ''
    if (before.ack === undefined || sequenceDistance(ack, before.ack) > 0) {
      if (this.#acksFin()) return `${end} has got the FIN, number ${sequencePlus(ack, -1)}${full}`
      return `${end} has got everything before ${ack}${full}`
    }
    if (before.probed !== undefined) {
      return before.probed === 'keepalive' ? `${end} is still there` : `the room is now ${room}`
    }
    if (/\bsack\b/.test(options)) {
      return `again, ${end} still waits for ${ack}; it has some of what comes after`
    }
    if (window !== before.window) {
      return window === 0 ? `${end} has no more room (window 0)` : `${end} now has room for ${room}`
    }
    return `again, ${end} still expects ${ack}`
  }

  /** The window in bytes. The field counts in units that both ends agreed on in their SYNs. */
  #room(window = 0): string {
    const { scale } = this.#mine
    const known = scale !== undefined && this.#theirs.scale !== undefined
    return this.#mine.isn === undefined || this.#theirs.isn === undefined
      ? `${window} units`
      : bytesInWords(known ? window * 2 ** scale : window)
  }
}
