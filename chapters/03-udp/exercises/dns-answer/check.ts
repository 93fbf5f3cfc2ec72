import type { Datagrams } from '../../../../lib/workshop/datagrams.ts'
import { type Examiner, exercise } from '../../../../lib/workshop/exercise.ts'
import { examine, NXDOMAIN, type Question, questionBytes, type Right, u16 } from './messages.ts'

/** The zone: the protocol in words has it too. */
const ROSE = ['rose', 'garden', 'test']
const ZONE: [name: string[], addresses: string[]][] = [
  [['garden', 'test'], ['192.0.2.1']],
  [ROSE, ['192.0.2.10']],
  [['red', ...ROSE], ['198.51.100.7']],
  [
    ['ivy', 'garden', 'test'],
    ['192.0.2.20', '192.0.2.21'],
  ],
]
const [MX, TXT, AAAA, SRV, OPT, ANY] = [15, 16, 28, 33, 41, 255]
const IN_FULL =
  'the length of each field is checked against the end of the datagram before it is read'
const POINTER = 'a length byte over 63 is no length: taken for a pointer, it leads in circles'

/** What is not to be answered, and what it means when it is. */
function garbage(id: number): [bytes: Buffer, mistake: string][] {
  const whole = questionBytes({ id, name: ROSE })
  const behindHeader = (...parts: Uint8Array[]) =>
    Buffer.concat([u16(id, 0x0100, 1, 0, 0, 0), ...parts])
  const label = (length: number) => Buffer.concat([Buffer.of(length), Buffer.alloc(length, 'x')])
  const count = (n: number) => Buffer.concat([u16(id, 0x0100, n, 0, 0, 0), whole.subarray(12)])
  return [
    [Buffer.alloc(0), IN_FULL],
    [whole.subarray(0, 11), IN_FULL],
    [whole.subarray(0, 12), IN_FULL],
    [whole.subarray(0, 20), IN_FULL],
    [whole.subarray(0, whole.length - 5), IN_FULL],
    [whole.subarray(0, whole.length - 1), IN_FULL],
    [
      Buffer.concat([u16(id, 0x8500, 1, 0, 0, 0), whole.subarray(12)]),
      'QR is 1, so it is an answer: two servers that answer answers never end',
    ],
    [count(0), 'QDCOUNT says how many questions there are: only one of one is answered'],
    [count(2), 'QDCOUNT says how many questions there are: only one of one is answered'],
    [behindHeader(u16(0xc00c, 1, 1)), POINTER],
    [behindHeader(Buffer.from('\x04rose'), u16(0xc00c, 1, 1)), POINTER],
    [behindHeader(label(64), Buffer.of(0), u16(1, 1)), 'a label has at most 63 bytes'],
    [
      behindHeader(...[63, 63, 63, 62].map(label), Buffer.of(0), u16(1, 1)),
      'a name has at most 255 bytes, with its lengths and the 0 at its end',
    ],
  ]
}

export default exercise({
  id: 'dns-answer',
  title: 'A name server for one garden',
  kind: 'udp',
  protocol: `The server listens on UDP port PORT of 127.0.0.1, and answers questions of DNS (RFC 1035 §4) for
these names, all type A:

  garden.test             192.0.2.1
  rose.garden.test        192.0.2.10
  red.rose.garden.test    198.51.100.7
  ivy.garden.test         192.0.2.20 and 192.0.2.21

Numbers have their highest byte first. A question: the id (2 bytes), flags (2), QDCOUNT = 1, ANCOUNT,
NSCOUNT, ARCOUNT (2 each), then the name, the type (2), the class (2; always 1). A name is a list of labels,
each behind a byte with its length of 1 to 63, and ends with a byte 0; 255 bytes at most in all. A label may
hold any bytes, a dot too: then the dot belongs to the label. Capital letters A to Z match small ones. What
stands behind the question, as the record OPT that dig sends, is neither read nor sent back. The OPCODE of a
question (0x7800 of its flags) is always 0.

Each question has one answer: the same id; the flags 0x8400 (QR and AA) with the bit 0x0100 (RD) as it was
asked and RCODE in the last 4 bits, all others 0; QDCOUNT 1, ANCOUNT as below, NSCOUNT 0, ARCOUNT 0; the
question byte for byte as it came, capitals too; then the records. Type 1 (A) of a name above: RCODE 0, and
one record for each address, in any order: the name (written out, or c0 0c, which refers to the question),
type 1, class 1, TTL 300 (4 bytes), length 4 (2 bytes), the address. Another type of a name above, also 255
(any) and those that nobody knows: RCODE 0, no records. Any other name: RCODE 3 (NXDOMAIN), no records.

Not answered: less than 12 bytes; QR (0x8000) set; QDCOUNT other than 1; a question that is cut off; a
length byte over 63 in its name; a name of more than 255 bytes.`,
  section: 'chapters/03-udp/README.md#a-protocol-that-uses-both-dns',
  hints: [
    'First find where the question ends: go from length byte to length byte until you meet a 0, then 4 bytes more. Everything from byte 12 to there goes back as it came.',
    'An answer is three pieces in a row: a header of 12 bytes that you make anew, the question as it came, and the records. Of the header of the question only the id and RD go back.',
    'To look a name up, keep the zone by names as they are on the wire, lengths included. Then nothing needs to be taken apart, and toLowerCase() does no harm to a length: it is 63 at most, and "A" is 65.',
  ],
  steps: [
    {
      title: 'answers a question for an address',
      async run(at) {
        await ask(at, await at.datagrams(), { name: ROSE }, { addresses: ['192.0.2.10'] })
      },
    },
    {
      title: 'echoes the id and the wish for recursion, whatever they are',
      async run(at) {
        const ann = await at.datagrams()
        for (const id of [0, 0x00ff, 0xff00, 0xffff, at.random.below(0x10000)]) {
          for (const flags of [0, 0x0100]) {
            await ask(at, ann, { id, flags, name: ROSE }, { addresses: ['192.0.2.10'] })
          }
        }
      },
    },
    {
      title: 'knows every name of the zone, and both addresses where there are two',
      async run(at) {
        const ann = await at.datagrams()
        const mistake = 'each address is a record of its own, and ANCOUNT says how many there are'
        for (const [name, addresses] of ZONE) await ask(at, ann, { name }, { addresses, mistake })
      },
    },
    {
      title: 'says NXDOMAIN for names that are not in the zone',
      async run(at) {
        const ann = await at.datagrams()
        const mistake = 'a name matches as a whole: neither its beginning nor its end is enough'
        const strangers = [
          'moss.garden.test',
          'rose',
          'rose.garden',
          'test',
          'a.red.rose.garden.test',
        ]
        for (const text of [...strangers, 'rose.garden.test.example', 'primrose.garden.test']) {
          await ask(at, ann, { name: text.split('.') }, { rcode: NXDOMAIN, mistake })
        }
        const longest = [63, 63, 63, 61].map(length => 'x'.repeat(length))
        const limits = 'a label has up to 63 bytes, and a name up to 255, lengths and 0 included'
        await ask(at, ann, { name: longest }, { rcode: NXDOMAIN, mistake: limits })
        const root = 'a name can be empty: the root is a single byte 0'
        await ask(at, ann, { name: [] }, { rcode: NXDOMAIN, mistake: root })
      },
    },
    {
      title: 'says NOERROR, without a record, for another type of a known name',
      async run(at) {
        const ann = await at.datagrams()
        const mistake =
          'NXDOMAIN says that there is no such name, of whichever type; this one exists'
        for (const type of [AAAA, MX, TXT]) await ask(at, ann, { name: ROSE, type }, { mistake })
        const unknown =
          'a type that the server has never heard of is no error: the name has no record of it'
        for (const type of [SRV, at.random.between(0x100, 0xffff)]) {
          await ask(at, ann, { name: ROSE, type }, { mistake: unknown })
        }
        const every = 'type 255 (any) is a type like any other here: no record has it'
        await ask(at, ann, { name: ROSE, type: ANY }, { mistake: every })
      },
    },
    {
      title: 'takes capital letters for small ones, and sends them back as they came',
      async run(at) {
        const ann = await at.datagrams()
        const mistake =
          'names are compared without regard to case; the question goes back unchanged'
        const mixed = (label: string) =>
          label.replaceAll(/./g, c => (at.random.below(2) ? c.toUpperCase() : c))
        for (const name of [['ROSE', 'Garden', 'tesT'], ROSE.map(mixed)]) {
          await ask(at, ann, { name }, { addresses: ['192.0.2.10'], mistake })
        }
      },
    },
    {
      title: 'answers a question as dig sends it, with flags and a record more',
      async run(at) {
        const ann = await at.datagrams()
        // AD is set, and behind the question stands OPT: no name, the size that is taken, no data.
        const additional = Buffer.concat([Buffer.of(0), u16(OPT, 1232, 0, 0, 0)])
        const question = { name: ROSE, flags: 0x0120, additional }
        await ask(at, ann, question, {
          addresses: ['192.0.2.10'],
          mistake:
            'flags, counts or records of the question were copied: only id, RD and question go back',
        })
      },
    },
    {
      title: 'answers many senders at once, each what it has asked',
      async run(at) {
        const waiting: (() => Promise<void>)[] = []
        for (let n = 0; n < 24; n++) {
          const sender = await at.datagrams()
          const [name, addresses] = ZONE[at.random.below(ZONE.length)]!
          const question = { id: at.random.below(0x10000), name }
          await sender.send(questionBytes(question))
          waiting.push(() => examine(at, sender, question, { addresses }))
        }
        for (const wait of waiting) await wait()
      },
    },
    {
      title: 'says nothing to what is no question',
      async run(at) {
        const ann = await at.datagrams()
        const id = 0x6e6f
        for (const [bytes, mistake] of garbage(id)) {
          await ann.send(bytes)
          const question = { id: at.random.below(0x6000), name: ROSE }
          await ann.send(questionBytes(question))
          await examine(at, ann, question, {
            addresses: ['192.0.2.10'],
            mistake,
            behind: { bytes, id },
          })
        }
      },
    },
    {
      title: 'does not take a dot in a label for the end of a label',
      async run(at) {
        const ann = await at.datagrams()
        const mistake = 'labels were joined by dots: two different names have become one text'
        for (const name of [
          ['rose.garden', 'test'],
          ['rose', 'garden.test'],
          ['rose.garden.test'],
        ]) {
          await ask(at, ann, { name }, { rcode: NXDOMAIN, mistake })
        }
      },
    },
  ],
})

/** Asks a question, with an id of its own where it has none, and examines the answer. */
async function ask(
  at: Examiner,
  datagrams: Datagrams,
  question: Omit<Question, 'id'> & { id?: number },
  right: Right,
): Promise<void> {
  const whole = { id: at.random.below(0x10000), ...question }
  await datagrams.send(questionBytes(whole))
  await examine(at, datagrams, whole, right)
}
