/** What the reading and the writing half of `stream.ts` share. */
import type { FrameDecoder } from './frame.ts'

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

/** What a call returns when nothing is to be waited for. */
export const SENT = Promise.resolve()
export const ignore = (): void => {}

export function closed(): Error {
  return coded('ERR_STREAM_PREMATURE_CLOSE', 'the socket was closed')
}

export function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
