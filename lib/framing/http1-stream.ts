/**
 * HTTP/1.1 messages whose bodies are read while they arrive.
 *
 * For downloads, and for events without end. A body is never kept, so it has no limit; its reader
 * sets the pace for the socket.
 */
import type { Http1Decoder, Http1Head, Http1Headers, Http1Part } from './http1.ts'
import { type Readable, type ReadOptions, readFrames } from './stream.ts'

/** The head of a message, and the body that follows it. */
export type StreamedMessage<Frame> = Http1Head<Frame> & {
  /** The pieces of the body as they arrive, for one loop. `Readable.from()` makes a stream of it. */
  readonly body: AsyncIterable<Uint8Array>
  /** The fields after a chunked body; `null` until the body was read to its end. */
  readonly trailers: Http1Headers | null
}

/** The options of `readFrames()`; the decoder is an argument of its own here. */
export type MessageOptions = Omit<ReadOptions<never>, 'decoder'>

/**
 * Returns the messages of a stream, each as soon as its head is complete.
 *
 * The bytes are read only as fast as the bodies are. What you leave of a body is skipped when you
 * ask for the next message; with a body that never ends, leave both loops. `maxBodyBytes` does not
 * apply: count the bytes yourself if the peer may not send any number. After leaving the outer loop
 * inside a body, the decoder goes on with `readPart()`. The stream is not destroyed, as with
 * `readFrames()`, and the same errors come out: of the loop over a body while that is read.
 *
 * @throws {FrameError} when the stream is lost, or ends inside a message.
 * @throws {Error} what the stream failed with; `ERR_INVALID_STATE` for a second loop over a body,
 *   one over a body that was skipped, or a next message while a piece of a body is awaited.
 * @see RFC 9112 section 6, https://www.rfc-editor.org/rfc/rfc9112#section-6
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import { createServer } from 'node:http'
 * import { connect } from 'node:net'
 * import { http1Request, http1Response } from './http1.ts'
 * import { readMessages } from './http1-stream.ts'
 *
 * const server = createServer((_, response) => {
 *   response.setHeader('Content-Type', 'text/event-stream')
 *   response.write('data: first\n\n') // and no end: more events may follow at any time
 * })
 * await once(server.listen(0, '127.0.0.1'), 'listening')
 *
 * const { port } = server.address() as { port: number }
 * const socket = connect(port, '127.0.0.1')
 * socket.on('error', () => {}) // it also ends the loop
 * socket.write(http1Request().encode({ method: 'GET', target: '/', headers: { Host: 'a' } }))
 * reading: for await (const { status, body } of readMessages(socket, http1Response().decoder())) {
 *   assert.equal(status, 200)
 *   for await (const piece of body) {
 *     assert.equal(piece.toString(), 'data: first\n\n')
 *     break reading
 *   }
 * }
 * socket.destroy()
 * server.close()
 * ```
 */
export async function* readMessages<Frame>(
  stream: Readable,
  decoder: Http1Decoder<Frame>,
  options: MessageOptions = {},
): AsyncGenerator<StreamedMessage<Frame>, void, undefined> {
  const parts = readFrames<Http1Part<Frame>>(
    stream,
    { decoder: () => partsOf(decoder) },
    {
      ...options,
      decoder: partsOf(decoder),
    },
  )
  try {
    for (;;) {
      const next = await parts.next()
      if (next.done) return
      if (next.value.kind !== 'head') continue // what an earlier loop left of a body
      const body = new Body(parts)
      const message = {
        ...next.value.head,
        body,
        get trailers() {
          return body.trailers
        },
      }
      yield message
      await body.skip()
    }
  } finally {
    await parts.return()
  }
}

/** The decoder as one whose frames are parts. */
function partsOf<Frame>(decoder: Http1Decoder<Frame>) {
  return {
    push: (chunk: Uint8Array) => decoder.push(chunk),
    read: () => decoder.readPart(),
    end: () => decoder.end(),
  }
}

class Body implements AsyncIterable<Uint8Array> {
  trailers: Http1Headers | null = null
  readonly #parts: AsyncIterator<Http1Part<unknown>, undefined>
  #begun = false
  #waiting = false

  constructor(parts: AsyncIterator<Http1Part<unknown>, undefined>) {
    this.#parts = parts
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#begun) throw invalidState('a second loop over this body, or one after it was skipped')
    this.#begun = true
    for (let data = await this.#next(); data !== null; data = await this.#next()) yield data
  }

  /** Reads what is left. */
  async skip(): Promise<void> {
    this.#begun = true
    if (this.#waiting) throw invalidState('the next message, while a piece of this body is awaited')
    while ((await this.#next()) !== null);
  }

  async #next(): Promise<Uint8Array | null> {
    if (this.trailers !== null) return null
    this.#waiting = true
    try {
      const { value, done } = await this.#parts.next()
      if (done) throw invalidState('the loop over the messages has ended')
      if (value.kind === 'data') return value.data
      if (value.kind === 'end') this.trailers = value.trailers
      return null
    } finally {
      this.#waiting = false
    }
  }
}

function invalidState(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_INVALID_STATE' })
}
