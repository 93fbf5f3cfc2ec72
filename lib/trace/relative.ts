import { packetText } from './packet-text.ts'
import type { PacketEvent, TcpEvent, TraceEvent } from './recording.ts'
import { distance, plus } from './sequence.ts'

/**
 * Counts sequence numbers from 0, as tcpdump does without `-S`: of each direction of a connection,
 * 0 stands for the number of its SYN, which that event keeps as `isn`.
 *
 * Where the SYN was not seen, 0 is the first number that was.
 */
export class RelativeNumbers {
  readonly #zeros = new Map<string, number>()

  /** The event with relative numbers; events of other lanes as they are. Keep the order of time. */
  push(event: TraceEvent): TraceEvent {
    if (event.lane === 'packet' && event.protocol === 'tcp') return this.#packet(event)
    if (event.lane === 'tcp') return this.#variables(event)
    return event
  }

  #packet(event: PacketEvent): PacketEvent {
    const { source, destination, flags, seq, ack } = event
    const isSyn = flags.includes('S')
    if (isSyn && seq !== undefined) this.#zeros.set(`${source} ${destination}`, seq)
    const packet = {
      ...event,
      ...(seq === undefined ? {} : { seq: this.#from(`${source} ${destination}`, seq) }),
      ...(ack === undefined ? {} : { ack: this.#from(`${destination} ${source}`, ack) }),
      ...(isSyn && seq !== undefined ? { isn: seq } : {}),
    }
    return { ...packet, text: packetText(packet) }
  }

  #variables(event: TcpEvent): TcpEvent {
    const key = `${event.local} ${event.remote}`
    const { sndUna, sndNxt, text } = event
    const [una, nxt] = [sndUna, sndNxt].map(number =>
      number === undefined ? undefined : this.#from(key, number),
    )
    return {
      ...event,
      ...(una === undefined ? {} : { sndUna: una }),
      ...(nxt === undefined ? {} : { sndNxt: nxt }),
      text: text
        .replace(/\b(snd_?una)([ =])\d+/i, `$1$2${una}`)
        .replace(/\b(snd_?nxt)([ =])\d+/i, `$1$2${nxt}`),
    }
  }

  /** A reset may acknowledge 0 in a direction that has sent nothing: that is no number of it. */
  #from(key: string, number: number): number {
    const zero = this.#zeros.get(key)
    if (zero === undefined) this.#zeros.set(key, number)
    return plus(distance(number, zero ?? number), 0)
  }
}
