/**
 * HTTP/1.1 messages over Web Streams: their bodies come and go as `ReadableStream`.
 *
 * The same as `http1-stream.ts` and `sendAll()` for browsers, Deno, Bun and Node. Nothing is
 * imported but types: the streams are globals of all these runtimes.
 */
import type {
  Http1Decoder,
  Http1Head,
  Http1Headers,
  Http1HeadersInit,
  Http1Part,
  Http1PartEncoder,
} from './http1.ts'

/** A `ReadableStream` of bytes, as far as it is used here: its types differ between runtimes. */
export interface ByteSource {
  getReader(): ByteReader
}

interface ByteReader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>
  releaseLock(): void
  cancel(reason?: unknown): Promise<void>
}

/** The head of a message, and the body that follows it. */
export type WebMessage<Frame> = Http1Head<Frame> & {
  /** The body as it arrives. Bytes are read only when it is asked for some. */
  readonly body: ReadableStream<Uint8Array>
  /** The fields after a chunked body; `null` until the body was read to its end. */
  readonly trailers: Http1Headers | null
}

/**
 * Returns the messages in a stream of bytes, each as soon as its head is complete.
 *
 * The bytes are read only as fast as the bodies are. What you leave of a body, or cancel, is
 * skipped when you ask for the next message; do not ask while a piece of a body is awaited.
 * `maxBodyBytes` does not apply. A body can be read as long as the loop over the messages goes on.
 * When you leave the loop, the stream is unlocked and not cancelled: the decoder has what was read
 * of it already, and `rest()` gives the bytes after a message, as for another protocol.
 *
 * @throws {FrameError} when the stream is lost, or ends inside a message: from the body that is
 *   being read, too.
 * @throws {Error} what the stream failed with; `ERR_INVALID_STATE` from a body that was skipped, or
 *   for a next message while a piece of a body is awaited.
 * @see RFC 9112 section 6, https://www.rfc-editor.org/rfc/rfc9112#section-6
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { http1Response } from './http1.ts'
 * import { readWebMessages } from './http1-web-streams.ts'
 *
 * const head = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
 * const wire = new Blob([head, '6\r\nevent \r\n', '3\r\none\r\n', '0\r\n\r\n']).stream()
 * for await (const message of readWebMessages(wire, http1Response().decoder())) {
 *   assert.equal(message.status, 200)
 *   const response = new Response(message.body, { headers: [...message.headers] })
 *   assert.equal(await response.text(), 'event one')
 * }
 * ```
 */
export async function* readWebMessages<Frame>(
  bytes: ByteSource,
  decoder: Http1Decoder<Frame>,
): AsyncGenerator<WebMessage<Frame>, void, undefined> {
  const reader = bytes.getReader()
  try {
    const parts = partsOf(reader, decoder)
    for (;;) {
      const part = await parts()
      if (part === null) return
      if (part.kind !== 'head') continue // what an earlier loop left of a body
      const body = new Body(parts)
      yield {
        ...part.head,
        body: body.stream,
        get trailers() {
          return body.trailers
        },
      }
      await body.skip()
    }
  } finally {
    reader.releaseLock()
  }
}

type Parts = () => Promise<Http1Part<unknown> | null>

/** Returns a function for the next part; `null` after the last one. */
function partsOf<Frame>(
  reader: ByteReader,
  decoder: Http1Decoder<Frame>,
): () => Promise<Http1Part<Frame> | null> {
  let ended = false
  return async () => {
    for (;;) {
      const part = decoder.readPart()
      if (part !== null || ended) return part
      const { done, value } = await reader.read()
      if (done) {
        ended = true
        decoder.end()
      } else decoder.push(value!)
    }
  }
}

class Body {
  readonly stream: ReadableStream<Uint8Array>
  trailers: Http1Headers | null = null
  readonly #parts: Parts
  #skipped = false
  #cancelled = false
  /** The piece that is awaited. */
  #pending: Promise<unknown> | null = null

  constructor(parts: Parts) {
    this.#parts = parts
    this.stream = new ReadableStream(
      {
        pull: async controller => {
          if (this.#skipped) throw invalidState('this body was skipped: the next message was read')
          const data = await this.#next()
          if (this.#cancelled) return
          if (data === null) controller.close()
          else controller.enqueue(data)
        },
        cancel: () => {
          this.#cancelled = true
        },
      },
      { highWaterMark: 0 },
    )
  }

  /** Reads what is left. */
  async skip(): Promise<void> {
    if (this.#pending !== null) {
      if (!this.#cancelled) {
        throw invalidState('the next message, while a piece of this body is awaited')
      }
      await this.#pending
    }
    this.#skipped = this.trailers === null
    while ((await this.#next()) !== null);
  }

  async #next(): Promise<Uint8Array | null> {
    if (this.trailers !== null) return null
    const pending = this.#parts()
    this.#pending = pending
    try {
      const part = await pending
      if (part === null) throw invalidState('the loop over the messages has ended')
      if (part.kind === 'data') return part.data
      if (part.kind === 'end') this.trailers = part.trailers
      return null
    } finally {
      this.#pending = null
    }
  }
}

function invalidState(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_INVALID_STATE' })
}

export interface WebMessageParts {
  /** Default: no body. Its pieces go out as they come, each only when the reader asks for more. */
  body?: ByteSource | null
  /** The fields after a chunked body. A function is called when the body has ended. */
  trailers?: Http1HeadersInit | (() => Http1HeadersInit)
}

/**
 * Returns one message as a stream of the bytes that go on the wire, for `pipeTo()`.
 *
 * Use the encoder of the connection, and pipe one message after the other, with `preventClose`. A
 * body of an announced Content-Length goes out without a copy, any other in chunks, as
 * `encoder()` explains. If the body fails, or is not as announced, the stream fails with that
 * error and `pipeTo()` aborts the connection: half a message cannot be taken back. If the peer
 * stops reading, the body is cancelled.
 *
 * @throws {RangeError} at once when the encoder refuses the head: nothing is sent, and another may
 *   follow. Through the stream when it refuses a part of the body, or its end.
 * @see RFC 9112 section 7.1, https://www.rfc-editor.org/rfc/rfc9112#section-7.1
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { once } from 'node:events'
 * import { createServer } from 'node:net'
 * import { Writable } from 'node:stream'
 * import { ReadableStream } from 'node:stream/web'
 * import { http1Request, http1Response } from './http1.ts'
 * import { messageStream, readWebMessages } from './http1-web-streams.ts'
 *
 * const server = createServer({ allowHalfOpen: true }, async socket => {
 *   socket.on('error', () => {}) // the streams have it, too
 *   const readable = ReadableStream.from<Uint8Array>(socket.iterator({ destroyOnReturn: false }))
 *   const writable = Writable.toWeb(socket)
 *   const encoder = http1Response().encoder()
 *   const headers = { 'Content-Type': 'text/plain', Connection: 'close' }
 *   try {
 *     for await (const request of readWebMessages(readable, http1Request().decoder())) {
 *       const answer = messageStream(encoder, { status: 200, headers }, { body: request.body })
 *       await answer.pipeTo(writable, { preventClose: true })
 *       break // as the answer says
 *     }
 *     await writable.close()
 *   } catch {
 *     socket.destroy() // the peer broke the rules, or went away
 *   }
 * })
 * await once(server.listen(0, '127.0.0.1'), 'listening')
 *
 * const { port } = server.address() as { port: number }
 * const init = { method: 'POST', body: 'echo', headers: { Connection: 'close' } }
 * const response = await fetch(`http://127.0.0.1:${port}/`, init)
 * assert.equal(await response.text(), 'echo')
 * server.close()
 * ```
 */
export function messageStream<Init>(
  encoder: Http1PartEncoder<Init>,
  head: Http1Head<Init>,
  { body = null, trailers }: WebMessageParts = {},
): ReadableStream<Uint8Array> {
  let first: Uint8Array | null = encoder.encode({ kind: 'head', head })
  const reader = body?.getReader()

  /** Encodes the next piece of the body, or the end behind the last one. */
  async function encodeNext(): Promise<[wire: Uint8Array, isLast: boolean]> {
    const { done, value } = (await reader?.read()) ?? { done: true, value: undefined }
    if (!done) return [encoder.encode({ kind: 'data', data: value! }), false]
    const fields = typeof trailers === 'function' ? trailers() : trailers
    const end = fields === undefined ? {} : { trailers: fields }
    return [encoder.encode({ kind: 'end', ...end }), true]
  }

  return new ReadableStream(
    {
      async pull(controller) {
        if (first !== null) {
          controller.enqueue(first)
          first = null
          return
        }
        try {
          // An empty piece is nothing on the wire, and a pull without bytes would be the last.
          for (;;) {
            const [wire, isLast] = await encodeNext()
            if (wire.length > 0) controller.enqueue(wire)
            if (isLast) controller.close()
            if (isLast || wire.length > 0) return
          }
        } catch (error) {
          reader?.cancel(error).catch(() => {}) // it may be what failed
          throw error
        }
      },
      cancel: reason => reader?.cancel(reason),
    },
    { highWaterMark: 0 },
  )
}
