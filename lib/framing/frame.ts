/**
 * The vocabulary that all codecs share: bytes in, frames out, one error class.
 *
 * A codec never touches a socket, a timer or an event. The program around it reads bytes from
 * wherever they come and hands them to `push()`.
 */

/** A wire format: how one frame is written, and how a stream of bytes is cut back into frames. */
export interface FrameCodec<Frame = Uint8Array> {
  /**
   * Returns one frame as it goes on the wire.
   *
   * @throws {RangeError} when the codec's own decoder would refuse the result.
   * @throws {TypeError} when bytes are wanted and it has no `Uint8Array`.
   */
  encode(frame: Frame): Uint8Array
  /** Returns a decoder with state of its own. Use one per stream and direction. */
  decoder(): FrameDecoder<Frame>
}

/** The reading half of a codec, fed with the bytes of one stream in the order they arrived. */
export interface FrameDecoder<Frame = Uint8Array> {
  /**
   * Takes the next bytes of the stream.
   *
   * They are kept by reference until `read()` returns `null`: do not change them before. Read to
   * `null` after each `push()`; chunks that are pushed earlier wait in a queue, and none is lost.
   * After an error the bytes are dropped: where the next frame starts is unknown.
   *
   * @throws {TypeError} when `chunk` is not a `Uint8Array`.
   * @throws {RangeError} when `end()` was called before.
   */
  push(chunk: Uint8Array): void
  /**
   * Returns the next frame, or `null` when more bytes are needed.
   *
   * @throws {FrameError} when the stream is lost. Every later call throws the same error.
   */
  read(): Frame | null
  /**
   * Says that the stream has ended. Call it when `read()` has returned `null`, then read on: a
   * format whose last frame ends with the stream gives that frame only now.
   *
   * Called earlier, it leaves the frames that wait to `read()`, which then throws where it would
   * have returned `null` if the last frame is cut off.
   *
   * @throws {FrameError} `ERR_FRAME_TRUNCATED` when the stream ended inside a frame.
   */
  end(): void
  /**
   * Takes back the bytes that were pushed and belong to no frame yet, for another reader.
   *
   * @throws {RangeError} inside a frame.
   * @throws {FrameError} when the stream is lost, as `read()` does.
   */
  rest?(): Uint8Array
}

/** A codec whose frames are plain bytes. */
export interface ByteFrameCodec extends FrameCodec<Uint8Array> {
  decoder(): ByteFrameDecoder
  /**
   * Writes one frame into `target` from `offset` on, without allocation.
   *
   * Returns the offset behind it, or -1 when `target` has too little room: then nothing is
   * written: send what is in `target` and start again at 0.
   *
   * @throws {RangeError} when `encode()` would throw, or `offset` lies outside `target`.
   */
  encodeInto(frame: Uint8Array, target: Uint8Array, offset: number): number
}

/** A decoder that also offers the step below `read()`: the frame found, but no view of it made. */
export interface ByteFrameDecoder extends FrameDecoder<Uint8Array> {
  /**
   * Moves to the next frame and returns `true`, or `false` when more bytes are needed.
   *
   * The frame is `bytes` from `start` to `endOffset`, until the next call of any method.
   *
   * @throws {FrameError} as `read()` does.
   */
  next(): boolean
  readonly bytes: Uint8Array
  readonly start: number
  readonly endOffset: number
  rest(): Uint8Array
}

/**
 * What a decoder does with a frame above its limit: throw `ERR_FRAME_TOO_LARGE`, which ends the
 * stream, or drop the frame and go on at the next boundary. Dropping takes no more memory than a
 * frame of the largest size.
 */
export type OnTooLarge = 'throw' | 'skip'

/** A decoder of a format in which the next boundary can be found without knowing the last. */
export interface SkippingByteDecoder extends ByteFrameDecoder {
  /** How many frames above the limit were dropped. Always 0 unless `onTooLarge` is `'skip'`. */
  readonly skippedFrames: number
}

export interface SkippingByteCodec extends ByteFrameCodec {
  decoder(): SkippingByteDecoder
}

/** Why a stream was lost. */
export type FrameErrorCode = 'ERR_FRAME_TOO_LARGE' | 'ERR_FRAME_TRUNCATED' | 'ERR_FRAME_MALFORMED'

/** The stream cannot be decoded any further: the boundaries of later frames are unknown. */
export class FrameError extends Error {
  readonly code: FrameErrorCode
  /**
   * Where in the stream the decoder gave up, counted in bytes from its start: at the first byte
   * that cannot be right, or at the end of a stream that was cut off.
   */
  readonly offset: number
  /** What an HTTP server answers; `undefined` in every other format. */
  readonly status: number | undefined

  constructor(code: FrameErrorCode, message: string, offset: number, status?: number) {
    super(message)
    this.name = 'FrameError'
    this.code = code
    this.offset = offset
    this.status = status
  }
}
