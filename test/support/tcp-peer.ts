import { once } from 'node:events'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { Condition } from '#lib/workshop/condition.ts'

/** The test's own end of a connection. It keeps what comes, and remembers how it ended. */
export class TcpPeer {
  readonly socket: Socket
  /** Settles when the connection is gone: with everything that came. */
  readonly closed: Promise<Buffer>
  /** Code of the error that ended the connection, if one did. */
  errorCode: string | undefined
  /** The other side's FIN has been read. */
  ended = false
  readonly #chunks: Buffer[] = []
  readonly #condition = new Condition()

  constructor(options: NetConnectOpts & { reading?: boolean }) {
    this.socket = connect(options)
    if (options.reading === false) this.socket.pause()
    this.socket.on('data', chunk => {
      this.#chunks.push(chunk)
      this.#condition.notify()
    })
    this.socket.on('end', () => {
      this.ended = true
      this.#condition.notify()
    })
    this.socket.on('error', (error: NodeJS.ErrnoException) => {
      this.errorCode = error.code
    })
    this.closed = new Promise(resolve => {
      this.socket.on('close', () => {
        resolve(this.received)
        this.#condition.notify()
      })
    })
  }

  get received(): Buffer {
    return Buffer.concat(this.#chunks)
  }

  /** Settles when the connection stands. */
  async connected(): Promise<this> {
    if (this.socket.connecting) await once(this.socket, 'connect')
    return this
  }

  /** Writes, and waits until the kernel has the bytes. */
  async write(data: string | Uint8Array): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.socket.write(data, error => (error ? reject(error) : resolve()))
    })
  }

  /** Waits until as many bytes have come in all, or this text, or these bytes. */
  async receive(wanted: number | string | Buffer): Promise<Buffer> {
    const enough = () =>
      typeof wanted === 'number'
        ? this.socket.bytesRead >= wanted && this.received.length >= wanted
        : this.received.includes(wanted)
    await this.#condition.waitFor(() => enough() || this.socket.destroyed)
    if (!enough()) {
      const how = `${this.ended ? 'end' : ''} ${this.errorCode ?? ''}`
      throw new Error(`closed (${how}) before ${wanted}; got ${this.received.length} bytes`)
    }
    return this.received
  }

  /** Waits for the other side's FIN. */
  async end(): Promise<void> {
    await this.#condition.waitFor(() => this.ended || this.socket.destroyed)
    if (!this.ended) throw new Error(`closed without end: ${this.errorCode}`)
  }
}

/** Writes `bytes` bytes to somebody who takes them all. */
export async function pour(socket: Socket, bytes: number): Promise<void> {
  const chunk = Buffer.alloc(65536, 'x')
  for (let written = 0; written < bytes; written += chunk.length) {
    if (!socket.write(chunk)) await once(socket, 'drain')
  }
}

/**
 * Writes until `limit` bytes have been written or the other side takes no more.
 *
 * No event says "and now nothing moves any more": it is polled for, ten looks without progress.
 */
export async function flood(
  socket: Socket,
  limit: number,
  chunk: Uint8Array = Buffer.alloc(65536, 'x'),
): Promise<number> {
  let written = 0
  while (written < limit) {
    written += chunk.length
    if (socket.write(chunk)) continue
    if (!(await drains(socket))) break
  }
  return written
}

async function drains(socket: Socket): Promise<boolean> {
  const stall = new AbortController()
  let before = socket.writableLength
  let looks = 0
  const timer = setInterval(() => {
    looks = socket.writableLength === before ? looks + 1 : 0
    before = socket.writableLength
    if (looks === 10) stall.abort()
  }, 100)
  try {
    await once(socket, 'drain', { signal: stall.signal })
    return true
  } catch {
    return false
  } finally {
    clearInterval(timer)
  }
}
