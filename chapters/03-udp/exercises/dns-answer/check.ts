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
/** How long nobody asks: longer than usual timeouts. */
const SILENCE_MS = 12_000
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
    ...[0, 2, 0x0101, 0x0100, 0xff01, 0xffff].map((n): [Buffer, string] => [
      count(n),
      'QDCOUNT has two bytes, and a message is answered only when it is 1',
    ]),
    [Buffer.concat([count(2), whole.subarray(12)]), 'a message with two questions gets no answer'],
    [behindHeader(Buffer.of(0x40), Buffer.alloc(64, 'x'), Buffer.of(0), u16(1, 1)), POINTER],
    [behindHeader(Buffer.of(0x80, 0x0c), u16(1, 1)), POINTER],
    [behindHeader(Buffer.of(0xff, 0xff), u16(1, 1)), POINTER],
    [behindHeader(Buffer.alloc(500, '\x01x')), 'a name has at most 255 bytes, and ends with 0'],
    [Buffer.alloc(512, 0xff), 'QR is 1, so it is an answer'],
    [behindHeader(Buffer.alloc(1400, 0x3f)), 'a name has at most 255 bytes, and ends with 0'],
    [behindHeader(Buffer.alloc(60_000, '\x01x')), 'a name has at most 255 bytes, and ends with 0'],
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
NSCOUNT, ARCOUNT (2 each; whatever they say), then the name, the type (2), the class (2; always 1). A name is a list of labels,
each behind a byte with its length of 1 to 63, and ends with a byte 0; 255 bytes at most in all. A label may
hold any bytes, a dot too: then the dot belongs to the label. Capital letters A to Z match small ones. What
stands behind the question, as the record OPT that dig sends, is neither read nor sent back. The OPCODE of a
question (0x7800 of its flags) is always 0; its other flags may be anything, TC, RA, Z, AD, CD and RCODE too.

Each question has one answer: the same id; the flags 0x8400 (QR and AA) with the bit 0x0100 (RD) as it was
asked and RCODE in the last 4 bits, all others 0; QDCOUNT 1, ANCOUNT as below, NSCOUNT 0, ARCOUNT 0; the
question byte for byte as it came, capitals too; then the records. Type 1 (A) of a name above: RCODE 0, and
one record for each address, in any order: the name (written out, or c0 0c, which refers to the question),
type 1, class 1, TTL 300 (4 bytes), length 4 (2 bytes), the address. Another type of a name above, also 255
(any) and those that nobody knows: RCODE 0, no records. A type has two bytes. Any other name: RCODE 3 (NXDOMAIN), no records.

Not answered: less than 12 bytes; QR (0x8000) set; QDCOUNT other than 1; a question that is cut off; a
length byte over 63 in its name; a name of more than 255 bytes. None of this ends the server: it answers the next question,
however many came before, from 200 senders at once, and after any silence. A question may come twice: each gets an answer.`,
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
      title: 'echoes the id and the RD bit, whatever they are',
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
      title: 'ignores the case of letters, and sends them back as they came',
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
      title: 'answers a question as dig sends it, with flags and an extra record',
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
      title: 'answers many senders at once, each with what it asked for',
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
      title: 'does not answer what is not a question',
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
      title: 'does not treat a dot in a label as the end of the label',
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
    {
      title: 'looks at both bytes of a type',
      async run(at) {
        const ann = await at.datagrams()
        const types = 'a type has two bytes: 0x0101 is not A'
        for (const type of [0, 2, 5, 6, 0x0100, 0x0101, 0x8001, 0xff01, 0xffff, ANY]) {
          for (const [name] of ZONE) await ask(at, ann, { name, type }, { mistake: types })
          const stranger = { name: ['moss', 'garden', 'test'], type }
          await ask(at, ann, stranger, {
            rcode: NXDOMAIN,
            mistake: 'a name outside the zone gets NXDOMAIN for every type',
          })
        }
      },
    },
    {
      title: 'sends back no flag but RD, whichever flags are set',
      async run(at) {
        const ann = await at.datagrams()
        // TC, RA, Z, AD, CD and RCODE, each with and without RD; then AA.
        for (const bit of [0x0200, 0x0080, 0x0040, 0x0020, 0x0010, 8, 4, 2, 1, 0x0400, 0x06ff]) {
          for (const flags of [bit, bit | 0x0100]) {
            const mistake = `the flags 0x${flags.toString(16)} of a question: only RD goes back, and no other bit matters`
            await ask(at, ann, { name: ROSE, flags }, { addresses: ['192.0.2.10'], mistake })
            const stranger = { name: ['moss', 'garden', 'test'], flags }
            await ask(at, ann, stranger, { rcode: NXDOMAIN, mistake })
          }
        }
      },
    },
    {
      title: 'ignores what follows the question, and answers a repeated question again',
      async run(at) {
        const ann = await at.datagrams()
        const mistake = 'ignore ANCOUNT, NSCOUNT and ARCOUNT of a question, and whatever follows it'
        for (const [counts, size] of [
          [[0, 0, 1], 0],
          [[1, 2, 3], 3],
          [[0xffff, 0xffff, 0xffff], 600],
          [[0, 0, 0], 1],
          [[0, 0, 0], 40_000],
        ] as const) {
          const additional = at.random.bytes(size)
          const question = { id: at.random.below(0x10000), name: ROSE, additional, counts }
          for (let times = 0; times < 2; times++) {
            await ask(at, ann, question, {
              addresses: ['192.0.2.10'],
              mistake:
                times === 0
                  ? mistake
                  : 'a question that comes twice gets two answers: the first one may have been lost',
            })
          }
        }
      },
    },
    {
      title: 'compares names byte by byte, except for the case of letters',
      async run(at) {
        const ann = await at.datagrams()
        const latin1 = (text: string) => text.split('.')
        for (const [name, mistake] of [
          ['ro\u00dfe.garden.test', 'bytes above 7f are not letters'],
          ['rose\0.garden.test', 'a byte 0 in a label belongs to the label'],
          ['\0rose.garden.test', 'a byte 0 in a label belongs to the label'],
          [' rose.garden.test', 'a space belongs to the label'],
          ['rose .garden.test', 'a space belongs to the label'],
          ['rose.garden.test\n', 'a line end belongs to the label'],
          ['\u00e9.garden.test', 'bytes above 7f are not letters'],
          ['rose-.garden.test', 'a name matches as a whole'],
          ['r\u000fse.garden.test', 'only A to Z match a to z: no other bits are dropped'],
          ['*.garden.test', 'an asterisk in a question is a byte like any other'],
          ['rose.garden.tes', 'a name matches as a whole'],
          ['rose.garden.test.test', 'a name matches as a whole'],
          ['rose.rose.garden.test', 'a name matches as a whole'],
          ['red.garden.test', 'a name matches as a whole'],
          ['www.ivy.garden.test', 'a name matches as a whole'],
          ['__proto__', 'a plain object inherits names such as this one: use a Map'],
          ['constructor', 'a plain object inherits names such as this one: use a Map'],
        ] as const) {
          await ask(at, ann, { name: latin1(name) }, { rcode: NXDOMAIN, mistake })
        }
        // 0x40 and 0x5b frame the capital letters, 0x60 and 0x7b the small ones.
        for (const [one, other] of ['@`', '[{', ']}', '^~', '\\|', '_\x7f', '\u00c1\u00e1'].map(
          pair => [...pair],
        )) {
          for (const byte of [one!, other!]) {
            const name = [`ros${byte}`, 'garden', 'test']
            await ask(at, ann, { name }, { rcode: NXDOMAIN, mistake: 'only A to Z match a to z' })
          }
        }
        for (const [name, addresses] of ZONE) {
          const capitals = name.map(label => label.toUpperCase())
          const mistake =
            'names are compared without regard to case; the question goes back unchanged'
          await ask(at, ann, { name: capitals }, { addresses, mistake })
        }
      },
    },
    {
      title: 'serves 200 senders and 2000 questions',
      async run(at) {
        const senders: Datagrams[] = []
        const questions: (Question & { addresses: readonly string[] })[] = []
        for (let n = 0; n < 200; n++) {
          const [name, addresses] = ZONE[n % ZONE.length]!
          senders.push(await at.datagrams())
          questions.push({ id: n, name, addresses })
        }
        // Datagrams are lost where many come at once: a few at a time.
        for (let from = 0; from < senders.length; from += 20) {
          const some = [...senders.keys()].slice(from, from + 20)
          for (const n of some) await senders[n]!.send(questionBytes(questions[n]!))
          for (const n of some) {
            await examine(at, senders[n]!, questions[n]!, { addresses: questions[n]!.addresses })
          }
        }
        const mistake = 'it stops answering after some number of questions'
        for (let n = 0; n < 2000; n++) {
          const [name, addresses] = ZONE[n % ZONE.length]!
          await ask(at, senders[n % 200]!, { name }, { addresses, mistake })
        }
      },
    },
    {
      title: 'answers after a long silence',
      alongside: true,
      async run(at) {
        const ann = await at.datagrams()
        const right = {
          addresses: ['192.0.2.10'],
          mistake:
            'a timeout ends it, although the server has to wait however long no question comes',
        }
        await ask(at, ann, { name: ROSE }, right)
        await at.pause(SILENCE_MS)
        await ask(at, ann, { name: ROSE }, right)
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
