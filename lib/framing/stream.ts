/**
 * Joins a codec to Node streams: an iterable, a `Transform`, a framed socket.
 *
 * This is the only file here that knows Node. The codecs themselves run anywhere.
 */
import { type Duplex, type Readable, Transform, type TransformCallback } from 'node:stream'
import { bufferOver, sharedMemory } from './codec-base.ts'
import type { FrameDecoder } from './frame.ts'

export type { Readable }

/** The receiving half of a codec. */
export interface Receiver<Frame> {
  decoder(): FrameDecoder<Frame>
}

/** The sending half of a codec. */
export interface Sender<Frame> {
  encode(frame: Frame): Uint8Array
  /** `sendAll()` writes frames next to each other with it; a codec of byte frames has it. */
  encodeInto?(frame: Frame, target: Uint8Array, offset: number): number
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
  /**
   * Returns the same frames in arrays: all that have arrived, one at least. A loop over them waits
   * once for each chunk of bytes instead of once for each frame. It is the one loop.
   *
   * The bytes behind the frames of a batch have been decoded as far as they go. Where another
   * protocol may follow, take the frames one by one.
   *
   * @throws {Error} `ERR_INVALID_STATE` when a loop over these frames was begun before.
   */
  batches(): AsyncIterableIterator<Frame[], undefined>
  /**
   * Calls `take` with the same arrays, each as soon as its bytes have come. It is the one loop, too,
   * and the fastest: no promise is made for a chunk of bytes.
   *
   * If `take` returns a promise, as of `sendAll()`, no more is read until it resolves. Resolves at
   * the end of the stream, or after `return()`. Rejects as a loop does, after the good frames; and
   * with what `take` throws or rejects with, which leaves the stream as `break` leaves it.
   *
   * @throws {Error} `ERR_INVALID_STATE` when a loop over these frames was begun before.
   */
  forEachBatch(take: (frames: Frame[]) => void | Promise<void>): Promise<void>
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
  options: ReadOptions<Frame> = NO_OPTIONS,
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

/** A call of `next()` that waits for bytes: for one frame, or for all that come. */
interface PendingRead<Frame> {
  all: boolean
  resolve(result: IteratorResult<Frame | Frame[], undefined>): void
  reject(error: unknown): void
  next: PendingRead<Frame> | null
}

/** A loop without promises for each chunk, and whether it waits for what `take` returned. */
interface Taking<Frame> {
  take(frames: Frame[]): void | Promise<void>
  resolve(): void
  reject(error: unknown): void
  busy: boolean
}

const DONE = { done: true, value: undefined } as const
/** What `send()` returns when nothing is to be waited for. */
const SENT = Promise.resolve()
const NO_OPTIONS = {}
const ignore = (): void => {}

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
  #failure: unknown = null
  #aborted = false
  #decoderEnded = false
  /** Whether bytes came since `onWait()` was called. */
  #news = true
  /** What listens to the stream; `null` = nothing does. */
  #listener: ((value?: unknown) => void) | null = null
  #abortListener: (() => void) | null = null
  #first: PendingRead<Frame> | null = null
  #last: PendingRead<Frame> | null = null
  #taking: Taking<Frame> | null = null

  constructor(stream: Readable, codec: Receiver<Frame>, options: ReadOptions<Frame>) {
    this.#stream = stream
    this.#codec = codec
    this.#options = options
    this.#decoder = options.decoder ?? null
  }

  [Symbol.asyncIterator](): FrameIterator<Frame> {
    this.#beginLoop()
    return this
  }

  batches(): AsyncIterableIterator<Frame[], undefined> {
    this.#beginLoop()
    return new BatchReader(this)
  }

  forEachBatch(take: (frames: Frame[]) => void | Promise<void>): Promise<void> {
    this.#beginLoop()
    return new Promise((resolve, reject) => {
      this.#taking = { take, resolve, reject, busy: false }
      this.#takeBatches(this.#taking)
    })
  }

  /** Hands over what is here, until nothing is, or `take` wants time. */
  #takeBatches(taking: Taking<Frame>): void {
    taking.busy = true
    while (!this.#done) {
      let frames: Frame[] | null
      try {
        if (this.#aborted) throw this.#options.signal!.reason
        frames = this.#step(true) as Frame[] | null
      } catch (error) {
        this.#fail(error)
        return
      }
      if (frames === null) {
        taking.busy = false
        break
      }
      try {
        const taken = taking.take(frames)
        if (taken === undefined || taken === SENT) continue
        this.#awaitTaken(taking, taken)
        return
      } catch (error) {
        this.#leave(taking, error)
      }
    }
    if (this.#done) taking.resolve()
  }

  #awaitTaken(taking: Taking<Frame>, taken: Promise<void>): void {
    taken.then(
      () => this.#takeBatches(taking),
      error => this.#leave(taking, error),
    )
  }

  /** Ends the reading as `break` does, because of what `take` threw. */
  #leave(taking: Taking<Frame>, error: unknown): void {
    taking.reject(error)
    void this.return()
  }

  nextBatch(): Promise<IteratorResult<Frame[], undefined>> {
    return this.#next(true) as Promise<IteratorResult<Frame[], undefined>>
  }

  #beginLoop(): void {
    if (this.#looped) {
      throw secondLoop()
    }
    this.#looped = true
  }

  next(): Promise<IteratorResult<Frame, undefined>> {
    return this.#next(false) as Promise<IteratorResult<Frame, undefined>>
  }

  #next(all: boolean): Promise<IteratorResult<Frame | Frame[], undefined>> {
    if (this.#done) return Promise.resolve(DONE)
    if (this.#taking !== null) return Promise.reject(secondLoop())
    if (this.#first === null) {
      try {
        // Whoever was given the bytes reads them now, not this loop.
        if (this.#aborted) throw this.#options.signal!.reason
        const value = this.#step(all)
        if (value !== null) return Promise.resolve({ done: false, value })
      } catch (error) {
        this.#finish()
        return Promise.reject(error)
      }
      if (this.#done) return Promise.resolve(DONE)
    }
    return new Promise((resolve, reject) => {
      const waiting = { all, resolve, reject, next: null }
      if (this.#last === null) this.#first = waiting
      else this.#last.next = waiting
      this.#last = waiting
    })
  }

  return(): Promise<IteratorResult<Frame, undefined>> {
    if (!this.#done) {
      this.#finish()
      if (!this.#aborted) this.#giveBack()
    }
    return Promise.resolve(DONE)
  }

  /** Returns the next frame, or all that are here; `null` = it has to wait, or there is none. */
  #step(all: boolean): Frame | Frame[] | null {
    this.#start()
    for (;;) {
      const value = all ? this.#readAll() : this.#decoder!.read()
      if (value !== null) return value
      if (this.#failure !== null) throw this.#failure
      if (!this.#ended) {
        if (this.#news) this.#options.onWait?.()
        this.#news = false
        if (this.#stream.isPaused()) this.#stream.resume()
        return null
      }
      if (this.#decoderEnded) {
        this.#finish()
        return null
      }
      this.#decoderEnded = true
      this.#decoder!.end()
    }
  }

  /** Returns all frames that are here; an error behind them comes with the next call. */
  #readAll(): Frame[] | null {
    const decoder = this.#decoder!
    let frame = decoder.read()
    if (frame === null) return null
    const frames: Frame[] = []
    try {
      for (; frame !== null; frame = decoder.read()) frames.push(frame)
    } catch (error) {
      this.#failure = error
    }
    return frames
  }

  /** Listens to the stream, at the first call only. */
  #start(): void {
    const { signal } = this.#options
    if (this.#started) return
    signal?.throwIfAborted()
    this.#decoder ??= this.#decoderOfStream()
    this.#started = true
    const stream = this.#stream
    // A socket that failed, or ended, before anything listened says so only here.
    this.#look()
    if (this.#failure !== null || this.#ended) return
    const here = stream.read()
    if (here !== null) this.#decoder.push(here)
    // One listener for all events: a connection that waits has nothing else.
    this.#listener = value => {
      if (value === undefined || typeof value === 'boolean' || value instanceof Error) {
        this.#look(value)
      } else this.#take(value as Uint8Array)
    }
    const listener = this.#listener
    stream.on('end', listener).on('error', listener).on('close', listener).on('data', listener)
    if (signal === undefined) return
    this.#abortListener = () => this.#abort()
    signal.addEventListener('abort', this.#abortListener)
  }

  #stopListening(): void {
    const stream = this.#stream
    const listener = this.#listener
    if (listener === null) return
    this.#listener = null
    for (const event of ['end', 'error', 'close', 'data']) stream.off(event, listener)
    if (this.#abortListener !== null) {
      this.#options.signal!.removeEventListener('abort', this.#abortListener)
    }
    if (stream.destroyed || stream.readableEnded) return
    // Nothing flows into the void, and the next reader need not call resume(): a stream without a
    // listener for 'readable' goes back to the state that it had before its first reader.
    stream.pause()
    stream.on('readable', ignore).off('readable', ignore)
  }

  /** Gives bytes to the decoder. While no call waits for them, the stream is stopped. */
  #take(chunk: Uint8Array): void {
    try {
      this.#decoder!.push(chunk)
    } catch (error) {
      this.#failure ??= error
    }
    this.#news = true
    if (this.#first === null && this.#taking?.busy !== false) this.#stream.pause()
    else this.#wake()
  }

  /** Looks at what has become of the stream. */
  #look(error?: unknown): void {
    const stream = this.#stream
    if (error instanceof Error) this.#failure ??= error
    this.#failure ??= stream.errored ?? null
    if (stream.readableEnded) this.#ended = true
    else if (stream.destroyed) this.#failure ??= closed()
    this.#wake()
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
    if (this.#taking?.busy === false) this.#takeBatches(this.#taking)
    while (this.#first !== null && !this.#done) {
      try {
        const value = this.#step(this.#first.all)
        if (value !== null) this.#shift()!.resolve({ done: false, value })
        else if (!this.#done) return
      } catch (error) {
        this.#fail(error)
      }
    }
  }

  /** Takes the call away that waits for the longest time. */
  #shift(): PendingRead<Frame> | null {
    const first = this.#first
    this.#first = first?.next ?? null
    if (this.#first === null) this.#last = null
    return first
  }

  #abort(): void {
    this.#aborted = true
    this.#stopListening()
    this.#giveBack()
    if (this.#first !== null || this.#taking?.busy === false) {
      this.#fail(this.#options.signal!.reason)
    }
  }

  /** Rejects the first call that waits; the others are told that there is no more. */
  #fail(error: unknown): void {
    this.#shift()?.reject(error)
    this.#taking?.reject(error)
    this.#finish()
  }

  #finish(): void {
    this.#done = true
    this.#stopListening()
    for (let each = this.#shift(); each !== null; each = this.#shift()) each.resolve(DONE)
    if (this.#taking?.busy === false) this.#taking.resolve()
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

class BatchReader<Frame> implements AsyncIterableIterator<Frame[], undefined> {
  readonly #reader: FrameReader<Frame>

  constructor(reader: FrameReader<Frame>) {
    this.#reader = reader
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<Frame[], undefined>> {
    return this.#reader.nextBatch()
  }

  return(): Promise<IteratorResult<Frame[], undefined>> {
    return this.#reader.return() as Promise<IteratorResult<Frame[], undefined>>
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
  /**
   * Writes frames next to each other, in one system call if it takes them; resolves as `send()`.
   *
   * @throws {RangeError} through the promise, when the codec refuses one: then none is sent.
   */
  sendAll(frames: Iterable<Out>): Promise<void>
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
  options: ReadOptions<In> = NO_OPTIONS,
): Framed<In, Out> {
  const { receive, send } = 'receive' in codec ? codec : { receive: codec, send: codec }
  return new FramedSocket(socket, send, readFrames(socket, receive, options))
}

/** Its methods may be taken off it. Each is made at the first use: most connections need one. */
class FramedSocket<In, Out> implements Framed<In, Out> {
  readonly frames: FrameIterator<In>
  readonly #writer: FrameWriter<Out>
  #send: Framed<In, Out>['send'] | null = null
  #sendAll: Framed<In, Out>['sendAll'] | null = null

  constructor(socket: Duplex, codec: Sender<Out>, frames: FrameIterator<In>) {
    this.frames = frames
    this.#writer = new FrameWriter(socket, codec)
  }

  get send(): Framed<In, Out>['send'] {
    this.#send ??= frame => this.#writer.send(frame)
    return this.#send
  }

  get sendAll(): Framed<In, Out>['sendAll'] {
    this.#sendAll ??= frames => this.#writer.sendAll(frames)
    return this.#sendAll
  }

  get end(): Framed<In, Out>['end'] {
    return () => this.#writer.end()
  }
}

class FrameWriter<Frame> {
  readonly #socket: Duplex
  readonly #codec: Sender<Frame>
  #waiting: { resolve(): void; reject(error: unknown): void }[] | null = null
  #ending: Promise<void> | null = null
  /** Whether frames wait to be written together with those that are sent before the next await. */
  #corked = false

  constructor(socket: Duplex, codec: Sender<Frame>) {
    this.#socket = socket
    this.#codec = codec
    // The error shows in send() and end(): they look at the socket.
    socket.on('error', ignore)
  }

  send(frame: Frame): Promise<void> {
    let wire: Uint8Array
    try {
      wire = this.#codec.encode(frame)
    } catch (error) {
      return Promise.reject(error)
    }
    const refusal = this.#refusal()
    if (refusal !== null) return quiet(Promise.reject(refusal))
    if (!this.#corked) this.#cork()
    return this.#socket.write(wire) ? SENT : this.#drained()
  }

  sendAll(frames: Iterable<Frame>): Promise<void> {
    let wires: Uint8Array[]
    try {
      wires = encodeAll(this.#codec, frames)
    } catch (error) {
      return Promise.reject(error)
    }
    if (wires.length === 0) return SENT
    const refusal = this.#refusal()
    if (refusal !== null) return quiet(Promise.reject(refusal))
    const socket = this.#socket
    if (wires.length === 1) return socket.write(wires[0]) ? SENT : this.#drained()
    socket.cork()
    for (const wire of wires) socket.write(wire)
    const { writableNeedDrain } = socket
    socket.uncork()
    return writableNeedDrain ? this.#drained() : SENT
  }

  end(): Promise<void> {
    const socket = this.#socket
    this.#ending ??= quiet(
      new Promise((resolve, reject) => {
        if (socket.writableFinished) resolve()
        else if (socket.errored || socket.destroyed) reject(socket.errored ?? closed())
        else {
          // Node does not always call back when the socket is destroyed before its end.
          watch(socket, resolve, reject, 'finish')
          socket.end()
        }
      }),
    )
    return this.#ending
  }

  /** Returns why nothing can be sent; `null` = it can. */
  #refusal(): Error | null {
    const socket = this.#socket
    // Without allowHalfOpen Node itself ends the socket when the peer does.
    if (socket.writableEnded) return afterEnd()
    return socket.destroyed ? (socket.errored ?? closed()) : null
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
    SENT.then(() => {
      this.#corked = false
      this.#socket.uncork()
    })
  }

  /** Waits until the socket wants more; there is no 'drain' after its end. */
  #drained(): Promise<void> {
    const waiting = this.#waiting ?? []
    if (this.#waiting === null) {
      this.#waiting = waiting
      const settle = (): void => {
        this.#waiting = null
      }
      watch(
        this.#socket,
        () => {
          settle()
          for (const { resolve } of waiting) resolve()
        },
        error => {
          settle()
          for (const { reject } of waiting) reject(error)
        },
        'drain',
        'finish',
      )
    }
    return quiet(new Promise((resolve, reject) => waiting.push({ resolve, reject })))
  }
}

/** Calls one of the two when the first of the events comes, or the socket dies before. */
function watch(
  socket: Duplex,
  succeed: () => void,
  fail: (error: unknown) => void,
  ...events: string[]
): void {
  const stop = (): void => {
    for (const event of events) socket.off(event, done)
    socket.off('error', died).off('close', died)
  }
  const done = (): void => {
    stop()
    succeed()
  }
  const died = (error?: unknown): void => {
    stop()
    fail(error instanceof Error ? error : (socket.errored ?? closed()))
  }
  for (const event of events) socket.on(event, done)
  socket.on('error', died).on('close', died)
}

/** Room for what a format adds to a frame, besides a 64th of its size; a guess that may be wrong. */
const ADDED_BYTES = 16

/** Frames that are sent together are written into slabs, all that fit into a quarter of one. */
const SLAB_BYTES = 128 * 1024
let slab: ArrayBufferLike = new ArrayBuffer(0)
let slabUsed = 0

/** Returns room at the end of the slab; who uses less of it says so in `slabUsed`. */
function roomInSlab(bytes: number): Uint8Array {
  if (slabUsed + bytes > slab.byteLength) {
    slab = sharedMemory(SLAB_BYTES)
    slabUsed = 0
  }
  return bufferOver(slab, slabUsed, bytes)
}

/** Returns the frames as they go on the wire: in one piece if the codec writes into one. */
function encodeAll<Frame>(codec: Sender<Frame>, frames: Iterable<Frame>): Uint8Array[] {
  const all = Array.isArray(frames) ? (frames as readonly Frame[]) : [...frames]
  if (all.length < 2 || codec.encodeInto === undefined) return all.map(one => codec.encode(one))
  let size = 0
  for (const frame of all as readonly Uint8Array[]) size += frame.length + ADDED_BYTES
  size += size >>> 6
  const isSmall = size <= SLAB_BYTES / 4
  const room = isSmall ? roomInSlab(size) : Buffer.allocUnsafeSlow(size)
  const wires: Uint8Array[] = []
  let start = 0
  let end = 0
  for (const frame of all) {
    const next = codec.encodeInto(frame, room, end)
    if (next !== -1) {
      end = next
      continue
    }
    if (end > start) wires.push(room.subarray(start, end))
    wires.push(codec.encode(frame))
    start = end
  }
  if (end > start) wires.push(room.subarray(start, end))
  if (isSmall) slabUsed += (end + 7) & ~7
  return wires
}

/** A lost connection is no unhandled rejection: the loop over the frames ends with it, too. */
function quiet<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => {})
  return promise
}

function secondLoop(): Error {
  const message =
    'a second loop over these frames: call readFrames() again to read on after a break'
  return coded('ERR_INVALID_STATE', message)
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
