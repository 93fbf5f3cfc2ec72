import { sequenceDistance, sequencePlus } from './sequence.ts'

/** What of a segment its relative numbers are made of. */
export interface Numbered {
  source: string
  destination: string
  syn: boolean
  /** Absolute numbers; `ack` only where the ACK flag is set. */
  seq?: number | undefined
  ack?: number | undefined
}

/**
 * Counts sequence numbers from 0: of each direction of a connection, 0 stands for the number of its
 * SYN. Where that was not seen, the first number that was becomes `first`: tcpdump begins with 0,
 * Wireshark with 1, because the 0 of the SYN must have been before it.
 */
export class SequenceBases {
  readonly #bases = new Map<string, number>()
  readonly #first: 0 | 1

  constructor(first: 0 | 1) {
    this.#first = first
  }

  /** The relative numbers of a segment; keep the order of time. */
  relative({ source, destination, syn, seq, ack }: Numbered): { seq?: number; ack?: number } {
    const key = `${source} ${destination}`
    if (syn && seq !== undefined) {
      // The same two addresses may carry another connection later.
      const isNew = ack === undefined && (this.#bases.get(key) ?? seq) !== seq
      if (isNew) this.#bases.delete(`${destination} ${source}`)
      this.#bases.set(key, seq)
    }
    return {
      ...(seq === undefined ? {} : { seq: this.count(source, destination, seq) }),
      ...(ack === undefined ? {} : { ack: this.count(destination, source, ack) }),
    }
  }

  /** A number of the direction from one address to another, counted from its base. */
  count(source: string, destination: string, number: number): number {
    const key = `${source} ${destination}`
    const base = this.#bases.get(key) ?? sequencePlus(number, -this.#first)
    this.#bases.set(key, base)
    return sequencePlus(sequenceDistance(number, base), 0)
  }
}
