/** A `Transform` from bytes to frames: `frameTransform()`. */
import { Transform, type TransformCallback } from 'node:stream'
import type { FrameDecoder } from './frame.ts'

export class FrameTransform<Frame> extends Transform {
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
