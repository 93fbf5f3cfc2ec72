import type { Datagrams } from '../../../../lib/workshop/datagrams.ts'
import type { Examiner } from '../../../../lib/workshop/exercise.ts'
import { count, firstDifference } from '../../../../lib/workshop/failed.ts'

/** So many numbers are named in a failure. */
const NAMED = 12

/** Sends numbered datagrams, and knows what is right. */
export class Sender {
  readonly #at: Examiner
  readonly #datagrams: Datagrams
  readonly #sent: number[] = []

  private constructor(at: Examiner, datagrams: Datagrams) {
    this.#at = at
    this.#datagrams = datagrams
  }

  static async open(at: Examiner): Promise<Sender> {
    return new Sender(at, await at.datagrams())
  }

  async number(...numbers: number[]): Promise<void> {
    for (const number of numbers) await this.long(number, this.#at.random.below(40))
  }

  /** Sends a numbered datagram with so many bytes behind its number, and returns it. */
  async long(number: number, payloadBytes: number): Promise<Buffer> {
    const payload = this.#at.random.bytes(payloadBytes)
    const datagram = Buffer.concat([Buffer.of(0x44), u32(number), payload])
    this.#sent.push(number)
    await this.#datagrams.send(datagram)
    return datagram
  }

  async garbage(bytes: Uint8Array): Promise<void> {
    await this.#datagrams.send(bytes)
  }

  /** Asks, and examines the answer. `behind`: the datagram before, where that is what matters. */
  async ask(mistake?: string, behind?: Uint8Array): Promise<void> {
    const token = this.#at.random.bytes(2)
    const question = Buffer.concat([Buffer.of(0x51), token])
    await this.#datagrams.send(question)
    const different = new Set(this.#sent)
    const lost = this.#sent.reduce((most, each) => Math.max(most, each), -1) + 1 - different.size
    const again = this.#sent.length - different.size
    const expected = Buffer.concat([Buffer.of(0x41), token, u32(lost), u32(again)])

    const sent = behind ?? question
    const received = await this.#datagrams.next({ mistake, sent }, expected)
    if (received.equals(expected)) return
    const offset = firstDifference(expected, received)
    const counts = received.length === expected.length && offset >= 3
    this.#at.fail({
      what: counts
        ? `${this.#numbers()}: it counts ${lostAndAgain(received)}; right is ${lostAndAgain(expected)}`
        : whatIsWrong(received, offset),
      sent,
      expected,
      received,
      offset,
      ...(mistake !== undefined && (counts || behind) && { mistake }),
    })
  }

  #numbers(): string {
    const all = this.#sent
    if (all.length > NAMED) return `${all.length} numbered datagrams up to ${Math.max(...all)}`
    return all.length === 0 ? 'no number was sent' : `the numbers ${all.join(', ')} were sent`
  }
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const lostAndAgain = (answer: Buffer): string =>
  `${answer.readUInt32BE(3)} lost and ${answer.readUInt32BE(7)} again`

function whatIsWrong(received: Buffer, offset: number): string {
  if (received.length !== 11) return `the answer has ${count(received.length, 'byte')}, not 11`
  return offset === 0
    ? 'the answer does not begin with 0x41'
    : 'the answer does not carry the token of the question'
}
