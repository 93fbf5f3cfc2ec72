import { packetText } from './packet-text.ts'
import type { PacketEvent, TcpEvent, TraceEvent } from './recording.ts'
import { SequenceBases } from './sequence-base.ts'

/**
 * Counts sequence numbers from 0, as tcpdump does without `-S`: of each direction of a connection,
 * 0 stands for the number of its SYN, which that event keeps as `isn`.
 *
 * Where the SYN was not seen, 0 is the first number that was.
 */
export class RelativeNumbers {
  readonly #bases = new SequenceBases(0)

  /** The event with relative numbers; events of other lanes as they are. Keep the order of time. */
  push(event: TraceEvent): TraceEvent {
    if (event.lane === 'packet' && event.protocol === 'tcp') return this.#packet(event)
    if (event.lane === 'tcp') return this.#variables(event)
    return event
  }

  #packet(event: PacketEvent): PacketEvent {
    const { seq } = event
    const syn = event.flags.includes('S')
    const packet = {
      ...event,
      ...this.#bases.relative({ ...event, syn }),
      ...(syn && seq !== undefined ? { isn: seq } : {}),
    }
    return { ...packet, text: packetText(packet) }
  }

  #variables(event: TcpEvent): TcpEvent {
    const { local, remote, sndUna, sndNxt, text } = event
    const [una, nxt] = [sndUna, sndNxt].map(number =>
      number === undefined ? undefined : this.#bases.count(local, remote, number),
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
}
