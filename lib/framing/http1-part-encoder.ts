/**
 * How a message is written in parts: its head, pieces of its body, its end.
 */
import { allocLike, checkBytes, NOTHING } from './codec-base.ts'
import { bytesOf, chunkedEnd, readBackPart } from './http1-encode.ts'
import type {
  Http1Decoder,
  Http1Head,
  Http1Message,
  Http1PartEncoder,
  Http1PartInit,
} from './http1-types.ts'

/** What requests and responses do not share. */
export interface Direction<Init, Frame> {
  /** Returns a head as it goes on the wire. */
  encodeHead(head: Http1Head<Init>): Uint8Array
  /** Returns a decoder for the message that begins with this head. */
  decoder(head: Http1Head<Init>): Http1Decoder<Frame>
  /** Refuses a head that is read as another one, or must not be sent. */
  checkHead(head: Http1Head<Init>, read: Http1Head<Frame>, hasContent: boolean): void
  /** Tells whether another protocol follows this message. */
  beginsTunnel(read: Http1Head<Frame>): boolean
}

/** A message whose head was encoded. */
interface Begun {
  /** Has read the head: it knows which end may follow. */
  decoder: Http1Decoder<unknown>
  body: 'none' | 'chunked' | 'to the end' | 'announced'
  /** The Content-Length of an announced body. */
  announcedBytes: number
  sentBytes: number
  isLast: boolean
}

export class PartEncoder<Init, Frame extends Http1Message> implements Http1PartEncoder<Init> {
  readonly #direction: Direction<Init, Frame>
  #begun: Begun | null = null
  /** Why nothing more can be sent; `null` = it can. */
  #over: string | null = null

  constructor(direction: Direction<Init, Frame>) {
    this.#direction = direction
  }

  encode(part: Http1PartInit<Init>): Uint8Array {
    if (this.#over !== null) throw new RangeError(this.#over)
    const begun = this.#begun
    if (begun === null) {
      if (part.kind !== 'head') throw new RangeError(`${part.kind} before a head`)
      return this.#head(part.head)
    }
    try {
      if (part.kind === 'head') throw new RangeError('a head before the end of the last message')
      return part.kind === 'data' ? encodeData(begun, part.data) : this.#end(begun, part.trailers)
    } catch (error) {
      // Parts that were refused together were not sent: nothing can complete the message.
      this.#over = 'a part of this message was refused before: destroy the connection'
      throw error
    }
  }

  #head(head: Http1Head<Init>): Uint8Array {
    const direction = this.#direction
    const wire = direction.encodeHead(head)
    const decoder = direction.decoder(head)
    const first = readBackPart(decoder, wire)
    if (first?.kind !== 'head') throw new RangeError('this is no head')
    const read = first.head
    const end = readBackPart(decoder, NOTHING)
    const body = end === null ? bodyOf(read) : 'none'
    direction.checkHead(head, read, body !== 'none')
    this.#begun = {
      decoder,
      body,
      announcedBytes: body === 'announced' ? Number(read.headers.get('content-length')) : 0,
      sentBytes: 0,
      isLast: !read.keepAlive || body === 'to the end' || direction.beginsTunnel(read),
    }
    return wire
  }

  #end(begun: Begun, trailers: Parameters<typeof chunkedEnd>[0]): Uint8Array {
    const { body, announcedBytes, sentBytes } = begun
    if (sentBytes < announcedBytes) {
      throw new RangeError(
        `end after ${sentBytes} of the ${announcedBytes} bytes of Content-Length`,
      )
    }
    let wire: Uint8Array = NOTHING
    if (body === 'chunked') {
      wire = chunkedEnd(trailers)
      if (readBackPart(begun.decoder, wire)?.kind !== 'end') throw new RangeError('this is no end')
    } else if (trailers !== undefined) {
      throw new RangeError('trailers after a body that is not chunked')
    }
    this.#begun = null
    if (begun.isLast) this.#over = 'no message can follow the last one on this connection'
    return wire
  }
}

/** RFC 9112 section 6.3, of a message that has a body. */
function bodyOf<Frame extends Http1Message>({ headers }: Http1Head<Frame>): Begun['body'] {
  if (headers.has('transfer-encoding')) return 'chunked'
  return headers.has('content-length') ? 'announced' : 'to the end'
}

function encodeData(begun: Begun, data: Uint8Array): Uint8Array {
  checkBytes(data, 'a piece of a body')
  // A chunk of no bytes would end the body: RFC 9112 section 7.1.
  if (data.length === 0) return NOTHING
  const { body, announcedBytes } = begun
  begun.sentBytes += data.length
  if (body === 'none') throw new RangeError(`${data.length} bytes of data: this head has no body`)
  if (body === 'announced' && begun.sentBytes > announcedBytes) {
    throw new RangeError(`${begun.sentBytes} bytes of data, Content-Length is ${announcedBytes}`)
  }
  if (body !== 'chunked') return data
  const size = bytesOf(`${data.length.toString(16)}\r\n`)
  const wire = allocLike(data, size.length + data.length + 2)
  wire.set(size)
  wire.set(data, size.length)
  wire[wire.length - 2] = 0x0d
  wire[wire.length - 1] = 0x0a
  return wire
}
