/**
 * The decoders of requests and of responses: their first lines, and which messages have a body.
 */
import { NOTHING } from './codec-base.ts'
import type { FrameErrorCode } from './frame.ts'
import { byteSet, skipText, skipToken, TOKEN_CHARACTERS, text } from './http1-grammar.ts'
import { MessageDecoder, view } from './http1-message.ts'
import { isHost, isTarget } from './http1-target.ts'
import type {
  Http1Head,
  Http1Options,
  Http1Request,
  Http1RequestDecoder,
  Http1Response,
  Http1ResponseDecoder,
} from './http1-types.ts'

const LF = 0x0a
const CR = 0x0d
const SP = 0x20
const TOKEN = byteSet(TOKEN_CHARACTERS)
/** A request-target has visible characters only, and no fragment: RFC 9112 section 3.2. */
const TARGET = byteSet('', 0x21, 0x7e)
TARGET['#'.charCodeAt(0)] = 0

export class RequestDecoder extends MessageDecoder<Http1Request> implements Http1RequestDecoder {
  method = ''
  target = ''
  readonly #methods: ReadonlySet<string>
  protected readonly bodyEndsWithStream = false
  protected readonly unfolds = false

  constructor(limits: Required<Http1Options>, methods: ReadonlySet<string>) {
    super(limits)
    this.#methods = methods
  }

  get head(): Http1Request | null {
    return this.inBody ? this.#message(NOTHING) : null
  }

  get awaitsContinue(): boolean {
    return this.expects && this.bodyNotBegun
  }

  frame(): Http1Request | null {
    return this.found ? this.#message(view(this.bytes, this.start, this.endOffset)) : null
  }

  #message(body: Uint8Array): Http1Request {
    return {
      method: this.method,
      target: this.target,
      version: this.minor === 1 ? '1.1' : '1.0',
      headers: this.fieldLines(),
      body,
      trailers: this.trailers,
      keepAlive: this.keepAlive,
      expectsContinue: this.expects,
    }
  }

  protected messageHead(): Http1Head<Http1Request> {
    const { body: _, trailers: __, ...head } = this.#message(NOTHING)
    return head
  }

  /** RFC 9112 section 3, RFC 9110 sections 5.4 and 15.5.14, RFC 6585 section 5 for 431. */
  protected answerTo(code: FrameErrorCode, status?: number): number {
    if (status !== undefined) return status
    if (code !== 'ERR_FRAME_TOO_LARGE') return 400
    if (this.inFieldLines) return 431
    if (!this.inFirstLine) return 413
    const stop = this.sectionStop()
    return skipToken(this.lines, this.line, stop) === stop ? 501 : 414
  }

  /** method SP request-target SP HTTP-version: RFC 9112 section 3. */
  protected parseStartLine(stop: number): boolean {
    if (this.sameStartLine(stop)) return true
    const bytes = this.lines
    const start = this.line
    if (bytes[start] === CR && start + 1 < stop && bytes[start + 1] === LF) {
      // Section 2.2: empty lines before a request are ignored.
      this.line = start + 2
      this.closeSection()
      return false
    }
    let at = start
    while (at < stop && TOKEN[bytes[at]!] === 1) at++
    const methodEnd = at++
    while (at < stop && TARGET[bytes[at]!] === 1) at++
    const version = at + 1
    const end = version + 8
    if (
      end + 1 >= stop ||
      bytes[methodEnd] !== SP ||
      bytes[at] !== SP ||
      !isVersion(bytes, version) ||
      bytes[end] !== CR ||
      bytes[end + 1] !== LF
    ) {
      const other = bytes[methodEnd] === SP && bytes[at] === SP && isOther(bytes, version, stop)
      this.refuse('expected "method target HTTP/1.1" (RFC 9112 section 3)', other ? 505 : 400)
      return false
    }
    this.method = text(bytes, start, methodEnd)
    this.target = text(bytes, methodEnd + 1, at)
    if (!this.#methods.has(this.method))
      throw this.malformed(`unknown method ${this.method.slice(0, 20)}`, 501)
    if (!isTarget(this.method, this.target)) {
      throw this.malformed('wrong form of request-target (RFC 9112 section 3.2)')
    }
    this.beginFields(bytes[end - 1]! - 0x30, end + 2)
    return true
  }

  /** RFC 9112 section 3.2: a valid Host, and not two. */
  protected override fieldHost(bytes: Uint8Array, start: number, end: number): void {
    if (++this.hosts > 1) throw this.malformed('Host is repeated')
    // An empty one is for targets without an authority.
    if (start < end && !isHost(bytes, start, end)) throw this.malformed('Host is not a host')
  }

  protected headAllowsBody(): boolean {
    if (this.hosts === 0 && this.minor === 1) {
      throw this.malformed('no Host (RFC 9112 section 3.2)')
    }
    if (this.method === 'CONNECT') {
      // RFC 9110 section 9.3.6: no content. The bytes that follow belong to the tunnel.
      if (this.chunked || this.contentLength > 0) throw this.malformed('CONNECT with a body')
      this.beginTunnel()
    }
    // Section 10.1.1 of RFC 9110: not in HTTP/1.0, and there must be something to wait for.
    this.expects &&= this.minor === 1 && (this.chunked || this.contentLength > 0)
    return true
  }
}

export class ResponseDecoder extends MessageDecoder<Http1Response> implements Http1ResponseDecoder {
  status = 0
  requestMethod = 'GET'
  /** The methods of the requests that are not answered yet, and whether any was ever said. */
  readonly #asked: string[] = []
  #counts = false
  #lastReason = ''
  #reasonBytes: Uint8Array = NOTHING
  protected readonly bodyEndsWithStream = true
  protected readonly unfolds = true

  expect(method: string): void {
    this.#counts = true
    this.#asked.push(method)
  }

  protected answerTo(): undefined {}

  frame(): Http1Response | null {
    if (!this.found) return null
    return {
      version: this.minor === 1 ? '1.1' : '1.0',
      status: this.status,
      reason: this.#reason(),
      headers: this.fieldLines(),
      body: view(this.bytes, this.start, this.endOffset),
      trailers: this.trailers,
      keepAlive: this.keepAlive,
      requestMethod: this.requestMethod,
    }
  }

  protected messageHead(): Http1Head<Http1Response> {
    return {
      version: this.minor === 1 ? '1.1' : '1.0',
      status: this.status,
      reason: this.#reason(),
      headers: this.fieldLines(),
      keepAlive: this.keepAlive,
      requestMethod: this.requestMethod,
    }
  }

  /** Most responses of a connection have the reason of the one before: no new string. */
  #reason(): string {
    const bytes = this.headBytes
    const start = this.headStart + 13
    const end = Math.max(start, this.fieldsStart - 2)
    const last = this.#reasonBytes
    let same = end - start === last.length
    for (let i = 0; same && i < last.length; i++) same = bytes[start + i] === last[i]
    if (!same) {
      this.#reasonBytes = Uint8Array.from(bytes.subarray(start, end))
      this.#lastReason = text(bytes, start, end)
    }
    return this.#lastReason
  }

  /** HTTP-version SP status-code SP [ reason-phrase ]: RFC 9112 section 4. */
  protected parseStartLine(stop: number): boolean {
    const bytes = this.lines
    if (this.#counts && this.#asked.length === 0) {
      this.#skipUnasked(stop)
      return false
    }
    if (this.sameStartLine(stop)) {
      this.#beginAnswer()
      return true
    }
    const code = this.line + 9
    let at = code + 3
    const hundreds = bytes[code]! - 0x30
    const tens = bytes[code + 1]! - 0x30
    const ones = bytes[code + 2]! - 0x30
    const whole = at + 1 < stop && isVersion(bytes, this.line) && bytes[code - 1] === SP
    if (whole && bytes[at] === SP) at = skipText(bytes, at, stop)
    const digits = hundreds > 0 && hundreds < 10 && isDigit(tens) && isDigit(ones)
    if (!whole || !digits || at + 1 >= stop || bytes[at] !== CR || bytes[at + 1] !== LF) {
      this.refuse('expected "HTTP/1.1 200 reason" (RFC 9112 section 4)')
      return false
    }
    this.status = hundreds * 100 + tens * 10 + ones
    this.beginFields(bytes[code - 2]! - 0x30, at + 2)
    this.#beginAnswer()
    return true
  }

  #beginAnswer(): void {
    this.requestMethod = this.#asked[0] ?? 'GET'
    this.ignoresLengths =
      this.requestMethod === 'CONNECT' && this.status >= 200 && this.status < 300
  }

  /** Nothing that comes while no request is open is a response: RFC 9112 section 9.2. */
  #skipUnasked(stop: number): void {
    const { lines, line } = this
    if (lines[line] !== CR) {
      throw this.malformed('no request asked for it (RFC 9112 section 9.2)')
    }
    if (line + 1 === stop || lines[line + 1] !== LF) {
      this.refuse('CR without LF')
      return
    }
    this.line = line + 2
    this.closeSection()
  }

  /** RFC 9112 section 6.3, rules 1 and 2. */
  protected headAllowsBody(): boolean {
    const { status } = this
    if (status < 200 && this.minor === 0) {
      throw this.malformed(`status ${status} in HTTP/1.0 (RFC 9110 section 15.2)`)
    }
    // RFC 9110 section 15.2: the final response is still to come.
    if (status < 200 && status !== 101) return false
    if (this.#asked.length > 0) this.#asked.shift()
    if (status === 101 || (this.requestMethod === 'CONNECT' && status < 300)) {
      this.beginTunnel()
      return false
    }
    return this.requestMethod !== 'HEAD' && status !== 204 && status !== 304
  }
}

/** HTTP-version, of the two that this file knows: RFC 9112 section 2.3. */
function isVersion(bytes: Uint8Array, at: number): boolean {
  return (
    bytes[at] === 0x48 &&
    bytes[at + 1] === 0x54 &&
    bytes[at + 2] === 0x54 &&
    bytes[at + 3] === 0x50 &&
    bytes[at + 4] === 0x2f &&
    bytes[at + 5] === 0x31 &&
    bytes[at + 6] === 0x2e &&
    (bytes[at + 7] === 0x31 || bytes[at + 7] === 0x30)
  )
}

/** Tells whether a first line ends with a version of HTTP, whichever it is. */
function isOther(bytes: Uint8Array, at: number, stop: number): boolean {
  return at + 10 <= stop && /^HTTP\/\d\.\d\r\n$/.test(text(bytes, at, at + 10))
}

function isDigit(value: number): boolean {
  return value >= 0 && value <= 9
}
