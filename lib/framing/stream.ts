/**
 * Joins a codec to Node streams: an iterable, a `Transform`, a framed socket.
 *
 * Only this file and its siblings `stream-*.ts` know Node. The codecs themselves run anywhere.
 */
import type { Duplex, Readable, Transform } from 'node:stream'
import type { FrameDecoder } from './frame.ts'
import { FrameReader } from './stream-reader.ts'
import { FrameTransform } from './stream-transform.ts'
import type {
  CodecPair,
  Framed,
  FrameIterator,
  ReadOptions,
  Receiver,
  Sender,
} from './stream-types.ts'
import { FramedSocket } from './stream-writer.ts'

export type { CodecPair, Framed, FrameIterator, Readable, ReadOptions, Receiver, Sender }

const NO_OPTIONS = {}

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
