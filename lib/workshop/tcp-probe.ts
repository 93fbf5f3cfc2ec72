import { connect, type Socket } from 'node:net'
import { TcpSnapshot } from '#lib/kernel/tcp-table.ts'
import { plural } from '#lib/program/plural.ts'
import { bytesOf, firstDifference } from './bytes.ts'
import { CheckFailed } from './check-failed.ts'
import { Condition } from './condition.ts'
import type { ProgramUnderTest } from './program-under-test.ts'

/** How long a program may say nothing before we stop waiting for it, in milliseconds. */
export const PATIENCE_MS = 4000

/**
 * The same for a client that has read nothing for long: where the kernel loses the news that there is
 * room again, as it does on a busy machine, the next probe of the window comes so much later.
 */
export const WAKE_UP_PATIENCE_MS = 15_000

export interface TcpProbeOptions {
  /** Do not read what comes until `read()`. */
  reading?: boolean
  /** Where the connection comes from, as in `net.connect`. */
  localAddress?: string
  localPort?: number
}

/** What is expected, and what it means when it does not come. */
export interface Expectation {
  /** The likely cause, in one sentence. */
  likelyCause?: string | undefined
  /** The likely cause where the program falls silent; by default, the one above. */
  causeOfSilence?: string | undefined
  /** The likely cause where the program sends more than it should. */
  causeOfExcess?: string | undefined
  patienceMs?: number | undefined
  /** A mass of bytes, of which one place says nothing: the failure counts them, and shows none. */
  bulk?: boolean | undefined
  /** The byte that ends an answer: of a wrong one, nothing behind its end is shown. */
  endByte?: number | undefined
  /** The likely cause of a reset, where the program must not reset the connection behind its FIN either. */
  causeOfReset?: string | undefined
}

const NOTHING = new Uint8Array(0)

/** A TCP connection between a check and the program that it examines. */
export class TcpProbe {
  readonly socket: Socket
  readonly #program: ProgramUnderTest
  #sent: Buffer[] = []
  #received: Buffer = Buffer.alloc(0)
  /** Where `#received` lies, with room behind it. */
  #room: Buffer = Buffer.alloc(0)
  /** What has been looked at already. */
  #at = 0
  #ended = false
  #closed = false
  #error: string | undefined
  /** It has not read for a while: what ended the connection may have come behind bytes. */
  #slept = false
  /** Our port and the program's: a socket that was reset does not know them any more. */
  #ports: [here?: number | undefined, there?: number | undefined] = []
  readonly #condition = new Condition()

  constructor(socket: Socket, program: ProgramUnderTest) {
    this.socket = socket
    this.#program = program
    socket.on('data', chunk => {
      this.#keep(chunk)
      this.#condition.notify()
    })
    socket.on('end', () => {
      this.#ended = true
      this.#condition.notify()
    })
    for (const event of ['connect', 'drain', 'finish'])
      socket.on(event, () => this.#condition.notify())
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#error = error.code ?? error.message
    })
    socket.on('close', () => {
      this.#closed = true
      this.#condition.notify()
    })
  }

  /** @throws {CheckFailed} when the program does not take the connection. */
  static async open(
    port: number,
    program: ProgramUnderTest,
    options: TcpProbeOptions = {},
  ): Promise<TcpProbe> {
    const { reading, ...from } = options
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true, ...from })
    // Small pieces leave as they are written: that is how they are to arrive.
    socket.setNoDelay()
    // Before anybody listens to what comes: Node would read a little of it.
    if (reading === false) socket.pause()
    const probe = new TcpProbe(socket, program)
    probe.#slept = reading === false
    await probe.#within(PATIENCE_MS, () => !socket.connecting || probe.#closed)
    probe.#ports = [socket.localPort, socket.remotePort]
    if (probe.#error === 'ECONNREFUSED') {
      await program.hasEnded() // its port goes a moment before it
      const what = `nobody listens on port ${port} any more`
      const likelyCause = program.refineCause(undefined)
      throw new CheckFailed({
        what: program.isOurs ? `${what}: ${program.describeEnd()}` : what,
        ...(likelyCause !== undefined && { likelyCause }),
      })
    }
    if (probe.#error !== undefined && socket.destroyed) {
      throw new CheckFailed({ what: `cannot connect to port ${port}: ${probe.#error}` })
    }
    return probe
  }

  /** Sends bytes at once. */
  send(data: string | Uint8Array): void {
    const bytes = bytesOf(data)
    this.#sent.push(bytes)
    this.socket.write(bytes)
  }

  /** Sends pieces one after the other, each a segment of its own. */
  async sendPieces(pieces: readonly Uint8Array[]): Promise<void> {
    for (const piece of pieces) {
      this.#sent.push(Buffer.from(piece))
      if (this.#closed) return
      await new Promise<void>(done => this.socket.write(piece, () => done()))
      // The program's turn: it may read this piece alone.
      await new Promise<void>(done => setImmediate(done))
    }
  }

  /**
   * Sends a block up to so many times, each when the kernel has taken the one before. Returns how
   * many were taken before nothing moved for `quietMs`, or the connection broke. Where it stopped
   * short, one more block is on its way.
   */
  async sendBlocks(block: Uint8Array, times: number, quietMs: number): Promise<number> {
    let taken = 0
    while (taken < times && !this.#closed) {
      const next = taken + 1
      this.socket.write(block, error => {
        if (!error) taken = next
        this.#condition.notify()
      })
      if (!(await this.#within(quietMs, () => taken === next || this.#closed))) break
    }
    return taken
  }

  /** Sends a FIN: nothing more comes from here. */
  sendFin(): void {
    this.socket.end()
  }

  reset(): void {
    this.socket.resetAndDestroy()
  }

  /** Stops reading: what comes waits in the kernel's buffers. */
  stopReading(): void {
    this.#slept = true
    this.socket.pause()
  }

  /** Begins to read what came. */
  startReading(): void {
    this.socket.resume()
  }

  close(): void {
    this.socket.destroy()
  }

  /** Bytes that came and have not been looked at. */
  get unreadBytes(): number {
    return this.#received.length - this.#at
  }

  /** Bytes that came and have not been looked at; they stay so. */
  peek(): Buffer {
    return this.#received.subarray(this.#at)
  }

  /** True when the connection is over in both directions, or broken. */
  get isClosed(): boolean {
    return this.#closed
  }

  /** True when the program has sent its FIN, or the connection is over. */
  get hasEnded(): boolean {
    return this.#ended || this.#closed
  }

  /** Settles with true when it holds: asked when something comes; with false when the time is over. */
  waitFor(holds: () => boolean, ms: number): Promise<boolean> {
    return this.#condition.waitFor(holds, ms)
  }

  /** Bytes that the program's side has not taken from us. */
  get unsentBytes(): number {
    return this.socket.writableLength
  }

  /** What was sent so far: for a failure that a check finds by itself. */
  get sent(): Buffer {
    return Buffer.concat(this.#sent)
  }

  /**
   * Waits for exactly these bytes to come next.
   *
   * @throws {CheckFailed} at the first byte that differs, when the connection ends before, or when nothing
   *   comes for long.
   */
  async expect(data: string | Uint8Array, options: Expectation = {}): Promise<void> {
    const expected = bytesOf(data)
    const from = this.#at
    const arrived = () => this.#received.subarray(from, from + expected.length)
    // What has been compared already: a mass of bytes comes in many chunks.
    let same = 0
    for (;;) {
      const received = arrived()
      const differs = same + firstDifference(expected.subarray(same), received.subarray(same))
      same = differs
      if (differs < received.length) await this.#differs(expected, from, differs, options)
      if (received.length === expected.length) {
        this.#at = from + expected.length
        return
      }
      if (this.#ended || this.#closed) await this.#short(expected, received, options)
      const before = this.#received.length
      const moved = await this.#within(
        options.patienceMs ?? PATIENCE_MS,
        () => this.#received.length > before || this.#ended || this.#closed,
      )
      if (!moved) await this.#silent(expected, from, options)
    }
  }

  /** Waits for bytes until `enough` returns a number: how many of them belong together. */
  async take(
    enough: (bytes: Buffer) => number | undefined,
    what: string,
    options: Expectation = {},
  ): Promise<Buffer> {
    for (;;) {
      const unread = this.#received.subarray(this.#at)
      const length = enough(unread)
      if (length !== undefined) {
        this.#at += length
        return unread.subarray(0, length)
      }
      if (this.#ended || this.#closed) {
        const how = `${await this.#how()} before ${what} was complete`
        this.#fail(how, this.#advised(options), { received: unread })
      }
      const before = this.#received.length
      const moved = await this.#within(
        options.patienceMs ?? PATIENCE_MS,
        () => this.#received.length > before || this.#ended || this.#closed,
      )
      if (!moved) {
        const state = this.#program.describeState()
        const patience = options.patienceMs ?? PATIENCE_MS
        const likelyCause = options.causeOfSilence ?? options.likelyCause
        this.#fail(
          `${what} did not come for ${patience} ms (${state})`,
          this.#advised({ ...options, likelyCause }),
          { received: unread },
        )
      }
    }
  }

  /** Waits for one line, and returns it without its end. */
  async takeLine(what: string, options: Expectation = {}): Promise<string> {
    const bytes = await this.take(
      unread => {
        const end = unread.indexOf(0x0a)
        return end < 0 ? undefined : end + 1
      },
      what,
      options,
    )
    return bytes.toString().replace(/\r?\n$/, '')
  }

  /** Waits for the program's FIN, with nothing before it. */
  async expectEnd(options: Expectation = {}): Promise<void> {
    const patience = options.patienceMs ?? PATIENCE_MS
    await this.#within(patience, () => this.#ended || this.#closed || this.unreadBytes > 0)
    if (this.unreadBytes > 0) {
      const more = this.#received.subarray(this.#at)
      const what = `it sent ${plural(more.length, 'byte')} more than it should`
      const { likelyCause: _, causeOfExcess: likelyCause, ...rest } = options
      const seen = { expected: Buffer.alloc(0), received: more, offset: 0 }
      this.#fail(what, { ...rest, likelyCause }, seen)
    }
    const wasReset = options.causeOfReset ? await this.#isReset() : this.#wasReset()
    if (this.#ended && !wasReset) return
    if (this.#closed || this.#ended) {
      const { causeOfReset } = options
      if (causeOfReset && (this.#ended || this.#error === 'ECONNRESET')) {
        const what = 'it reset the connection; it should have ended with a FIN'
        this.#fail(what, { ...options, likelyCause: causeOfReset }, {})
      }
      const how = this.#ended ? 'it reset the connection' : await this.#how()
      this.#fail(`${how}; it should have ended with a FIN`, this.#advised(options), {})
    }
    const state = this.#program.describeState()
    this.#fail(`it did not end the connection (${state})`, this.#advised(options), {})
  }

  /**
   * libuv reports a reset that it finds behind bytes as the end of the stream. Linux lists a socket that got
   * a FIN for as long as we keep it open, and one that was reset no more.
   */
  #wasReset(): boolean {
    const [localPort, remotePort] = this.#ports
    if (!this.#slept || this.socket.writableEnded || process.platform !== 'linux') return false
    if (localPort === undefined || remotePort === undefined) return false
    const [here] = new TcpSnapshot().ends(localPort, remotePort)
    return here === undefined || here.state === 'CLOSED'
  }

  /** Sends nothing, which send(2) refuses with EPIPE after a reset, and accepts after a FIN. */
  async #isReset(): Promise<boolean> {
    const { socket } = this
    if (this.#closed || socket.writableEnded) return this.#error !== undefined
    return new Promise(resolve => {
      socket.write(NOTHING, error => resolve(error instanceof Error))
    })
  }

  /** Waits until the connection has ended, with a FIN or a reset. */
  async expectClosed(options: Expectation = {}): Promise<void> {
    const patience = options.patienceMs ?? PATIENCE_MS
    await this.#within(patience, () => this.#ended || this.#closed)
    if (this.#ended || this.#closed) return
    const state = this.#program.describeState()
    this.#fail(`it kept the connection open (${state})`, this.#advised(options), {})
  }

  /** Waits until it holds, or the program had so much time for it. */
  #within(limitMs: number, holds: () => boolean): Promise<boolean> {
    return this.#program.within(limitMs, ms => this.#condition.waitFor(holds, ms))
  }

  /** The room doubles: a mass of bytes is not copied again for each chunk. */
  #keep(chunk: Buffer): void {
    const length = this.#received.length + chunk.length
    if (length > this.#room.length) {
      this.#room = Buffer.concat([this.#received], 2 * length)
    }
    chunk.copy(this.#room, this.#received.length)
    this.#received = this.#room.subarray(0, length)
  }

  async #differs(
    expected: Buffer,
    from: number,
    offset: number,
    options: Expectation,
  ): Promise<never> {
    const { bulk, endByte } = options
    // Whatever came: what stands behind the difference helps to see what it is.
    let received = this.#received.subarray(from, from + Math.max(expected.length, offset + 32))
    if (endByte !== undefined) {
      const end = () => this.#received.indexOf(endByte, from + offset)
      await this.#within(1000, () => end() >= 0 || this.#ended || this.#closed)
      received = this.#received.subarray(from, end() < 0 ? undefined : end() + 1)
    }
    const other = 'the answer is not the one that was expected'
    const all = plural(expected.length, 'byte')
    const what = bulk
      ? `${other}: ${offset} of ${all} are right, and the next one is not`
      : offset === 0
        ? other
        : `the first ${offset === 1 ? 'byte of the answer is' : `${offset} bytes of the answer are`} right, the next one is not`
    this.#fail(what, options, { expected, received, offset })
  }

  async #short(expected: Buffer, received: Buffer, options: Expectation): Promise<never> {
    const all = plural(expected.length, 'byte')
    // With bytes on their way in both directions, FIN or reset is a matter of chance.
    const how = await this.#how()
    const closed = options.bulk && this.#program.isRunning ? 'it closed the connection' : how
    const what = `${closed} after ${received.length} of ${all}`
    this.#fail(what, this.#advised(options), { expected, received, offset: received.length })
  }

  async #silent(expected: Buffer, from: number, options: Expectation): Promise<never> {
    const received = () => this.#received.subarray(from, from + expected.length)
    const came = received().length
    const state = this.#program.describeState()
    const patience = options.patienceMs ?? PATIENCE_MS
    const seen = { expected, received: received(), offset: came }
    const all = plural(expected.length, 'byte')
    const missing = `${came} of ${all} came, and then nothing for ${patience} ms`
    const silent = { ...options, likelyCause: options.causeOfSilence ?? options.likelyCause }
    if (this.#program.isComputing()) {
      this.#fail(`${state}: ${missing}`, this.#advised(silent), seen)
    }
    // Does it wait for our end? Then the answer comes now.
    if (!this.socket.writableEnded) {
      this.sendFin()
      await this.#within(1000, () => received().length === expected.length || this.#ended)
      if (received().equals(expected)) {
        const likelyCause = 'it answers in the `end` event, when it should answer each request'
        this.#fail('it answered only after we had sent our FIN', { ...options, likelyCause }, seen)
      }
    }
    this.#fail(`it fell silent: ${missing} (${state})`, silent, seen)
  }

  /** The expectation, with the likely cause that the state of the program shows. */
  #advised(options: Expectation): Expectation {
    return { ...options, likelyCause: this.#program.refineCause(options.likelyCause) }
  }

  /** How the connection ended: with the program, or by its will. */
  async #how(): Promise<string> {
    if (await this.#program.hasEnded()) {
      return `${this.#program.describeEnd()}; the connection broke off`
    }
    if (this.#error === 'ECONNRESET') return 'it reset the connection'
    if (this.#error !== undefined) return `the connection broke (${this.#error})`
    return 'it closed the connection'
  }

  #fail(
    what: string,
    { likelyCause, bulk = false }: Expectation,
    seen: { expected?: Buffer; received?: Buffer; offset?: number },
  ): never {
    const sent = Buffer.concat(this.#sent)
    const { offset } = seen
    throw new CheckFailed({
      what,
      ...(sent.length > 0 && !bulk && { sent }),
      ...(bulk ? offset !== undefined && { offset } : seen),
      ...(likelyCause !== undefined && { likelyCause }),
    })
  }
}
