/**
 * Joins a codec to Node streams: an iterable of frames, a `Transform`, a framed socket.
 *
 * This is the only file here that knows Node. The codecs themselves run anywhere.
 */
import {
  type Duplex,
  finished,
  type Readable,
  Transform,
  type TransformCallback,
} from 'node:stream'
import type { FrameDecoder } from './frame.ts'

/** The receiving half of a codec. */
export interface Receiver<Frame> {
  decoder(): FrameDecoder<Frame>
}

/** The sending half of a codec. */
export interface Sender<Frame> {
  encode(frame: Frame): Uint8Array
}

export interface ReadOptions<Frame> {
  /**
   * The decoder to read with, instead of a new one.
   *
   * Pass your own where you need more of it than frames: `expect()`, `head` and `awaitsContinue` of
   * HTTP, or `rest()`, the bytes after the last frame. It keeps its state when you leave the loop.
   */
  decoder?: FrameDecoder<Frame>
  /** Ends the reading: `next()` rejects with the signal's reason. The stream stays open. */
  signal?: AbortSignal
  /**
   * Called when everything that came is decoded and the next frame is not complete: the moment to
   * look at a decoder's `head` or `awaitsContinue`. Called once for each arrival of bytes.
   */
  onWait?(): void
}

/** Frames as they arrive. One loop can run over them. */
export interface FrameIterator<Frame> {
  /** Resolves with the next frame, or with `done`. Calls are answered in their order. */
  next(): Promise<IteratorResult<Frame, undefined>>
  /** Ends the reading at once, also while `next()` waits. `break` calls it. */
  return(): Promise<IteratorResult<Frame, undefined>>
  /** @throws {Error} `ERR_INVALID_STATE` when a loop over these frames was begun before. */
  [Symbol.asyncIterator](): FrameIterator<Frame>
}

/**
 * Returns the frames of a stream of bytes, one after the other.
 *
 * The stream is read only as fast as the frames are taken. It is not destroyed: not at its end, so
 * that a socket with `allowHalfOpen` can still answer after the peer's FIN; not on `break`; and not
 * on a `FrameError`, so that you can tell the peer what was wrong. Close it yourself, and keep an
 * `error` listener on it: nothing else listens once the loop has ended.
 *
 * `break` loses nothing. Bytes after the last frame go back to the stream, for whatever reads it
 * next, unless you passed a decoder, which keeps them: call its `rest()`, or pass it again. If the
 * reading ends inside a frame (`return()` or the signal), read on with the same codec or decoder.
 *
 * @throws {FrameError} when the stream is lost, or ends inside a frame.
 * @throws {Error} what the stream failed with, even before the loop began;
 *   `ERR_STREAM_PREMATURE_CLOSE` when it was destroyed without an error.
 * @throws {TypeError} when the stream gives text, after `setEncoding()`.
 * @see https://nodejs.org/api/stream.html#readableiteratoroptions
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import { connect, createServer } from 'node:net'
 * import { text } from 'node:stream/consumers'
 * import { lengthPrefix } from './length-prefix.ts'
 * import { readFrames } from './stream.ts'
 *
 * const codec = lengthPrefix()
 * const server = createServer({ allowHalfOpen: true }, async socket => {
 *   socket.on('error', () => {}) // a reset also ends the loop with an error
 *   try {
 *     let total = 0
 *     for await (const frame of readFrames(socket, codec)) total += frame.length
 *     socket.end(`${total} bytes`) // the peer has sent its FIN, and still listens
 *   } catch {
 *     socket.destroy() // a frame was cut off or too large, or the connection is gone
 *   }
 * })
 * await once(server.listen(0, '127.0.0.1'), 'listening')
 *
 * const { port } = server.address() as { port: number }
 * const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
 * client.write(codec.encode(Buffer.from('hello')))
 * client.end(codec.encode(Buffer.from('you')))
 * assert.equal(await text(client), '8 bytes')
 * server.close()
 * ```
 */
export function readFrames<Frame>(
  stream: Readable,
  codec: Receiver<Frame>,
  options: ReadOptions<Frame> = {},
): FrameIterator<Frame> {
  return new FrameReader(stream, codec, options)
}

/** What a loop that was left could not give back to its stream. */
interface Leftover {
  codec: Receiver<unknown>
  decoder: FrameDecoder<unknown>
  /** The bytes after the last frame; `undefined` inside a frame. */
  rest: Uint8Array | undefined
}
const leftovers = new WeakMap<Readable, Leftover>()

/** A call of `next()` that waits for bytes. */
interface Waiting<Frame> {
  resolve(result: IteratorResult<Frame, undefined>): void
  reject(error: unknown): void
}

const DONE = { done: true, value: undefined } as const

class FrameReader<Frame> implements FrameIterator<Frame> {
  readonly #stream: Readable
  readonly #codec: Receiver<Frame>
  readonly #options: ReadOptions<Frame>
  #decoder: FrameDecoder<Frame> | null
  #started = false
  #looped = false
  #done = false
  /** Whether the stream is over, and with which error. */
  #ended = false
  #failure: Error | null = null
  #aborted = false
  #decoderEnded = false
  /** Whether bytes came since `onWait()` was called. */
  #news = true
  #stopListening = (): void => {}
  #waiting: Waiting<Frame>[] = []

  constructor(stream: Readable, codec: Receiver<Frame>, options: ReadOptions<Frame>) {
    this.#stream = stream
    this.#codec = codec
    this.#options = options
    this.#decoder = options.decoder ?? null
  }

  [Symbol.asyncIterator](): FrameIterator<Frame> {
    if (this.#looped) {
      throw coded(
        'ERR_INVALID_STATE',
        'a second loop over these frames: call readFrames() again to read on after a break',
      )
    }
    this.#looped = true
    return this
  }

  next(): Promise<IteratorResult<Frame, undefined>> {
    if (this.#done) return Promise.resolve(DONE)
    if (this.#waiting.length === 0) {
      try {
        // Whoever was given the bytes reads them now, not this loop.
        if (this.#aborted) throw this.#options.signal!.reason
        const frame = this.#step()
        if (frame !== null) return Promise.resolve({ done: false, value: frame })
      } catch (error) {
        this.#finish()
        return Promise.reject(error)
      }
      if (this.#done) return Promise.resolve(DONE)
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
  }

  return(): Promise<IteratorResult<Frame, undefined>> {
    if (!this.#done) {
      this.#finish()
      if (!this.#aborted) this.#giveBack()
    }
    return Promise.resolve(DONE)
  }

  /** Returns the next frame; `null` = it has to wait, or there is none. */
  #step(): Frame | null {
    this.#start()
    const stream = this.#stream
    const decoder = this.#decoder!
    for (;;) {
      const frame = decoder.read()
      if (frame !== null) return frame
      const chunk = stream.destroyed ? null : stream.read()
      if (chunk !== null) {
        decoder.push(chunk)
        this.#news = true
      } else if (this.#failure !== null) throw this.#failure
      else if (!this.#ended) {
        if (this.#news) this.#options.onWait?.()
        this.#news = false
        return null
      } else if (this.#decoderEnded) {
        this.#finish()
        return null
      } else {
        this.#decoderEnded = true
        decoder.end()
      }
    }
  }

  /** Listens to the stream, at the first call only. */
  #start(): void {
    const { signal } = this.#options
    if (this.#started) return
    signal?.throwIfAborted()
    this.#decoder ??= this.#decoderOfStream()
    this.#started = true
    const stream = this.#stream
    const wake = () => this.#wake()
    const abort = () => this.#abort()
    stream.on('readable', wake)
    signal?.addEventListener('abort', abort)
    let forget = (): void => {}
    this.#stopListening = () => {
      this.#stopListening = () => {}
      stream.off('readable', wake)
      signal?.removeEventListener('abort', abort)
      forget()
    }
    // A socket that failed, or ended, before anything listened says so only here.
    this.#failure = stream.errored ?? null
    this.#ended = stream.readableEnded
    if (this.#failure === null && !this.#ended && stream.destroyed) this.#failure = closed()
    if (this.#failure !== null || this.#ended) return
    forget = finished(stream, { writable: false }, error => {
      if (error) this.#failure ??= error
      else this.#ended = true
      this.#wake()
    })
  }

  /** Goes on where an earlier loop over the stream was left. */
  #decoderOfStream(): FrameDecoder<Frame> {
    const left = leftovers.get(this.#stream)
    if (left === undefined) return this.#codec.decoder()
    if (left.codec !== this.#codec && left.rest === undefined) {
      throw coded(
        'ERR_INVALID_STATE',
        'an earlier readFrames() of this stream ended inside a frame: pass the same codec again',
      )
    }
    leftovers.delete(this.#stream)
    const same = left.codec === this.#codec && left.rest === undefined
    const decoder = same ? (left.decoder as FrameDecoder<Frame>) : this.#codec.decoder()
    if (left.rest !== undefined) decoder.push(left.rest)
    return decoder
  }

  /** Answers as many waiting calls as there are frames. */
  #wake(): void {
    while (this.#waiting.length > 0 && !this.#done) {
      try {
        const frame = this.#step()
        if (frame !== null) this.#waiting.shift()!.resolve({ done: false, value: frame })
        else if (!this.#done) return
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  #abort(): void {
    this.#aborted = true
    this.#stopListening()
    this.#giveBack()
    if (this.#waiting.length > 0) this.#fail(this.#options.signal!.reason)
  }

  /** Rejects the first call that waits; the others are told that there is no more. */
  #fail(error: unknown): void {
    this.#waiting.shift()?.reject(error)
    this.#finish()
  }

  #finish(): void {
    this.#done = true
    this.#stopListening()
    for (const { resolve } of this.#waiting.splice(0)) resolve(DONE)
  }

  /** Gives the bytes after the last frame back to the stream, or keeps them for the next loop. */
  #giveBack(): void {
    const stream = this.#stream
    const decoder = this.#decoder
    if (decoder === null || decoder === this.#options.decoder) return
    let rest: Uint8Array | undefined
    try {
      rest = decoder.rest?.()
    } catch {
      // Inside a frame: only this decoder can read on.
    }
    if (rest?.length === 0) return
    if (rest === undefined || stream.readableEnded || stream.destroyed) {
      leftovers.set(stream, { codec: this.#codec, decoder, rest })
    } else stream.unshift(rest)
  }
}

/**
 * Returns a stream for `pipeline()`: bytes in, frames out.
 *
 * Its readable side is in object mode. It makes no more frames than are asked for: when its buffer
 * of 16 is full it stops, also in the middle of a chunk. A `FrameError` ends the pipeline with that
 * error, after the good frames before it were read. A `Writable` that is slower than the pipeline
 * still loses what waits in its own buffer then, as with every stream that fails.
 *
 * @throws {FrameError} through the pipeline, when the stream is lost or ends inside a frame.
 * @see https://nodejs.org/api/stream.html#class-streamtransform
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Readable } from 'node:stream'
 * import { pipeline } from 'node:stream/promises'
 * import { lines } from './lines.ts'
 * import { frameTransform } from './stream.ts'
 *
 * const chunks = [Buffer.from('one\ntw'), Buffer.from('o\r\n')]
 * await pipeline(Readable.from(chunks), frameTransform(lines()), async frames => {
 *   assert.deepEqual(await frames.toArray(), ['one', 'two'])
 * })
 * ```
 */
export function frameTransform<Frame>(
  codec: Receiver<Frame>,
  { decoder = codec.decoder() }: { decoder?: FrameDecoder<Frame> } = {},
): Transform {
  return new FrameTransform(decoder)
}

class FrameTransform<Frame> extends Transform {
  readonly #decoder: FrameDecoder<Frame>
  /** To be called when all frames of the last chunk are out. */
  #done: TransformCallback | null = null
  /** What ends the stream once the frames before it are read. */
  #failure: Error | null = null

  constructor(decoder: FrameDecoder<Frame>) {
    super({ readableObjectMode: true })
    this.#decoder = decoder
  }

  override _transform(chunk: Uint8Array, _: BufferEncoding, done: TransformCallback): void {
    this.#run(done, () => this.#decoder.push(chunk))
  }

  override _flush(done: TransformCallback): void {
    this.#run(done, () => this.#decoder.end())
  }

  override _read(size: number): void {
    if (this.#done !== null) this.#run(this.#done)
    // No frame was left after all: this lets the next chunk in, or nobody would ever read again.
    if (this.#done === null && this.#failure === null) super._read(size)
  }

  /** Destroying a stream empties its buffer, so an error waits for a read that finds nothing. */
  override read(size?: number): unknown {
    const frame = super.read(size)
    if (frame === null && this.#failure !== null && this.readableLength === 0) {
      this.destroy(this.#failure)
    }
    return frame
  }

  /** Takes a step, then puts out frames until there are no more, or nobody wants them. */
  #run(done: TransformCallback, step?: () => void): void {
    this.#done = null
    try {
      step?.()
      for (let frame = this.#decoder.read(); frame !== null; frame = this.#decoder.read()) {
        if (this.push(frame)) continue
        this.#done = done
        return
      }
    } catch (error) {
      if (this.readableLength === 0) done(error as Error)
      else this.#failure = error as Error
      return
    }
    done()
  }
}

/** A socket that carries frames. */
export interface Framed<In, Out = In> {
  /** The frames that arrive, for one loop. See `readFrames()`. */
  readonly frames: FrameIterator<In>
  /** Writes one frame; resolves when it is written and the socket wants more. */
  send(frame: Out): Promise<void>
  /** Sends FIN behind all that was sent; resolves when all of it was handed to the kernel. */
  end(): Promise<void>
}

/** What a socket receives and what it sends, where these are different formats. */
export interface CodecPair<In, Out> {
  receive: Receiver<In>
  send: Sender<Out>
}

/**
 * Returns both directions of a socket as frames.
 *
 * One codec serves both directions, or one for each: an HTTP server is
 * `framed(socket, { receive: http1Request(), send: http1Response() })`.
 *
 * `await send()` keeps a fast writer from filling the memory: when the socket's buffer is full it
 * waits for `drain`. The frame has been written then: `destroy()` loses it only when the kernel had
 * no room for it. It says nothing about what the peer has received. `send()` rejects with a
 * `RangeError` when the codec refuses the frame; nothing is sent then, and the socket lives on. It
 * rejects with the socket's error when the socket dies, also while it waits. `framed()` listens to
 * `error` itself, so a lost connection ends no process: it shows in `frames`, `send()` and `end()`,
 * and only to those that await them.
 *
 * A server sets `allowHalfOpen: true`, as here. Without it Node sends FIN as soon as the peer's FIN
 * arrives: a peer that asks, then ends its side, gets none of the answers that are still to be
 * made, and `send()` rejects. With it, ending or destroying the socket is up to you in every case,
 * also after an error: a socket that is only forgotten stays open.
 *
 * @throws {Error} from `send()` and `end()`: the socket's error, `ERR_STREAM_PREMATURE_CLOSE` when
 *   it was destroyed without one, `ERR_STREAM_WRITE_AFTER_END` when `end()` was called before.
 * @see https://nodejs.org/api/stream.html#event-drain
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import { connect, createServer } from 'node:net'
 * import { lines } from './lines.ts'
 * import { framed } from './stream.ts'
 *
 * const server = createServer({ allowHalfOpen: true }, async socket => {
 *   const peer = framed(socket, lines())
 *   try {
 *     for await (const line of peer.frames) await peer.send(line.toUpperCase())
 *     await peer.end()
 *   } catch {
 *     socket.destroy() // a line was cut off or too long, or the connection is gone
 *   }
 * })
 * await once(server.listen(0, '127.0.0.1'), 'listening')
 *
 * const { port } = server.address() as { port: number }
 * const client = framed(connect({ port, host: '127.0.0.1', allowHalfOpen: true }), lines())
 * await client.send('hello')
 * await client.end()
 * for await (const line of client.frames) assert.equal(line, 'HELLO')
 * server.close()
 * ```
 */
export function framed<In, Out = In>(
  socket: Duplex,
  codec: (Receiver<In> & Sender<Out>) | CodecPair<In, Out>,
  options: ReadOptions<In> = {},
): Framed<In, Out> {
  const { receive, send } = 'receive' in codec ? codec : { receive: codec, send: codec }
  const writer = new FrameWriter(socket, send)
  return {
    frames: readFrames(socket, receive, options),
    send: frame => writer.send(frame),
    end: () => writer.end(),
  }
}

const SENT = Promise.resolve()

class FrameWriter<Frame> {
  readonly #socket: Duplex
  readonly #codec: Sender<Frame>
  #failure: Error | null
  #waiting: { resolve(): void; reject(error: Error): void }[] = []
  #ending: Promise<void> | null = null
  #failEnd: ((error: Error) => void) | null = null
  /** Whether frames wait to be written together with those that are sent before the next await. */
  #corked = false

  constructor(socket: Duplex, codec: Sender<Frame>) {
    this.#socket = socket
    this.#codec = codec
    this.#failure = socket.errored ?? null
    const fail = (error: Error) => this.#fail(error)
    const resume = () => this.#resume()
    socket.on('error', fail)
    socket.on('close', () => fail(this.#failure ?? closed()))
    socket.on('drain', resume)
    socket.on('finish', resume) // there is no 'drain' after end()
  }

  send(frame: Frame): Promise<void> {
    const socket = this.#socket
    let wire: Uint8Array
    try {
      wire = this.#codec.encode(frame)
    } catch (error) {
      return Promise.reject(error)
    }
    // Without allowHalfOpen Node itself ends the socket when the peer does.
    if (socket.writableEnded) return quiet(Promise.reject(afterEnd()))
    if (this.#failure !== null || socket.destroyed) {
      return quiet(Promise.reject(this.#failure ?? closed()))
    }
    if (!this.#corked) this.#cork()
    if (socket.write(wire)) return SENT
    return quiet(
      new Promise((resolve, reject) => {
        this.#waiting.push({ resolve, reject })
      }),
    )
  }

  end(): Promise<void> {
    const socket = this.#socket
    this.#ending ??= quiet(
      new Promise((resolve, reject) => {
        if (socket.writableFinished) resolve()
        else if (this.#failure !== null || socket.destroyed) reject(this.#failure ?? closed())
        else {
          // Node does not always call back when the socket is destroyed before its end.
          this.#failEnd = reject
          socket.end((error?: Error | null) => {
            if (!error) resolve()
          })
        }
      }),
    )
    return this.#ending
  }

  /**
   * Keeps frames together that are sent without waiting in between: one system call for all of them
   * takes a fraction of the time of one for each (measured: `npm run bench -- sockets-64`).
   *
   * The reaction is queued before `send()` returns, so it runs before the caller goes on behind
   * `await send()`: what was awaited is written even if the socket is destroyed next.
   */
  #cork(): void {
    this.#corked = true
    this.#socket.cork()
    SENT.then(this.#uncork)
  }

  readonly #uncork = (): void => {
    this.#corked = false
    this.#socket.uncork()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(this.#failure)
    this.#failEnd?.(this.#failure)
  }

  #resume(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve()
  }
}

/** A lost connection is no unhandled rejection: the loop over the frames ends with it, too. */
function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {})
  return promise
}

function afterEnd(): Error {
  return coded('ERR_STREAM_WRITE_AFTER_END', 'send() after the end of what can be sent')
}

function closed(): Error {
  return coded('ERR_STREAM_PREMATURE_CLOSE', 'the socket was closed')
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
