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
   */
  encode(frame: Frame): Uint8Array
  /** Returns a decoder with state of its own. Use one per stream and direction. */
  decoder(): FrameDecoder<Frame>
}

/** The reading half of a codec, fed with the bytes of one stream in the order they arrived. */
export interface FrameDecoder<Frame = Uint8Array> {
  /** Takes the next bytes of the stream. They are kept by reference: do not change them. */
  push(chunk: Uint8Array): void
  /**
   * Returns the next frame, or `null` when more bytes are needed.
   *
   * @throws {FrameError} when the stream is lost. Every later call throws the same error.
   */
  read(): Frame | null
  /**
   * Says that the stream has ended.
   *
   * @throws {FrameError} `ERR_FRAME_TRUNCATED` when it ended inside a frame.
   */
  end(): void
}

/** Why a stream was lost. */
export type FrameErrorCode = 'ERR_FRAME_TOO_LARGE' | 'ERR_FRAME_TRUNCATED' | 'ERR_FRAME_MALFORMED'

/** The stream cannot be decoded any further: the boundaries of later frames are unknown. */
export class FrameError extends Error {
  readonly code: FrameErrorCode

  constructor(code: FrameErrorCode, message: string) {
    super(message)
    this.name = 'FrameError'
    this.code = code
  }
}
