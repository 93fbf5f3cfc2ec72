/** The frames of a Node stream, one after the other or as many as have come: `readFrames()`. */
import type { Readable } from 'node:stream'
import type { FrameDecoder } from './frame.ts'
import {
  closed,
  coded,
  type FrameIterator,
  ignore,
  type ReadOptions,
  type Receiver,
  SENT,
} from './stream-types.ts'

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

export class FrameReader<Frame> implements FrameIterator<Frame> {
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

function secondLoop(): Error {
  const message =
    'a second loop over these frames: call readFrames() again to read on after a break'
  return coded('ERR_INVALID_STATE', message)
}
