/**
 * The types of `http1.ts`: options, messages, and what its codecs and decoders offer.
 */
import type { FrameCodec, FrameDecoder } from './frame.ts'

export interface Http1Options {
  /** Largest head, and largest trailer section, in bytes with all line ends. Default 16 KiB. */
  maxHeaderBytes?: number
  /** Largest number of field lines in a head or trailer section. Default 100. */
  maxHeaderFields?: number
  /** Largest body in bytes, without chunk sizes. Default 1 MiB. */
  maxBodyBytes?: number
}

export interface Http1RequestOptions extends Http1Options {
  /** The methods to accept, in their exact case. Default: those that Node's server knows. */
  methods?: readonly string[]
}

/** Field lines in the order of the wire. Strings are made when asked for, from the bytes. */
export interface Http1Headers extends Iterable<[name: string, value: string]> {
  /** The number of field lines. */
  readonly size: number
  /** Tells whether a field is there. Case does not matter in names. */
  has(name: string): boolean
  /**
   * Returns the value of a field. The values of repeated lines are joined with `, ` (RFC 9110
   * section 5.3). Of Set-Cookie, which cannot be joined, it is the first: use `getAll()`.
   */
  get(name: string): string | undefined
  /** Returns the value of each line of a field. */
  getAll(name: string): string[]
}

/** Fields to send: pairs of name and value in order, or an object; an array is a repeated field. */
export type Http1HeadersInit =
  | Iterable<readonly [name: string, value: string]>
  | { readonly [name: string]: string | readonly string[] }

export type Http1Version = '1.0' | '1.1'

export interface Http1Message {
  version: Http1Version
  headers: Http1Headers
  body: Uint8Array
  /** The fields after a chunked body. Do not trust them more than the body. */
  trailers: Http1Headers
  /** Whether the connection goes on after this message (RFC 9112 section 9.3). */
  keepAlive: boolean
}

export interface Http1MessageInit {
  /** Default `'1.1'`. */
  version?: Http1Version
  headers?: Http1HeadersInit
  body?: Uint8Array
  /** Makes the body chunked when it is not empty. */
  trailers?: Http1HeadersInit
}

export interface Http1Request extends Http1Message {
  method: string
  target: string
  /** Whether the client asked for `100 Continue` before it sends the body. */
  expectsContinue: boolean
}

export interface Http1Response extends Http1Message {
  status: number
  reason: string
  /** The method this is the answer to: `'GET'` unless the decoder was told otherwise. */
  requestMethod: string
}

export interface Http1RequestInit extends Http1MessageInit {
  method: string
  target: string
}

export interface Http1ResponseInit extends Http1MessageInit {
  status: number
  /** Default: none. */
  reason?: string
  /** `'HEAD'` allows a Content-Length without a body, `'CONNECT'` starts a tunnel. Default GET. */
  requestMethod?: string
}

/** A message as `readPart()` gives it: its head, its body as it comes, then its end. */
export type Http1Part<Frame> =
  | { kind: 'head'; head: Http1Head<Frame> }
  | { kind: 'data'; data: Uint8Array }
  | { kind: 'end'; trailers: Http1Headers }

export type Http1Head<Frame> = Omit<Frame, 'body' | 'trailers'>

/** What the decoders of both directions offer. */
export interface Http1Decoder<Frame> extends FrameDecoder<Frame> {
  /**
   * Returns the next part of a message, or `null` when more bytes are needed.
   *
   * For bodies that are too large to keep, or never end: each message is its head, any number of
   * pieces of its body, and its end. `maxBodyBytes` does not apply, and nothing of a body is kept.
   * How a body is cut into pieces depends on how it arrived. Once a head was given, `read()` and
   * `next()` are refused up to the end of its message.
   *
   * @throws {FrameError} as `read()` does.
   * @throws {RangeError} when `read()` or `next()` has begun with a message, until it is complete.
   */
  readPart(): Http1Part<Frame> | null
  /**
   * Moves to the next message without making a frame of it, and returns whether there is one.
   *
   * Until the next call its body lies in `bytes` from `start` to `endOffset`, and `headers` and
   * `keepAlive` are its own, as are `status` of a response, `method` and `target` of a request.
   *
   * @throws {FrameError} as `read()` does.
   */
  next(): boolean
  readonly bytes: Uint8Array
  readonly start: number
  readonly endOffset: number
  readonly keepAlive: boolean
  /** The fields of the message that `next()` moved to; strings are made when asked for. */
  readonly headers: Http1Headers
  /** Makes the frame of the message that `next()` moved to; `null` when it returned `false`. */
  frame(): Frame | null
  /**
   * Stops decoding and returns the bytes after the last frame: another protocol begins there, as
   * after `101 Switching Protocols` or CONNECT.
   * `read()` keeps `maxBodyBytes` of them at most, if nobody asks.
   *
   * @throws {RangeError} inside a message.
   * @throws {FrameError} when the stream is lost, as `read()` does.
   */
  rest(): Uint8Array
}

export interface Http1RequestDecoder extends Http1Decoder<Http1Request> {
  readonly method: string
  readonly target: string
  /**
   * The next request without its body, once its head is complete and while its body is not; else
   * `null`. It lets a server refuse a body before it comes.
   */
  readonly head: Http1Request | null
  /**
   * Whether a client now waits for `100 Continue`: it asked for it, the head is complete and no
   * byte of the body has come (RFC 9110 section 10.1.1). Look after `read()` returned `null`.
   */
  readonly awaitsContinue: boolean
}

export interface Http1ResponseDecoder extends Http1Decoder<Http1Response> {
  readonly status: number
  /**
   * Says the method of a request that was sent, in the order of sending.
   *
   * An answer to HEAD has no body, and to CONNECT may start a tunnel (RFC 9112 section 6.3), which
   * its own bytes do not tell. Call it for every request, or for none when all are others. Once it
   * was called, a response that no request asked for is refused (RFC 9112 section 9.2).
   */
  expect(method: string): void
}

/** A message to send in parts, as `readPart()` gives them: its head, its body as it comes, its end. */
export type Http1PartInit<Init> =
  | { kind: 'head'; head: Http1Head<Init> }
  | { kind: 'data'; data: Uint8Array }
  | { kind: 'end'; trailers?: Http1HeadersInit }

/** Encodes the messages of one connection in parts. It can be the `send` of `framed()`. */
export interface Http1PartEncoder<Init> {
  /**
   * Returns a part as it goes on the wire.
   *
   * A body whose head announces its Content-Length goes out as it is, without a copy, and must have
   * just that length. Every other body is chunked, one chunk for each part that is not empty; in
   * HTTP/1.0 it ends with the connection. Trailers follow chunked bodies only.
   *
   * @throws {RangeError} when a decoder would refuse the message or read another one. A refused head
   *   may be replaced by another. Inside a message nothing more can be sent then: other parts may
   *   have been refused with this one, so destroy the connection.
   */
  encode(part: Http1PartInit<Init>): Uint8Array
}

export interface Http1RequestCodec extends FrameCodec<Http1Request> {
  encode(message: Http1RequestInit): Uint8Array
  decoder(): Http1RequestDecoder
  /** Returns an encoder for requests whose bodies are sent in parts. See that of responses. */
  encoder(): Http1PartEncoder<Http1RequestInit>
}

export interface Http1ResponseCodec extends FrameCodec<Http1Response> {
  encode(message: Http1ResponseInit): Uint8Array
  decoder(): Http1ResponseDecoder
  /**
   * Returns an encoder for responses whose bodies are sent in parts: downloads, events without end.
   *
   * Use one per connection. With `await sendAll()` the body is made only as fast as the peer takes it.
   *
   * @example
   * ```ts
   * import assert from 'node:assert/strict'
   * import { once } from 'node:events'
   * import { createServer } from 'node:net'
   * import { http1Request, http1Response } from './http1.ts'
   * import { framed } from './stream.ts'
   *
   * const server = createServer({ allowHalfOpen: true }, async socket => {
   *   const peer = framed(socket, { receive: http1Request(), send: http1Response().encoder() })
   *   try {
   *     await peer.frames.next()
   *     const headers = { 'Content-Type': 'text/plain', Connection: 'close' }
   *     await peer.sendAll([{ kind: 'head', head: { status: 200, headers } }])
   *     for (const data of [Buffer.from('one '), Buffer.from('two')]) {
   *       await peer.sendAll([{ kind: 'data', data }]) // waits while the peer reads nothing
   *     }
   *     await peer.sendAll([{ kind: 'end' }])
   *     await peer.end()
   *   } catch {
   *     socket.destroy()
   *   }
   * })
   * await once(server.listen(0, '127.0.0.1'), 'listening')
   * const { port } = server.address() as { port: number }
   *
   * const response = await fetch(`http://127.0.0.1:${port}/`)
   * assert.equal(response.headers.get('transfer-encoding'), 'chunked')
   * assert.equal(await response.text(), 'one two')
   * server.close()
   * ```
   */
  encoder(): Http1PartEncoder<Http1ResponseInit>
}
