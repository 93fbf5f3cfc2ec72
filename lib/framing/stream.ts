/**
 * Joins a codec to Node streams: an iterable of frames, a `Transform`, a framed socket.
 *
 * This is the only file here that knows Node. The codecs themselves run anywhere.
 */
import { type Duplex, type Readable, Transform, type TransformCallback } from 'node:stream'
import type { FrameCodec, FrameDecoder } from './frame.ts'

/**
 * Returns the frames of a stream of bytes, one after the other.
 *
 * The stream is read only as fast as the frames are taken. It is not destroyed: not at its end, so
 * that a socket with `allowHalfOpen` can still answer after the peer's FIN; not on `break`; and not
 * on a `FrameError`, so that you can tell the peer what was wrong. Close it yourself, and keep an
 * `error` listener on it: nobody else listens once the loop has ended. Bytes that came with the
 * last frame are used up; after `break` no other reader gets them.
 *
 * @throws {FrameError} when the stream is lost, or ends inside a frame.
 * @throws {Error} what the stream failed with; `ERR_STREAM_PREMATURE_CLOSE` when it was destroyed.
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
 *   let total = 0
 *   for await (const frame of readFrames(socket, codec)) total += frame.length
 *   socket.end(`${total} bytes`) // the peer has sent its FIN, and still listens
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
export async function* readFrames<Frame>(
  stream: Readable,
  codec: FrameCodec<Frame>,
): AsyncGenerator<Frame, void, undefined> {
  const decoder = codec.decoder()
  // A plain `for await (… of stream)` would destroy the stream, and with it a half-closed socket.
  for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
    decoder.push(chunk)
    yield* framesIn(decoder)
  }
  decoder.end()
  yield* framesIn(decoder)
}

function* framesIn<Frame>(decoder: FrameDecoder<Frame>): Generator<Frame, void, undefined> {
  for (let frame = decoder.read(); frame !== null; frame = decoder.read()) yield frame
}

/**
 * Returns a stream for `pipeline()`: bytes in, frames out.
 *
 * Its readable side is in object mode. It makes no more frames than are asked for: when its buffer
 * of 16 is full it stops, also in the middle of a chunk. A `FrameError` ends the pipeline with that
 * error; frames that are in the buffer at that moment are lost, as with every stream that fails.
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
export function frameTransform<Frame>(codec: FrameCodec<Frame>): Transform {
  return new FrameTransform(codec.decoder())
}

class FrameTransform<Frame> extends Transform {
  readonly #decoder: FrameDecoder<Frame>
  /** To be called when all frames of the last chunk are out. */
  #done: TransformCallback | null = null

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
    if (this.#done === null) super._read(size)
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
      done(error as Error)
      return
    }
    done()
  }
}

/** A socket that carries frames. */
export interface Framed<Frame> {
  /** The frames that arrive, to be iterated over once. See `readFrames()`. */
  readonly frames: AsyncGenerator<Frame, void, undefined>
  /** Writes one frame; resolves when the socket wants more. */
  send(frame: Frame): Promise<void>
  /** Sends FIN behind all that was sent; resolves when all of it was handed to the kernel. */
  end(): Promise<void>
}

/**
 * Returns both directions of a socket as frames.
 *
 * `await send()` keeps a fast writer from filling the memory: when the socket's buffer is full it
 * waits for `drain`. It says nothing about what the peer has received. `send()` rejects with a
 * `RangeError` when the codec refuses the frame; nothing is sent then, and the socket lives on. It
 * rejects with the socket's error when the socket dies, also while it waits. `framed()` listens to
 * `error` itself, so a lost connection ends no process: it shows in `frames`, `send()` and `end()`.
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
 *   for await (const line of peer.frames) await peer.send(line.toUpperCase())
 *   await peer.end()
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
export function framed<Frame>(socket: Duplex, codec: FrameCodec<Frame>): Framed<Frame> {
  let failure: Error | null = null
  const waiting: { resolve(): void; reject(error: Error): void }[] = []
  let ending: Promise<void> | null = null
  let failEnd: ((error: Error) => void) | null = null

  const lost = (error: Error): void => {
    failure ??= error
    for (const { reject } of waiting.splice(0)) reject(failure)
    failEnd?.(failure)
  }
  socket.on('error', lost)
  socket.on('close', () => lost(failure ?? closed()))
  const wanted = (): void => {
    for (const { resolve } of waiting.splice(0)) resolve()
  }
  socket.on('drain', wanted)
  socket.on('finish', wanted) // there is no 'drain' after end()

  return {
    frames: readFrames(socket, codec),
    async send(frame) {
      const wire = codec.encode(frame)
      if (socket.writableEnded) throw coded('ERR_STREAM_WRITE_AFTER_END', 'send() after end()')
      if (failure !== null || socket.destroyed) throw failure ?? closed()
      if (socket.write(wire)) return
      await new Promise<void>((resolve, reject) => {
        waiting.push({ resolve, reject })
      })
    },
    end() {
      ending ??= new Promise((resolve, reject) => {
        if (socket.writableFinished) resolve()
        else if (failure !== null || socket.destroyed) reject(failure ?? closed())
        else {
          // Node does not always call back when the socket is destroyed before its end.
          failEnd = reject
          socket.end((error?: Error | null) => {
            if (!error) resolve()
          })
        }
      })
      return ending
    },
  }
}

function closed(): Error {
  return coded('ERR_STREAM_PREMATURE_CLOSE', 'the socket was closed')
}

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
