import { exercise } from '#lib/workshop/exercise.ts'
import { AT_ONCE, ask, askMany, type Case, everyByte } from './ask.ts'
import { examine, NXDOMAIN, questionBytes, u16 } from './messages.ts'
import { LOOK_ALIKES, labelsOf, ROSE, ZONE } from './names.ts'
import { notQuestions } from './not-questions.ts'

const [MX, TXT, AAAA, SRV, OPT, ANY] = [15, 16, 28, 33, 41, 255]
/** How long no question comes: longer than usual timeouts. */
const SILENCE_MS = 16_500
const SENDERS = 300
const QUESTIONS = 2000

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
(any) and those that nobody knows: RCODE 0, no records. A type has two bytes. Any other name, also "test" and
the root (no labels): RCODE 3 (NXDOMAIN), no records.

Not answered: less than 12 bytes; QR (0x8000) set; QDCOUNT other than 1; a question that is cut off; a
length byte over 63 in its name; a name of more than 255 bytes. None of this ends the server: it answers the next question
within 4 seconds, however many came before, from many senders at once, and after any silence. A question may come
twice: each gets an answer.`,
  section: 'chapters/03-udp/README.md#a-protocol-that-uses-both-dns',
  hints: [
    'First find where the question ends: go from length byte to length byte until you meet a 0, then 4 bytes more. Everything from byte 12 to there goes back as it came.',
    'An answer is three pieces in a row: a header of 12 bytes that you make anew, the question as it came, and the records. Of the header of the question only the id and RD go back.',
    'To look a name up, keep the zone by names as they are on the wire, lengths included. Then nothing needs to be taken apart, and toLowerCase() does no harm to a length: it is 63 at most, and "A" is 65.',
  ],
  steps: [
    {
      title: 'answers a question for an address',
      async run(check) {
        await ask(check, await check.openUdp(), { name: ROSE }, { addresses: ['192.0.2.10'] })
      },
    },
    {
      title: 'echoes the id and the RD bit, whatever they are',
      async run(check) {
        const ann = await check.openUdp()
        for (const id of [0, 0x00ff, 0xff00, 0xffff, check.random.below(0x10000)]) {
          for (const flags of [0, 0x0100]) {
            await ask(check, ann, { id, flags, name: ROSE }, { addresses: ['192.0.2.10'] })
          }
        }
      },
    },
    {
      title: 'knows every name of the zone, and both addresses where there are two',
      async run(check) {
        const ann = await check.openUdp()
        const likelyCause =
          'each address is a record of its own, and ANCOUNT says how many there are'
        for (const [name, addresses] of ZONE)
          await ask(check, ann, { name }, { addresses, likelyCause })
      },
    },
    {
      title: 'says NXDOMAIN for names that are not in the zone',
      async run(check) {
        const ann = await check.openUdp()
        const likelyCause = 'a name matches as a whole: neither its beginning nor its end is enough'
        const strangers = [
          'moss.garden.test',
          'rose',
          'rose.garden',
          'test',
          'a.red.rose.garden.test',
        ]
        for (const text of [...strangers, 'rose.garden.test.example', 'primrose.garden.test']) {
          await ask(check, ann, { name: text.split('.') }, { rcode: NXDOMAIN, likelyCause })
        }
        const longest = [63, 63, 63, 61].map(length => 'x'.repeat(length))
        const limits = 'a label has up to 63 bytes, and a name up to 255, lengths and 0 included'
        await ask(check, ann, { name: longest }, { rcode: NXDOMAIN, likelyCause: limits })
        const root = 'a name can be empty: the root is a single byte 0'
        await ask(check, ann, { name: [] }, { rcode: NXDOMAIN, likelyCause: root })
      },
    },
    {
      title: 'says NOERROR, without a record, for another type of a known name',
      async run(check) {
        const ann = await check.openUdp()
        const likelyCause =
          'NXDOMAIN says that there is no such name, of whichever type; this one exists'
        for (const type of [AAAA, MX, TXT])
          await ask(check, ann, { name: ROSE, type }, { likelyCause })
        const unknown =
          'a type that the server has never heard of is no error: the name has no record of it'
        for (const type of [SRV, check.random.between(0x100, 0xffff)]) {
          await ask(check, ann, { name: ROSE, type }, { likelyCause: unknown })
        }
        const every = 'type 255 (any) is a type like any other here: no record has it'
        await ask(check, ann, { name: ROSE, type: ANY }, { likelyCause: every })
      },
    },
    {
      title: 'ignores the case of letters, and sends them back as they came',
      async run(check) {
        const ann = await check.openUdp()
        const likelyCause =
          'names are compared without regard to case; the question goes back unchanged'
        const mixed = (label: string) =>
          label.replaceAll(/./g, c => (check.random.below(2) ? c.toUpperCase() : c))
        for (const name of [['ROSE', 'Garden', 'tesT'], ROSE.map(mixed)]) {
          await ask(check, ann, { name }, { addresses: ['192.0.2.10'], likelyCause })
        }
      },
    },
    {
      title: 'answers a question as dig sends it, with flags and an extra record',
      async run(check) {
        const ann = await check.openUdp()
        // AD is set, and behind the question stands OPT: no name, the size that is taken, no data.
        const additional = Buffer.concat([Buffer.of(0), u16(OPT, 1232, 0, 0, 0)])
        const question = { name: ROSE, flags: 0x0120, additional }
        await ask(check, ann, question, {
          addresses: ['192.0.2.10'],
          likelyCause:
            'flags, counts or records of the question were copied: only id, RD and question go back',
        })
      },
    },
    {
      title: 'answers many senders at once, each with what it asked for',
      async run(check) {
        const waiting: (() => Promise<void>)[] = []
        for (let n = 0; n < 24; n++) {
          const sender = await check.openUdp()
          const [name, addresses] = ZONE[check.random.below(ZONE.length)]!
          const question = { id: check.random.below(0x10000), name }
          await sender.send(questionBytes(question))
          waiting.push(() => examine(check, sender, question, { addresses }))
        }
        for (const wait of waiting) await wait()
      },
    },
    {
      title: 'does not answer what is not a question',
      async run(check) {
        const ann = await check.openUdp()
        const id = 0x6e6f
        for (const [bytes, likelyCause] of notQuestions(id)) {
          await ann.send(bytes)
          const question = { id: check.random.below(0x6000), name: ROSE }
          await ann.send(questionBytes(question))
          await examine(check, ann, question, {
            addresses: ['192.0.2.10'],
            likelyCause,
            behind: { bytes, id },
          })
        }
      },
    },
    {
      title: 'does not treat a dot in a label as the end of the label',
      async run(check) {
        const ann = await check.openUdp()
        const likelyCause = 'labels were joined by dots: two different names have become one text'
        for (const name of [
          ['rose.garden', 'test'],
          ['rose', 'garden.test'],
          ['rose.garden.test'],
        ]) {
          await ask(check, ann, { name }, { rcode: NXDOMAIN, likelyCause })
        }
      },
    },
    {
      title: 'looks at both bytes of a type',
      async run(check) {
        const ann = await check.openUdp()
        const types = 'a type has two bytes: 0x0101 is not A'
        for (const type of [0, 2, 5, 6, 0x0100, 0x0101, 0x8001, 0xff01, 0xffff, ANY]) {
          for (const [name] of ZONE) await ask(check, ann, { name, type }, { likelyCause: types })
          const stranger = { name: ['moss', 'garden', 'test'], type }
          await ask(check, ann, stranger, {
            rcode: NXDOMAIN,
            likelyCause: 'a name outside the zone gets NXDOMAIN for every type',
          })
        }
      },
    },
    {
      title: 'sends back no flag but RD, whichever flags are set',
      async run(check) {
        const ann = await check.openUdp()
        // TC, RA, Z, AD, CD and RCODE, each with and without RD; then AA.
        for (const bit of [0x0200, 0x0080, 0x0040, 0x0020, 0x0010, 8, 4, 2, 1, 0x0400, 0x06ff]) {
          for (const flags of [bit, bit | 0x0100]) {
            const likelyCause = `the flags 0x${flags.toString(16)} of a question: only RD goes back, and no other bit matters`
            await ask(check, ann, { name: ROSE, flags }, { addresses: ['192.0.2.10'], likelyCause })
            const stranger = { name: ['moss', 'garden', 'test'], flags }
            await ask(check, ann, stranger, { rcode: NXDOMAIN, likelyCause })
          }
        }
      },
    },
    {
      title: 'ignores what follows the question, and answers a repeated question again',
      async run(check) {
        const ann = await check.openUdp()
        const likelyCause =
          'ignore ANCOUNT, NSCOUNT and ARCOUNT of a question, and whatever follows it'
        for (const [counts, size] of [
          [[0, 0, 1], 0],
          [[1, 2, 3], 3],
          [[0xffff, 0xffff, 0xffff], 600],
          [[0, 0, 0], 1],
          [[0, 0, 0], 40_000],
        ] as const) {
          const additional = check.random.bytes(size)
          const question = { id: check.random.below(0x10000), name: ROSE, additional, counts }
          for (let times = 0; times < 2; times++) {
            await ask(check, ann, question, {
              addresses: ['192.0.2.10'],
              likelyCause:
                times === 0
                  ? likelyCause
                  : 'a question that comes twice gets two answers: the first one may have been lost',
            })
          }
        }
        const kept = 'an id may come again with another question: nothing is kept of the last one'
        const id = check.random.below(0x10000)
        for (const [name, addresses] of ZONE) {
          await ask(check, ann, { id, name }, { addresses, likelyCause: kept })
          await ask(check, ann, { id, name, type: AAAA }, { likelyCause: kept })
          await ask(
            check,
            ann,
            { id, name: ['moss', ...name] },
            { rcode: NXDOMAIN, likelyCause: kept },
          )
        }
      },
    },
    {
      title: 'compares names byte by byte, except for the case of letters',
      async run(check) {
        const ann = await check.openUdp()
        for (const [name, likelyCause] of LOOK_ALIKES) {
          await ask(check, ann, { name: labelsOf(name) }, { rcode: NXDOMAIN, likelyCause })
        }
        // 0x40 and 0x5b frame the capital letters, 0x60 and 0x7b the small ones.
        for (const [one, other] of ['@`', '[{', ']}', '^~', '\\|', '_\x7f', '\u00c1\u00e1'].map(
          pair => [...pair],
        )) {
          for (const byte of [one!, other!]) {
            const name = [`ros${byte}`, 'garden', 'test']
            await ask(
              check,
              ann,
              { name },
              { rcode: NXDOMAIN, likelyCause: 'only A to Z match a to z' },
            )
          }
        }
        for (const [name, addresses] of ZONE) {
          const capitals = name.map(label => label.toUpperCase())
          const likelyCause =
            'names are compared without regard to case; the question goes back unchanged'
          await ask(check, ann, { name: capitals }, { addresses, likelyCause })
        }
        await askMany(check, everyByte(check))
      },
    },
    {
      title: 'serves many senders, and answers any number of questions',
      async run(check) {
        const senders = await Promise.all(Array.from({ length: SENDERS }, () => check.openUdp()))
        const questions = senders.map((_, id) => {
          const [name, addresses] = ZONE[id % ZONE.length]!
          return { id, name, addresses }
        })
        for (let from = 0; from < SENDERS; from += AT_ONCE) {
          const some = [...senders.keys()].slice(from, from + AT_ONCE)
          for (const n of some) await senders[n]!.send(questionBytes(questions[n]!))
          for (const n of some) {
            await examine(check, senders[n]!, questions[n]!, { addresses: questions[n]!.addresses })
          }
        }
        const likelyCause = 'it stops answering after some number of questions'
        const many = Array.from({ length: QUESTIONS }, (_, n): Case => {
          const [name, addresses] = ZONE[n % ZONE.length]!
          return [{ name }, { addresses, likelyCause }]
        })
        await askMany(check, many)
        await ask(check, senders[0]!, { name: ROSE }, { addresses: ['192.0.2.10'], likelyCause })
      },
    },
    {
      title: 'answers after a long silence',
      alongside: true,
      async run(check) {
        const ann = await check.openUdp()
        const right = {
          addresses: ['192.0.2.10'],
          likelyCause:
            'a timeout ends it, although the server has to wait however long no question comes',
        }
        await ask(check, ann, { name: ROSE }, right)
        await check.pause(SILENCE_MS)
        for (const one of [await check.openUdp(), ann]) await ask(check, one, { name: ROSE }, right)
      },
    },
  ],
})
