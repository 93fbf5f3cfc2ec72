/**
 * DNS messages as bytes, by hand (RFC 1035 §4). One message is one datagram:
 *
 *     +------------+------------+----------+-------------+-------------+
 *     | header, 12 | question   | answers  | authorities | additionals |
 *     +------------+------------+----------+-------------+-------------+
 *       id, flags,   name, type,  name, type, class, ttl,
 *       4 counts     class        length, data
 *
 * A name is a list of labels, each behind its length, and ends with an empty one. Two bytes whose
 * first two bits are set stand for the rest of a name that was written before (§4.1.4).
 */

/** Types of records (RFC 1035 §3.2.2, RFC 3596, RFC 6891). */
export const TYPES = { A: 1, NS: 2, CNAME: 5, SOA: 6, TXT: 16, AAAA: 28, OPT: 41 } as const
/** Response codes (RFC 1035 §4.1.1). */
export const RCODES = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'] as const
/** The Internet: the only class in use. */
export const IN = 1

export interface Question {
  name: string
  type: number
  class: number
}

export interface ResourceRecord extends Question {
  /** Seconds for which the answer may be kept. */
  ttl: number
  data: Uint8Array
}

export interface Message {
  /** Chosen by the one who asks, 16 bits. The answer carries the same. */
  id: number
  response: boolean
  opcode: number
  authoritative: boolean
  /** The answer did not fit: ask again over TCP. */
  truncated: boolean
  recursionDesired: boolean
  rcode: number
  questions: Question[]
  answers: ResourceRecord[]
  authorities: ResourceRecord[]
  additionals: ResourceRecord[]
}

/** The bytes are no DNS message. */
export class DnsFormatError extends Error {}

const MAX_NAME_BYTES = 255
const MAX_LABEL_BYTES = 63
/** So many references a name may go through: more than it can have labels. */
const MAX_REFERENCES = 127

/** @throws {DnsFormatError} for a name with a label of more than 63 bytes, or of over 255 in all. */
export function encodeName(name: string): Buffer {
  const labels = name.split('.').filter(label => label !== '')
  const parts = labels.flatMap(label => {
    const bytes = Buffer.from(label, 'latin1')
    if (bytes.length > MAX_LABEL_BYTES) {
      throw new DnsFormatError(`a label has at most ${MAX_LABEL_BYTES} bytes, not ${bytes.length}`)
    }
    return [Buffer.of(bytes.length), bytes]
  })
  const whole = Buffer.concat([...parts, Buffer.of(0)])
  if (whole.length > MAX_NAME_BYTES) {
    throw new DnsFormatError(`a name has at most ${MAX_NAME_BYTES} bytes, not ${whole.length}`)
  }
  return whole
}

/** One message as bytes. A record that has the question's name refers to it. */
export function encodeMessage(message: Message): Buffer {
  const { questions, answers, authorities, additionals } = message
  const header = Buffer.alloc(12)
  header.writeUInt16BE(message.id, 0)
  header[2] =
    (message.response ? 0x80 : 0) |
    (message.opcode << 3) |
    (message.authoritative ? 0x04 : 0) |
    (message.truncated ? 0x02 : 0) |
    (message.recursionDesired ? 0x01 : 0)
  header[3] = message.rcode
  for (const [at, section] of [questions, answers, authorities, additionals].entries()) {
    header.writeUInt16BE(section.length, 4 + 2 * at)
  }
  const asked = questions[0]?.name
  const parts: Uint8Array[] = [header]
  for (const { name, type, class: cls } of questions) {
    parts.push(encodeName(name), u16(type), u16(cls))
  }
  for (const { name, type, class: cls, ttl, data } of [answers, authorities, additionals].flat()) {
    // The question's name begins at byte 12, right behind the header.
    const owner = name !== '' && name === asked ? u16(0xc000 | 12) : encodeName(name)
    parts.push(
      owner,
      u16(type),
      u16(cls),
      u16(ttl >>> 16),
      u16(ttl & 0xffff),
      u16(data.length),
      data,
    )
  }
  return Buffer.concat(parts)
}

function u16(value: number): Buffer {
  return Buffer.of(value >>> 8, value & 0xff)
}

/** @throws {DnsFormatError} for bytes that are no DNS message: cut short, or with a name in a loop. */
export function decodeMessage(bytes: Uint8Array): Message {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const reader = new Reader(view)
  const [id, flags] = [reader.u16(), reader.u16()]
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()]
  const [questions = 0, answers = 0, authorities = 0, additionals = 0] = counts
  return {
    id,
    response: (flags & 0x8000) !== 0,
    opcode: (flags >>> 11) & 0x0f,
    authoritative: (flags & 0x0400) !== 0,
    truncated: (flags & 0x0200) !== 0,
    recursionDesired: (flags & 0x0100) !== 0,
    rcode: flags & 0x0f,
    questions: times(questions, () => reader.question()),
    answers: times(answers, () => reader.record()),
    authorities: times(authorities, () => reader.record()),
    additionals: times(additionals, () => reader.record()),
  }
}

/**
 * The same for the one who answers: of bytes that are no message it keeps the header, so that it can
 * say so. The message then has no question. `undefined` for what has not even a header.
 */
export function decodeQuery(bytes: Uint8Array): Message | undefined {
  try {
    return decodeMessage(bytes)
  } catch {
    // The header with all its counts set to 0.
    return bytes.length < 12
      ? undefined
      : decodeMessage(Buffer.concat([bytes.subarray(0, 4), Buffer.alloc(8)]))
  }
}

/** A name that stands alone, as in the data of a record. One that refers elsewhere is not known. */
export function decodeName(bytes: Uint8Array): string {
  try {
    return new Reader(Buffer.from(bytes)).name()
  } catch {
    return Buffer.from(bytes).toString('hex')
  }
}

// A count is a claim: reading stops at the end of the bytes, long before 65535 records.
const times = <T>(count: number, read: () => T): T[] => Array.from({ length: count }, read)

/** Reads forward, and never past the end. */
class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  take(count: number): Buffer {
    const from = this.#at
    if (from + count > this.#bytes.length) throw new DnsFormatError('the message is cut short')
    this.#at += count
    return this.#bytes.subarray(from, this.#at)
  }

  u16(): number {
    return this.take(2).readUInt16BE()
  }

  question(): Question {
    return { name: this.name(), type: this.u16(), class: this.u16() }
  }

  record(): ResourceRecord {
    const question = this.question()
    const ttl = this.take(4).readUInt32BE()
    return { ...question, ttl, data: this.take(this.u16()) }
  }

  name(): string {
    const labels: string[] = []
    let bytes = 1
    let references = 0
    let back: number | undefined
    for (let start = this.#at; ; ) {
      const [length = 0] = this.take(1)
      if (length === 0) break
      if ((length & 0xc0) === 0xc0) {
        const target = ((length & 0x3f) << 8) | (this.take(1)[0] ?? 0)
        back ??= this.#at
        // Only to an earlier place: so there is no way round in a circle.
        if (target >= start) throw new DnsFormatError('a name refers to itself')
        // Thousands of records, each with thousands of references, would keep us busy for seconds.
        if (++references > MAX_REFERENCES) throw new DnsFormatError('a name refers on and on')
        start = target
        this.#at = target
        continue
      }
      bytes += length + 1
      if (length > MAX_LABEL_BYTES) throw new DnsFormatError('a label of an unknown kind')
      if (bytes > MAX_NAME_BYTES) throw new DnsFormatError(`a name of over ${MAX_NAME_BYTES} bytes`)
      const label = this.take(length).toString('latin1')
      // A label may have any byte in it (RFC 2181 §11). This server knows none with a dot.
      if (label.includes('.')) throw new DnsFormatError('a label with a dot in it')
      labels.push(label)
    }
    if (back !== undefined) this.#at = back
    return labels.join('.')
  }
}
