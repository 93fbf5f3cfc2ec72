/** The names this server knows: all that ends with `kit.test`, and nothing else. */
import {
  encodeName,
  IN,
  type Message,
  type Question,
  RCODES,
  type ResourceRecord,
  TYPES,
} from './message.ts'

/** `.test` is reserved: no such name exists on the Internet (RFC 6761). */
const ZONE = 'kit.test'

const TTL_S = 300
const text = (line: string) => Buffer.concat([Buffer.of(line.length), Buffer.from(line)])
const serial = Buffer.alloc(20) // serial, refresh, retry, expire
serial.writeUInt32BE(1, 0)
serial.writeUInt32BE(TTL_S, 16) // for how long "there is no such name" may be kept

const soa = Buffer.concat([encodeName(`ns.${ZONE}`), encodeName(`hostmaster.${ZONE}`), serial])

/** Name, type and data. The addresses are those reserved for documents (RFC 5737, RFC 3849). */
const RECORDS: [name: string, type: keyof typeof TYPES, data: Uint8Array][] = [
  [ZONE, 'SOA', soa],
  [ZONE, 'NS', encodeName(`ns.${ZONE}`)],
  [`ns.${ZONE}`, 'A', Buffer.of(127, 0, 0, 1)],
  [`www.${ZONE}`, 'A', Buffer.of(192, 0, 2, 80)],
  [`www.${ZONE}`, 'AAAA', Buffer.from('20010db8000000000000000000000080', 'hex')],
  [`alias.${ZONE}`, 'CNAME', encodeName(`www.${ZONE}`)],
  // Too much for one datagram of 512 bytes, and for one of 1232.
  ...Array.from({ length: 12 }, (_, n): [string, 'TXT', Buffer] => [
    `long.${ZONE}`,
    'TXT',
    text(`line ${n + 1} of 12: `.padEnd(200, 'blah ')),
  ]),
]

const recordsOf = (name: string, type: number): ResourceRecord[] =>
  RECORDS.filter(([owner, kind]) => owner === name && TYPES[kind] === type).map(
    ([owner, kind, data]) => ({ name: owner, type: TYPES[kind], class: IN, ttl: TTL_S, data }),
  )

/** The answer to one question, without regard to its length. */
export function answerTo(query: Message): Message {
  const reply = (rcode: (typeof RCODES)[number], sections: Partial<Message> = {}): Message => ({
    ...query,
    response: true,
    authoritative: rcode === 'NOERROR' || rcode === 'NXDOMAIN',
    truncated: false,
    rcode: RCODES.indexOf(rcode),
    answers: [],
    authorities: [],
    additionals: [],
    ...sections,
  })
  const [question] = query.questions
  if (query.opcode !== 0) return reply('NOTIMP')
  if (!question || query.questions.length > 1) return reply('FORMERR')
  // Names are compared without regard to case, but go back as they were written (RFC 1035 §2.3.3).
  const name = question.name.toLowerCase()
  if ((name !== ZONE && !name.endsWith(`.${ZONE}`)) || question.class !== IN)
    return reply('REFUSED')

  const answers = lookUp(name, question)
  if (answers.length > 0) return reply('NOERROR', { answers })
  // Nothing of that type, or no such name at all: the SOA record says who is sure of it.
  const known = RECORDS.some(([owner]) => owner === name)
  return reply(known ? 'NOERROR' : 'NXDOMAIN', { authorities: recordsOf(ZONE, TYPES.SOA) })
}

function lookUp(name: string, { name: asWritten, type }: Question): ResourceRecord[] {
  const own = recordsOf(name, type).map(record => ({ ...record, name: asWritten }))
  if (own.length > 0 || type === TYPES.CNAME) return own
  const alias = recordsOf(name, TYPES.CNAME).map(record => ({ ...record, name: asWritten }))
  return alias.length === 0 ? [] : [...alias, ...recordsOf(`www.${ZONE}`, type)]
}
