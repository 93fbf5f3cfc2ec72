import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { plural } from '#lib/program/plural.ts'
import { bytesOf, firstDifference } from './bytes.ts'
import { CheckFailed } from './check-failed.ts'
import { Condition } from './condition.ts'
import type { ProgramUnderTest } from './program-under-test.ts'
import { type Expectation, PATIENCE_MS } from './tcp-probe.ts'

/** How often to look whether the program has ended, which no socket reports, in milliseconds. */
const LOOK_MS = 100
/** How long an answer from the wrong port may take, when the right one has had its time. */
const STRANGER_MS = 1000

/** What is expected of a datagram. */
export interface DatagramExpectation extends Expectation {
  /** What it answers, where that is not what was sent last. */
  sent?: Uint8Array | undefined
}

export interface UdpProbeOptions {
  /** Where the datagrams come from, if not from 127.0.0.1. */
  localAddress?: string
  localPort?: number
}

/** A UDP socket between a check and the program that it examines. */
export class UdpProbe {
  readonly #socket: Socket
  readonly #port: number
  readonly #program: ProgramUnderTest
  readonly #messages: Buffer[] = []
  #sent: Buffer = Buffer.alloc(0)
  #refused = false
  #closed = false
  readonly #condition = new Condition()

  private constructor(socket: Socket, port: number, program: ProgramUnderTest) {
    this.#socket = socket
    this.#port = port
    this.#program = program
    socket.on('message', message => {
      this.#messages.push(message)
      this.#condition.notify()
    })
    socket.on('error', () => {
      this.#refused = true
      this.#condition.notify()
    })
  }

  static async open(
    port: number,
    program: ProgramUnderTest,
    { localAddress, localPort = 0 }: UdpProbeOptions = {},
  ): Promise<UdpProbe> {
    const socket = createSocket('udp4')
    if (localAddress !== undefined) {
      const bound = once(socket, 'listening')
      socket.bind(localPort, localAddress)
      await bound
    }
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new UdpProbe(socket, port, program)
  }

  /** Sends one datagram; false when it is larger than this system sends any. */
  async send(data: string | Uint8Array): Promise<boolean> {
    const bytes = bytesOf(data)
    const error = await new Promise<Error | null>(done => this.#socket.send(bytes, done))
    if (error && (error as NodeJS.ErrnoException).code === 'EMSGSIZE') return false
    // News about an earlier datagram; this one has not left.
    if (error) this.#refused = true
    this.#sent = bytes
    return true
  }

  /** Waits for the next datagram, which must be these bytes. */
  async expect(data: string | Uint8Array, options: DatagramExpectation = {}): Promise<void> {
    const expected = bytesOf(data)
    const received = await this.next(options, expected)
    if (received.equals(expected)) return
    const offset = firstDifference(expected, received)
    const what =
      received.length === expected.length
        ? 'the datagram that came back is not the one that was expected'
        : `the datagram has ${plural(received.length, 'byte')}, not ${expected.length}`
    this.#fail(what, options, { expected, received, offset })
  }

  /** Waits for the next datagram. */
  async next(options: DatagramExpectation = {}, expected?: Buffer): Promise<Buffer> {
    const patience = options.patienceMs ?? PATIENCE_MS
    const running = () => this.#program.isRunning
    const over = () => this.#messages.length > 0 || this.#refused || !running()
    if (!(await this.waitFor(over, patience))) await this.#silent(patience, options, expected)
    const next = this.#messages.shift()
    if (next) return next
    // The port is gone a moment before the process is.
    await this.#program.hasEnded(2000)
    const what = running()
      ? 'the datagram was refused: nobody on the port listens to this sender'
      : `it does not answer: ${this.#program.describeEnd()}`
    return this.#fail(
      what,
      { ...options, likelyCause: this.#program.refineCause(options.likelyCause) },
      {},
    )
  }

  /** Settles with true when it holds: asked when something comes; with false when the time is over. */
  waitFor(holds: () => boolean, ms: number): Promise<boolean> {
    return this.#program.within(ms, each => this.#condition.waitFor(holds, each, LOOK_MS))
  }

  get localPort(): number {
    return this.#socket.address().port
  }

  /** Datagrams that came and were not expected so far. */
  get unread(): readonly Buffer[] {
    return this.#messages
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#socket.close()
  }

  async #silent(
    patience: number,
    options: DatagramExpectation,
    expected: Buffer | undefined,
  ): Promise<never> {
    const seen = expected === undefined ? {} : { expected, received: Buffer.alloc(0), offset: 0 }
    // Taken before the program is asked again, and may compute again.
    const condition = this.#program.describeState()
    const advised = { ...options, likelyCause: this.#program.refineCause(options.likelyCause) }
    const port = await this.#strangersPort(options.sent ?? this.#sent)
    if (port !== undefined) {
      const what = `an answer came from port ${port}, and we had asked port ${this.#port}`
      const likelyCause =
        'the answer must leave from the socket that the question came to: a client hears no other'
      this.#fail(what, { ...options, likelyCause }, {})
    }
    this.#fail(`no datagram came for ${patience} ms (${condition})`, advised, seen)
  }

  /** Where a program answers from, when that is not the port that was asked. */
  async #strangersPort(question: Uint8Array): Promise<number | undefined> {
    // Not connected: it hears everybody.
    const open = createSocket('udp4')
    try {
      const answer = once(open, 'message', { signal: AbortSignal.timeout(STRANGER_MS) })
      open.send(question, this.#port, '127.0.0.1')
      const [, { port }] = await answer
      return port === this.#port ? undefined : port
    } catch {
      return undefined
    } finally {
      open.close()
    }
  }

  #fail(
    what: string,
    { likelyCause, bulk = false, sent = this.#sent }: DatagramExpectation,
    seen: { expected?: Buffer; received?: Buffer; offset?: number },
  ): never {
    throw new CheckFailed({
      what,
      ...(!bulk && { sent, ...seen }),
      ...(likelyCause !== undefined && { likelyCause }),
    })
  }
}
