/** Questions and answers of DNS as bytes (RFC 1035 §4), for the check. */

import { plural } from '#lib/program/plural.ts'
import { firstDifference } from '#lib/workshop/bytes.ts'
import type { CheckContext } from '#lib/workshop/exercise.ts'
import type { UdpProbe } from '#lib/workshop/udp-probe.ts'

const A = 1
const IN = 1
const TTL = 300
const NOERROR = 0
export const NXDOMAIN = 3
const RCODES: Record<number, string> = { 0: 'NOERROR', 1: 'FORMERR', 2: 'SERVFAIL', 3: 'NXDOMAIN' }
const RECURSION = 0x0100
/** Flags that stand at 0x8400 in each answer, and the names of all. */
const ANSWER = 0x8400
const FLAGS: [name: string, mask: number][] = [
  ['QR', 0x8000],
  ['OPCODE', 0x7800],
  ['AA', 0x0400],
  ['TC', 0x0200],
  ['RD', RECURSION],
  ['RA', 0x0080],
  ['Z', 0x0040],
  ['AD', 0x0020],
  ['CD', 0x0010],
]
/** What is the likely reason for a wrong field, where a step knows no other. */
const ECHO = 'an answer brings its question along: a client compares the id and the question'
const LIKELY_CAUSES: Record<string, string> = {
  id: 'the id is copied as it came, byte for byte',
  flags: 'in an answer QR and AA are set, and RD is as it was asked',
  QDCOUNT: ECHO,
  question: ECHO,
}
const COUNTS = ['QDCOUNT', 'ANCOUNT', 'NSCOUNT', 'ARCOUNT']

export interface Question {
  id: number
  /** Labels: a name of its own for each, since a label may have a dot in it. */
  name: readonly string[]
  type?: number
  flags?: number
  /** An additional record, behind the question. */
  additional?: Uint8Array
  /** ANCOUNT, NSCOUNT and ARCOUNT; without them 0, 0 and 1 for an additional record. */
  counts?: readonly [number, number, number]
}

export interface Right {
  addresses?: readonly string[]
  rcode?: number
  likelyCause?: string | undefined
  /** What was sent before the question, and is not to be answered. */
  behind?: { bytes: Uint8Array; id: number }
}

export function wireName(labels: readonly string[]): Buffer {
  const parts = labels.flatMap(label => [Buffer.of(label.length), Buffer.from(label, 'latin1')])
  return Buffer.concat([...parts, Buffer.of(0)])
}

export function u16(...values: number[]): Buffer {
  return Buffer.concat(values.map(value => Buffer.of(value >>> 8, value & 0xff)))
}

const asked = ({ name, type = A }: Question) => Buffer.concat([wireName(name), u16(type, IN)])

export function questionBytes(question: Question): Buffer {
  const { id, flags = RECURSION, additional, counts = [0, 0, additional ? 1 : 0] } = question
  const header = u16(id, flags, 1, ...counts)
  return Buffer.concat([header, asked(question), additional ?? Buffer.alloc(0)])
}

/** Waits for the answer to a question, and examines it byte by byte. */
export async function examine(
  check: CheckContext,
  datagrams: UdpProbe,
  question: Question,
  right: Right,
): Promise<void> {
  const { likelyCause, behind } = right
  const sent = behind?.bytes ?? questionBytes(question)
  const possible = rightAnswers(question, right)
  const received = await datagrams.next({ likelyCause, sent }, bytesOf(possible[0]!))
  if (behind && received.length >= 2 && received.readUInt16BE() === behind.id) {
    const what = 'it answers what is no question'
    check.fail({ what, sent, received, ...(likelyCause !== undefined && { likelyCause }) })
  }
  // A name can be written in several ways, and addresses in any order: the one that comes nearest.
  const [best = []] = possible.sort(
    (one, other) =>
      firstDifference(bytesOf(other), received) - firstDifference(bytesOf(one), received),
  )
  const expected = bytesOf(best)
  if (received.equals(expected)) return
  const offset = firstDifference(expected, received)
  const likely = likelyCause ?? LIKELY_CAUSES[fieldAt(best, offset)]
  check.fail({
    what: whatDiffers(best, received, offset),
    sent,
    expected,
    received,
    offset,
    ...(likely !== undefined && { likelyCause: likely }),
  })
}

type Field = [name: string, bytes: Buffer]

const bytesOf = (fields: readonly Field[]): Buffer =>
  Buffer.concat(fields.map(([, bytes]) => bytes))

/** All right answers, field by field. */
function rightAnswers(question: Question, { addresses = [], rcode = NOERROR }: Right): Field[][] {
  const { id, flags = RECURSION, name } = question
  const head: Field[] = [
    ['id', u16(id)],
    ['flags', u16(ANSWER | (flags & RECURSION) | rcode)],
    ...[1, addresses.length, 0, 0].map((n, at): Field => [COUNTS[at]!, u16(n)]),
    ['question', asked(question)],
  ]
  // Behind the header of 12 bytes stands the question, and its name first.
  const owners = [u16(0xc000 | 12), wireName(name), wireName(name.map(l => l.toLowerCase()))]
  const orders = addresses.length < 2 ? [addresses] : [addresses, [...addresses].reverse()]
  return orders.flatMap(order => {
    let answers = [head]
    for (const [n, address] of order.entries()) {
      answers = answers.flatMap(one =>
        owners.map(owner => [...one, ...record(n + 1, owner, address)]),
      )
    }
    return answers
  })
}

function record(n: number, owner: Buffer, address: string): Field[] {
  const bytes = Buffer.from(address.split('.').map(Number))
  return [
    [`the name of record ${n}`, owner],
    [`the type of record ${n}`, u16(A)],
    [`the class of record ${n}`, u16(IN)],
    [`the TTL of record ${n}`, u16(0, TTL)],
    [`the length of the data of record ${n}`, u16(bytes.length)],
    [`the address of record ${n}`, bytes],
  ]
}

function fieldAt(fields: readonly Field[], offset: number): string {
  let end = 0
  const found = fields.find(([, bytes]) => {
    end += bytes.length
    return offset < end
  })
  return found?.[0] ?? 'end'
}

/** Names the field in which an answer is wrong first. */
function whatDiffers(fields: readonly Field[], received: Buffer, offset: number): string {
  let start = 0
  for (const [name, expected] of fields) {
    const end = start + expected.length
    if (offset >= end) {
      start = end
      continue
    }
    if (received.length < end) {
      return `the answer ends after ${plural(received.length, 'byte')}, before or in ${name}`
    }
    const [is, not] = [received.subarray(start, end), expected]
    if (name === 'id') return `the id is 0x${is.toString('hex')}, not 0x${not.toString('hex')}`
    if (name === 'flags') return flagsThatDiffer(is.readUInt16BE(), not.readUInt16BE())
    if (name === 'question') return 'the question does not come back as it was sent'
    if (COUNTS.includes(name)) return `${name} is ${is.readUInt16BE()}, not ${not.readUInt16BE()}`
    return `${name} is not the right one`
  }
  return `the answer goes on for ${plural(received.length - start, 'byte')} behind its end`
}

function flagsThatDiffer(is: number, not: number): string {
  const value = (flags: number, mask: number) => (flags & mask) / (mask & -mask)
  const differing = FLAGS.filter(([, mask]) => (is & mask) !== (not & mask)).map(
    ([name, mask]) => `${name} is ${value(is, mask)}, not ${value(not, mask)}`,
  )
  const rcode = (flags: number) => `${flags & 15} (${RCODES[flags & 15] ?? 'another error'})`
  if ((is & 15) !== (not & 15)) differing.push(`RCODE is ${rcode(is)}, not ${rcode(not)}`)
  return differing.join('; ')
}
