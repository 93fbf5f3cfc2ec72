import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { bytesOf, count, Failed, firstDifference } from './failed.ts'
import type { Subject } from './subject.ts'
import { type Expected, PATIENCE_MS } from './talk.ts'

/** A UDP socket between a check and the program that it examines. */
export class Datagrams {
  readonly #socket: Socket
  readonly #subject: Subject
  readonly #messages: Buffer[] = []
  #sent: Buffer = Buffer.alloc(0)
  #refused = false
  #changed: (() => void)[] = []

  private constructor(socket: Socket, subject: Subject) {
    this.#socket = socket
    this.#subject = subject
    socket.on('message', message => {
      this.#messages.push(message)
      this.#tell()
    })
    socket.on('error', () => {
      this.#refused = true
      this.#tell()
    })
  }

  static async open(port: number, subject: Subject): Promise<Datagrams> {
    const socket = createSocket('udp4')
    socket.connect(port, '127.0.0.1')
    await once(socket, 'connect')
    return new Datagrams(socket, subject)
  }

  async send(data: string | Uint8Array): Promise<void> {
    this.#sent = bytesOf(data)
    await new Promise<void>(done => this.#socket.send(this.#sent, () => done()))
  }

  /** Waits for the next datagram, which must be these bytes. */
  async expect(data: string | Uint8Array, options: Expected = {}): Promise<void> {
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
  async next(options: Expected = {}, expected?: Buffer): Promise<Buffer> {
    const patience = options.patienceMs ?? PATIENCE_MS
    const end = performance.now() + patience
    while (this.#messages.length === 0 && !this.#refused) {
      const left = end - performance.now()
      const seen = expected === undefined ? {} : { expected, received: Buffer.alloc(0), offset: 0 }
      if (left <= 0) {
        const what = `no datagram came for ${patience} ms (${this.#subject.condition()})`
        this.#fail(what, options, seen)
      }
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>(resolve => {
        timer = setTimeout(resolve, left)
        this.#changed.push(resolve)
      })
      clearTimeout(timer)
    }
    const next = this.#messages.shift()
    if (next) return next
    return this.#fail(`nobody listens on the port any more: ${this.#subject.fate()}`, options, {})
  }

  /** Datagrams that came and were not expected so far. */
  get unread(): readonly Buffer[] {
    return this.#messages
  }

  close(): void {
    this.#socket.close()
  }

  #fail(
    what: string,
    { mistake }: Expected,
    seen: { expected?: Buffer; received?: Buffer; offset?: number },
  ): never {
    throw new Failed({
      what,
      sent: this.#sent,
      ...seen,
      ...(mistake !== undefined && { mistake }),
    })
  }

  #tell(): void {
    for (const resolve of this.#changed.splice(0)) resolve()
  }
}
