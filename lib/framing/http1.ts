/**
 * HTTP/1.1 messages: a head of text lines, then a body as long as the head says.
 *
 *     POST /upload HTTP/1.1␍␊             request-line    RFC 9112 section 3
 *     HTTP/1.1 200 OK␍␊                   or status-line  section 4
 *     Content-Type: text/plain␍␊          field lines     section 5
 *     Content-Length: 5␍␊
 *     ␍␊                                  end of the head
 *     hello                               body            section 6: Content-Length, or
 *
 *     5␍␊hello␍␊                          chunks          section 7.1: Transfer-Encoding: chunked
 *     0␍␊                                 last chunk
 *     Digest: …␍␊                         trailer fields  section 7.1.2
 *     ␍␊
 *
 * A response may also have no body whatever its fields say, or one that ends with the connection
 * (section 6.3). The decoder is strict where two readers could see different messages in the same
 * bytes: that is how requests are smuggled (sections 11.1 and 11.2).
 */
import { wholeNumber } from './codec-base.ts'
import { RequestDecoder, ResponseDecoder } from './http1-decode.ts'
import {
  type BodyRule,
  checkSent,
  encodeHead,
  encodeMessage,
  readBack,
  responseRule,
} from './http1-encode.ts'
import { type Direction, PartEncoder } from './http1-part-encoder.ts'
import type {
  Http1Head,
  Http1Options,
  Http1Request,
  Http1RequestCodec,
  Http1RequestInit,
  Http1RequestOptions,
  Http1Response,
  Http1ResponseCodec,
  Http1ResponseInit,
} from './http1-types.ts'

export type * from './http1-types.ts'

/** What Node's server accepts, on every version since 20. */
const METHODS = (
  'ACL BIND CHECKOUT CONNECT COPY DELETE GET HEAD LINK LOCK M-SEARCH MERGE MKACTIVITY ' +
  'MKCALENDAR MKCOL MOVE NOTIFY OPTIONS PATCH POST PROPFIND PROPPATCH PURGE PUT QUERY REBIND ' +
  'REPORT SEARCH SOURCE SUBSCRIBE TRACE UNBIND UNLINK UNLOCK UNSUBSCRIBE'
).split(' ')

function checkedLimits(options: Http1Options): Required<Http1Options> {
  const { maxHeaderBytes = 16_384, maxHeaderFields = 100, maxBodyBytes = 1024 * 1024 } = options
  wholeNumber('maxHeaderBytes', maxHeaderBytes, 1)
  wholeNumber('maxHeaderFields', maxHeaderFields, 0)
  wholeNumber('maxBodyBytes', maxBodyBytes, 0)
  return { maxHeaderBytes, maxHeaderFields, maxBodyBytes }
}

/**
 * Returns a codec for HTTP/1.0 and HTTP/1.1 requests: servers decode them, clients encode them.
 *
 * A request comes out when its body is complete. `body` is a view into the chunk when it arrived in
 * one, else a copy in room of its size, made when all is there if that was not known before. Header
 * strings are made when asked for. Requests may be pipelined. After a request whose `keepAlive` is
 * false no other may follow; after CONNECT the decoder stops, and `rest()` has the tunnel's bytes.
 * A head is at most `maxHeaderBytes` and `maxHeaderFields`, a body `maxBodyBytes`; a larger one is
 * refused as soon as its length is known. The time is linear in the bytes for any chunks.
 *
 * `encode()` adds Content-Length when there is a body, and for POST, PUT and PATCH without one. It
 * adds nothing else: HTTP/1.1 needs a Host. With `Transfer-Encoding: chunked` among the headers, or
 * with trailers, the body is sent as one chunk. What its own decoder would refuse, or read as
 * something else (a line break in a value), it refuses.
 *
 * @throws {RangeError} when an option is out of range, and from `encode()` when its own decoder would
 *   refuse the message or read another one.
 * @throws {FrameError} from the decoder: `ERR_FRAME_MALFORMED`, `ERR_FRAME_TOO_LARGE`, and
 *   `ERR_FRAME_TRUNCATED` when the stream ends inside a request. Its `status` is what to answer
 *   before you close: 400, 413, 414, 431, 501 or 505.
 * @see RFC 9112 section 3 and 6, https://www.rfc-editor.org/rfc/rfc9112
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { http1Request } from './http1.ts'
 *
 * const codec = http1Request()
 * const headers = { Host: 'a.example', Accept: ['text/html', 'text/plain'] }
 * const wire = codec.encode({ method: 'POST', target: '/x', headers, body: Buffer.from('hi') })
 *
 * const decoder = codec.decoder()
 * decoder.push(wire.subarray(0, 60))
 * assert.equal(decoder.read(), null) // the head is not complete
 * decoder.push(wire.subarray(60))
 * const request = decoder.read()
 * assert.equal(request?.target, '/x')
 * assert.equal(request.headers.get('accept'), 'text/html, text/plain')
 * assert.equal(request.headers.get('content-length'), '2')
 * assert.equal(request.body.toString(), 'hi')
 * assert.equal(request.keepAlive, true)
 *
 * decoder.push(Buffer.from('GET / HTTP/1.1\r\nHost : a\r\n\r\n'))
 * assert.throws(() => decoder.read(), { code: 'ERR_FRAME_MALFORMED' })
 * ```
 */
export function http1Request(options: Http1RequestOptions = {}): Http1RequestCodec {
  const limits = checkedLimits(options)
  const methods = new Set(options.methods ?? METHODS)
  const decoder = () => new RequestDecoder(limits, methods)
  const direction: Direction<Http1RequestInit, Http1Request> = {
    encodeHead: head => encodeHead(requestLine(head), head, requestRule(head.method)),
    decoder,
    checkHead(head, read, hasContent) {
      checkRequestLine(head, read)
      checkSent(read, hasContent)
    },
    beginsTunnel: ({ method }) => method === 'CONNECT',
  }
  return {
    encode(message) {
      const wire = encodeMessage(requestLine(message), message, requestRule(message.method))
      const sent = readBack(decoder(), wire, message.body)
      checkRequestLine(message, sent)
      checkSent(sent, sent.body.length > 0)
      return wire
    },
    decoder,
    encoder: () => new PartEncoder(direction),
  }
}

/**
 * Returns a codec for HTTP/1.0 and HTTP/1.1 responses: clients decode them, servers encode them.
 *
 * Limits, views and strings are those of `http1Request()`. An interim response (100 to 199, but
 * not 101) is a frame of its own; the final one comes after it. A response without a length ends
 * with the stream: after `end()`, `read()` returns it. Whether a response to HEAD or CONNECT has a
 * body its bytes do not tell: say the methods with `expect()`. After 101, or 2xx to CONNECT, the
 * decoder stops, and `rest()` has the bytes of the other protocol.
 *
 * `encode()` adds Content-Length to each response that has a body, empty or not. Say
 * `requestMethod: 'HEAD'` to send a length without the body.
 *
 * @throws {RangeError} when an option is out of range, and from `encode()` when its own decoder would
 *   refuse the message or read another one.
 * A field that is folded over several lines is joined with spaces (RFC 9112 section 5.2).
 *
 * @throws {FrameError} from the decoder, as from that of `http1Request()`, without a `status`.
 * @see RFC 9112 section 4 and 6, https://www.rfc-editor.org/rfc/rfc9112
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { http1Response } from './http1.ts'
 *
 * const codec = http1Response()
 * const headers = { 'Content-Type': 'text/plain', 'Set-Cookie': ['a=1', 'b=2'] }
 * const wire = codec.encode({ status: 200, reason: 'OK', headers, body: Buffer.from('hello') })
 *
 * const decoder = codec.decoder()
 * decoder.expect('GET')
 * decoder.expect('HEAD')
 * decoder.push(Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n'))
 * decoder.push(wire)
 * decoder.push(Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n'))
 * assert.equal(decoder.read()?.status, 103)
 *
 * const response = decoder.read()
 * assert.equal(response?.status, 200)
 * assert.deepEqual(response.headers.getAll('set-cookie'), ['a=1', 'b=2'])
 * assert.equal(response.body.toString(), 'hello')
 * assert.equal(decoder.read()?.body.length, 0) // the answer to HEAD
 * decoder.end()
 * ```
 */
export function http1Response(options: Http1Options = {}): Http1ResponseCodec {
  const limits = checkedLimits(options)
  const decoderFor = ({ requestMethod = 'GET' }: ResponseHead) => {
    const decoder = new ResponseDecoder(limits)
    decoder.expect(requestMethod)
    return decoder
  }
  const direction: Direction<Http1ResponseInit, Http1Response> = {
    encodeHead: head => encodeHead(statusLine(head), head, ruleOf(head)),
    decoder: decoderFor,
    checkHead: checkStatusLine,
    beginsTunnel: ({ status, requestMethod }) =>
      status === 101 || (requestMethod === 'CONNECT' && status >= 200 && status < 300),
  }
  return {
    encode(message) {
      const wire = encodeMessage(statusLine(message), message, ruleOf(message))
      checkStatusLine(message, readBack(decoderFor(message), wire, message.body))
      return wire
    },
    decoder: () => new ResponseDecoder(limits),
    encoder: () => new PartEncoder(direction),
  }
}

type RequestHead = Http1Head<Http1RequestInit>
type ResponseHead = Http1Head<Http1ResponseInit>

function requestLine({ method, target, version = '1.1' }: RequestHead): string {
  return `${method} ${target} HTTP/${version}`
}

/** RFC 9110 section 8.6: some requests say that they have no content. */
function requestRule(method: string): BodyRule {
  return ['POST', 'PUT', 'PATCH'].includes(method) ? 'always a length' : 'length unless empty'
}

function checkRequestLine(head: RequestHead, read: Http1Head<Http1Request>): void {
  const { method, target, version = '1.1' } = head
  if (read.method === method && read.target === target && read.version === version) return
  throw new RangeError(`${JSON.stringify(`${method} ${target}`)} is no request-line`)
}

function statusLine({ status, reason = '', version = '1.1' }: ResponseHead): string {
  return `HTTP/${version} ${status} ${reason}`
}

function ruleOf({ status, requestMethod = 'GET' }: ResponseHead): BodyRule {
  return responseRule(status, requestMethod)
}

function checkStatusLine(head: ResponseHead, read: Http1Head<Http1Response>): void {
  const { status, reason = '', version = '1.1' } = head
  if (read.status === status && read.reason === reason && read.version === version) return
  throw new RangeError(`${JSON.stringify(`${status} ${reason}`)} is no status-line`)
}
