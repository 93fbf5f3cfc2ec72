import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { Changed } from './changed.ts'
import { bytesOf, count, Failed, firstDifference } from './failed.ts'
import type { Subject } from './subject.ts'
import { type Expected, PATIENCE_MS } from './talk.ts'

/** What a socket tells nobody is looked for so often, in milliseconds: that the program has ended. */
const LOOK_MS = 100
/** How long an answer from the wrong port may take, when the right one has had its time. */
const STRANGER_MS = 1000

/** What is expected of a datagram. */
export interface ExpectedDatagram extends Expected {
  /** What it answers, where that is not what was sent last. */
  sent?: Uint8Array | undefined
}

export interface DatagramsOptions {
  /** Where the datagrams come from, if not from 127.0.0.1. */
  localAddress?: string
  localPort?: number
}

/** A UDP socket between a check and the program that it examines. */
export class Datagrams {
  readonly #socket: Socket
  readonly #port: number
  readonly #subject: Subject
  readonly #messages: Buffer[] = []
  #sent: Buffer = Buffer.alloc(0)
  #refused = false
  #closed = false
  readonly #changed = new Changed()

  private constructor(socket: Socket, port: number, subject: Subject) {
    this.#socket = socket
    this.#port = port
    this.#subject = subject
    socket.on('message', message => {
      this.#messages.push(message)
      this.#changed.tell()
    })
    socket.on('error', () => {
      this.#refused = true
      this.#changed.tell()
    })
  }

  static async open(
    port: number,
    subject: Subject,
    { localAddress, localPort = 0 }: DatagramsOptions = {},
  ): Promise<Datagrams> {
    const socket = createSocket('udp4')
    if (localAddress !== undefined) {
      const bound = once(socket, 'listening')
      socket.bind(localPort, localAddress)
      await bound
    }
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Datagrams(socket, port, subject)
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
  async expect(data: string | Uint8Array, options: ExpectedDatagram = {}): Promise<void> {
    const expected = bytesOf(data)
    const received = await this.next(options, expected)
    if (received.equals(expected)) return
    const offset = firstDifference(expected, received)
    const what =
      received.length === expected.length
        ? 'the datagram that came back is not the one that was expected'
        : `the datagram has ${count(received.length, 'byte')}, not ${expected.length}`
    this.#fail(what, options, { expected, received, offset })
  }

  /** Waits for the next datagram. */
  async next(options: ExpectedDatagram = {}, expected?: Buffer): Promise<Buffer> {
    const patience = options.patienceMs ?? PATIENCE_MS
    const running = () => this.#subject.running
    const over = () => this.#messages.length > 0 || this.#refused || !running()
    if (!(await this.until(over, patience))) await this.#silent(patience, options, expected)
    const next = this.#messages.shift()
    if (next) return next
    // The port is gone a moment before the process is.
    await this.#subject.hasEnded(2000)
    const what = running()
      ? 'the datagram was refused: nobody on the port listens to this sender'
      : `it does not answer: ${this.#subject.fate()}`
    return this.#fail(what, { ...options, mistake: this.#subject.advice(options.mistake) }, {})
  }

  /** Settles with true when it holds: asked when something comes; with false when the time is over. */
  until(holds: () => boolean, ms: number): Promise<boolean> {
    return this.#subject.within(ms, each => this.#changed.until(holds, each, LOOK_MS))
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
    options: ExpectedDatagram,
    expected: Buffer | undefined,
  ): Promise<never> {
    const seen = expected === undefined ? {} : { expected, received: Buffer.alloc(0), offset: 0 }
    // Taken before the program is asked again, and may compute again.
    const condition = this.#subject.condition()
    const advised = { ...options, mistake: this.#subject.advice(options.mistake) }
    const port = await this.#strangersPort(options.sent ?? this.#sent)
    if (port !== undefined) {
      const what = `an answer came from port ${port}, and we had asked port ${this.#port}`
      const mistake =
        'the answer must leave from the socket that the question came to: a client hears no other'
      this.#fail(what, { ...options, mistake }, {})
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
    { mistake, bulk = false, sent = this.#sent }: ExpectedDatagram,
    seen: { expected?: Buffer; received?: Buffer; offset?: number },
  ): never {
    throw new Failed({
      what,
      ...(!bulk && { sent, ...seen }),
      ...(mistake !== undefined && { mistake }),
    })
  }
}
