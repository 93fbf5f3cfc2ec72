import { plural } from '#lib/program/plural.ts'
import { Random } from '#lib/program/random.ts'
import { firstDifference } from '#lib/workshop/bytes.ts'
import type { CheckContext } from '#lib/workshop/exercise.ts'
import type { UdpProbe, UdpProbeOptions } from '#lib/workshop/udp-probe.ts'

/** So many numbers are named in a failure. */
const NAMED = 12

/** Sends numbered datagrams, and knows what is right. */
export class Sender {
  readonly #check: CheckContext
  readonly #datagrams: UdpProbe
  /** Of its own: however much other senders send meanwhile, this one sends the same. */
  readonly #random: Random
  /** The first numbers that were sent: these are named. */
  readonly #first: number[] = []
  readonly #different = new Set<number>()
  #count = 0
  #highest = -1

  private constructor(check: CheckContext, datagrams: UdpProbe) {
    this.#check = check
    this.#datagrams = datagrams
    this.#random = new Random(check.random.below(2 ** 31))
  }

  static async open(check: CheckContext, from?: UdpProbeOptions): Promise<Sender> {
    return new Sender(check, await check.openUdp(from))
  }

  get localPort(): number {
    return this.#datagrams.localPort
  }

  async number(...numbers: number[]): Promise<void> {
    for (const number of numbers) await this.long(number, this.#random.below(40))
  }

  /** Sends numbered datagrams with nothing behind their numbers, all at once. */
  async burst(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) this.#note(number)
    const datagrams = numbers.map(number => Buffer.concat([Buffer.of(0x44), u32(number)]))
    await Promise.all(datagrams.map(datagram => this.#datagrams.send(datagram)))
  }

  /** Sends a numbered datagram with so many bytes behind its number, and returns it. */
  async long(number: number, payloadBytes: number): Promise<Buffer> {
    const payload = this.#random.bytes(payloadBytes)
    const datagram = Buffer.concat([Buffer.of(0x44), u32(number), payload])
    this.#note(number)
    await this.#datagrams.send(datagram)
    return datagram
  }

  #note(number: number): void {
    if (this.#count < NAMED) this.#first.push(number)
    this.#different.add(number)
    this.#highest = Math.max(this.#highest, number)
    this.#count++
  }

  async garbage(bytes: Uint8Array): Promise<void> {
    await this.#datagrams.send(bytes)
  }

  /** Asks, and examines the answer. `behind`: the datagram before, where that is what matters. */
  async ask(
    likelyCause?: string,
    behind?: Uint8Array,
    token: Uint8Array = this.#random.bytes(2),
  ): Promise<void> {
    const question = Buffer.concat([Buffer.of(0x51), token])
    await this.#datagrams.send(question)
    const lost = this.#highest + 1 - this.#different.size
    const again = this.#count - this.#different.size
    const expected = Buffer.concat([Buffer.of(0x41), token, u32(lost), u32(again)])

    const sent = behind ?? question
    const received = await this.#datagrams.next({ likelyCause, sent }, expected)
    if (received.equals(expected)) return
    const offset = firstDifference(expected, received)
    const counts = received.length === expected.length && offset >= 3
    this.#check.fail({
      what: counts
        ? `${this.#numbers()}: it counts ${lostAndAgain(received)}; right is ${lostAndAgain(expected)}`
        : whatIsWrong(received, offset),
      sent,
      expected,
      received,
      offset,
      ...(likelyCause !== undefined && (counts || behind) && { likelyCause }),
    })
  }

  #numbers(): string {
    const all = this.#first
    if (this.#count > NAMED) {
      return `${this.#count} numbered datagrams up to ${this.#highest}`
    }
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
  if (received.length !== 11) return `the answer has ${plural(received.length, 'byte')}, not 11`
  return offset === 0
    ? 'the answer does not begin with 0x41'
    : 'the answer does not carry the token of the question'
}
