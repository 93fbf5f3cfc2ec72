/**
 * How a message is written, and what a sender must not write although a decoder would take it.
 */
import { allocLike, checkBytes, NOTHING } from './codec-base.ts'
import { FrameError } from './frame.ts'
import { isFieldValue, isToken, listHas } from './http1-grammar.ts'
import { SCHEME, URI } from './http1-target.ts'
import type {
  Http1Decoder,
  Http1Head,
  Http1HeadersInit,
  Http1Message,
  Http1MessageInit,
  Http1Part,
  Http1Request,
} from './http1-types.ts'

function fieldList(init: Http1HeadersInit | undefined): (readonly [string, string])[] {
  if (init === undefined) return []
  const pairs: (readonly [string, string])[] = []
  if (Symbol.iterator in init) pairs.push(...init)
  else {
    for (const [name, values] of Object.entries(init)) {
      for (const value of typeof values === 'string' ? [values] : values) pairs.push([name, value])
    }
  }
  for (const [name, value] of pairs) {
    if (!isToken(name)) {
      throw new RangeError(`field name ${JSON.stringify(name)} is not a token`)
    }
    if (!isFieldValue(value)) {
      throw new RangeError(`${name}: ${JSON.stringify(value)} is not a field value`)
    }
  }
  return pairs
}

function fieldLines(fields: readonly (readonly [string, string])[]): string {
  let lines = ''
  for (const [name, value] of fields) lines += `${name}: ${value}\r\n`
  return lines
}

const NEVER_A_BODY = 'Content-Length or Transfer-Encoding in a message that never has a body'

/** What a message may say of a body, and what is said for it. */
export type BodyRule =
  | 'nothing'
  | 'length but no body'
  | 'length unless empty'
  | 'always a length'
  | 'always empty'

export function encodeMessage(
  startLine: string,
  message: Http1MessageInit,
  rule: BodyRule,
): Uint8Array {
  const body = message.body ?? NOTHING
  checkBytes(body, 'a body')
  const fields = fieldList(message.headers)
  const trailers = fieldLines(fieldList(message.trailers))
  const names = fields.map(([name]) => name.toLowerCase())
  const sized = names.includes('content-length')
  let chunked = names.includes('transfer-encoding')
  const bodyless = rule === 'nothing' || rule === 'length but no body'
  if ((bodyless || rule === 'always empty') && (body.length > 0 || trailers !== '')) {
    throw new RangeError(`body of ${body.length} bytes in a message that has none`)
  }
  if (rule === 'nothing' && (sized || chunked)) {
    // RFC 9112 section 6.1, RFC 9110 section 8.6. A decoder ignores them; a sender must not send.
    throw new RangeError(NEVER_A_BODY)
  }
  if (!sized && !chunked && trailers !== '') {
    chunked = true
    fields.push(['Transfer-Encoding', 'chunked'])
  } else if (!sized && !chunked && (body.length > 0 || rule.startsWith('always'))) {
    fields.push(['Content-Length', String(body.length)])
  }
  if (!chunked && trailers !== '') throw new RangeError('trailers after a body with a length')
  let head = `${startLine}\r\n${fieldLines(fields)}\r\n`
  let tail = ''
  if (chunked && !bodyless) {
    if (body.length > 0) head += `${body.length.toString(16)}\r\n`
    tail = `${body.length > 0 ? '\r\n' : ''}0\r\n${trailers}\r\n`
  }
  const wire = allocLike(body, head.length + body.length + tail.length)
  for (let i = 0; i < head.length; i++) wire[i] = head.charCodeAt(i)
  wire.set(body, head.length)
  const tailStart = head.length + body.length
  for (let i = 0; i < tail.length; i++) wire[tailStart + i] = tail.charCodeAt(i)
  return wire
}

/** Returns a string of bytes as bytes. */
export function bytesOf(string: string): Uint8Array {
  return Uint8Array.from(string, character => character.charCodeAt(0))
}

/**
 * Returns the head of a message whose body is sent in parts. Where its length is not announced, it
 * is chunked, except in HTTP/1.0.
 */
export function encodeHead(
  startLine: string,
  { version = '1.1', headers }: Omit<Http1MessageInit, 'body' | 'trailers'>,
  rule: BodyRule,
): Uint8Array {
  const fields = fieldList(headers)
  const framed = fields.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name))
  if (framed && rule === 'nothing') throw new RangeError(NEVER_A_BODY)
  if (!framed && rule === 'always empty') fields.push(['Content-Length', '0'])
  if (!framed && rule === 'always a length' && version === '1.1') {
    fields.push(['Transfer-Encoding', 'chunked'])
  }
  return bytesOf(`${startLine}\r\n${fieldLines(fields)}\r\n`)
}

/** Returns what ends a chunked body: RFC 9112 section 7.1. */
export function chunkedEnd(trailers: Http1HeadersInit | undefined): Uint8Array {
  return bytesOf(`0\r\n${fieldLines(fieldList(trailers))}\r\n`)
}

/** RFC 9112 section 6.3, rules 1 and 2. */
export function responseRule(status: number, requestMethod: string): BodyRule {
  if (status < 200 || status === 204) return 'nothing'
  if (requestMethod === 'CONNECT' && status < 300) return 'nothing'
  if (requestMethod === 'HEAD' || status === 304) return 'length but no body'
  // RFC 9110 section 15.3.6
  return status === 205 ? 'always empty' : 'always a length'
}

/**
 * Reads what was encoded: the surest way to refuse what a decoder refuses.
 *
 * @throws {RangeError} when the bytes are not exactly one message.
 */
export function readBack<Frame extends Http1Message>(
  decoder: Http1Decoder<Frame>,
  wire: Uint8Array,
  body: Uint8Array = NOTHING,
): Frame {
  let frame: Frame | null
  try {
    decoder.push(wire)
    frame = decoder.read()
  } catch (error) {
    if (error instanceof FrameError) throw new RangeError(error.message)
    throw error
  }
  if (frame === null || decoder.rest().length > 0) {
    throw new RangeError(`body of ${body.length} bytes: Content-Length says otherwise`)
  }
  return frame
}

/**
 * Reads a part that was encoded.
 *
 * @throws {RangeError} when the decoder refuses it.
 */
export function readBackPart<Frame>(
  decoder: Http1Decoder<Frame>,
  wire: Uint8Array,
): Http1Part<Frame> | null {
  try {
    decoder.push(wire)
    return decoder.readPart()
  } catch (error) {
    if (error instanceof FrameError) throw new RangeError(error.message)
    throw error
  }
}

/**
 * Refuses what a client must not send, though servers take it.
 *
 * @throws {RangeError} with the section that forbids it.
 */
export function checkSent(
  { method, target, headers }: Http1Head<Http1Request>,
  hasContent: boolean,
): void {
  if (!URI.test(target)) {
    throw new RangeError(`target ${JSON.stringify(target)} is no URI: percent-encode it (RFC 3986)`)
  }
  if (method === 'TRACE' && (hasContent || headers.has('transfer-encoding'))) {
    throw new RangeError('TRACE with content (RFC 9110 section 9.3.8)')
  }
  const expect = Uint8Array.from(headers.get('expect') ?? '', letter => letter.charCodeAt(0))
  if (!hasContent && listHas(expect, 0, expect.length, '100-continue')) {
    throw new RangeError('Expect: 100-continue without content (RFC 9110 section 10.1.1)')
  }
  const authority = SCHEME.test(target) ? target.split(/[/?]/, 3)[2]! : undefined
  const host = headers.get('host')
  if (authority === undefined || host === undefined) return
  if (authority.toLowerCase() !== host.toLowerCase()) {
    throw new RangeError(`Host is ${host}, the target says ${authority} (RFC 9112 section 3.2)`)
  }
}
