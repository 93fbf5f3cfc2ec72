import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import { countsMany, distinguishes, keepsItsCounts } from './many-and-long.ts'
import { Sender } from './sender.ts'

const LARGEST = 0xffff_ffff
/** Tokens that are taken for the end of a line, for nothing, or for a number with a sign. */
const TOKENS = ['0000', '0a0a', '2020', '0d0a', 'ffff', '8000', '00ff', 'c3a9']
/** Numbers that end with the same bytes. */
const ODD_NUMBERS = [0x0a, 0x20, 0x0d0a, 0x2020]
/** The number of senders at once. */
const SENDERS = 300
/** So many of them send before some are asked. */
const GROUP = 25
/** What is no message of the protocol. Behind each, the counts must be what they were. */
function garbage({ random }: CheckContext): Buffer[] {
  return [
    Buffer.alloc(0),
    Buffer.from('D'),
    Buffer.from([0x44, 0, 0, 9]),
    Buffer.from('Q'),
    Buffer.from('Q?'),
    Buffer.from('Q???'),
    Buffer.from('d\0\0\0\x09'),
    Buffer.concat([Buffer.of(0x41), random.bytes(10)]),
    Buffer.concat([Buffer.of(0), random.bytes(299)]),
    // A numbered one with 1001 bytes behind its number.
    Buffer.concat([Buffer.from('D\0\0\0\x09'), random.bytes(1001)]),
    // A buffer may have room for the beginning of these alone: they are as long as they are.
    ...[1443, 1495, 2043, 4091].map(length =>
      Buffer.concat([Buffer.from('D\0\0\0\x09'), random.bytes(length)]),
    ),
    Buffer.concat([Buffer.from('Q'), random.bytes(1023)]),
    Buffer.from('q??'),
    Buffer.from(' Q??'),
    Buffer.from('Q??\n'),
    Buffer.from('\0D\0\0\0\x09'),
  ]
}

export default exercise({
  id: 'count-loss',
  title: 'Count what is lost',
  kind: 'udp',
  protocol: `The server listens on UDP port PORT of 127.0.0.1. Two kinds of datagrams come; numbers have
their highest byte first:

  a numbered one   the byte 0x44 ("D"), a number (4 bytes, no sign), then 0 to 1000 bytes of anything
  a question       the byte 0x51 ("Q"), a token (2 bytes); 3 bytes in all

A numbered one is not answered. A question is answered with one datagram of 11 bytes, to the one who has
asked:

  the answer       the byte 0x41 ("A"), the token, how many are lost (4 bytes), how many came again (4 bytes)

A sender is an address and a port, and each has counts of its own. It numbers its datagrams 0, 1, 2 and so
on. Some are missing, some come more than once, some come after later ones. Lost is what is missing between
0 and the highest number that has come, both included: 0, 1, 4 has lost 2. A number that comes late is lost
no more. Came again are the datagrams with a number that had come already: 3, 3, 3 are two. A sender of whom
no numbered datagram has come has 0 and 0. A question changes nothing: asked again, it has the same answer.
There may be any number of senders and of datagrams, and any time between two of them. The next number may be far
ahead; the numbers do not begin anew. Neither count exceeds 4294967295. What is none of the two kinds, or has another
length, is ignored: not counted, not answered. An answer comes within 4 seconds.`,
  section: 'chapters/03-udp/README.md#every-send-succeeds',
  hints: [
    'Which three things must you know of a sender to answer? And what is the sender’s name, when all live at 127.0.0.1?',
    'Counting gaps as they appear goes wrong when a late one fills its gap. Compute the loss when you are asked: how many numbers could have come, and how many different ones have?',
    'Per sender: a Set of the numbers that came, the highest of them, and a counter of repeats. Lost is highest + 1 - set.size. Check the length before you read; read with readUInt32BE.',
  ],
  steps: [
    {
      title: 'reports no loss when every number has arrived',
      async run(check) {
        const ann = await Sender.open(check)
        await ann.number(0, 1, 2, 3, 4)
        await ann.ask()
      },
    },
    {
      title: 'answers a sender that has sent nothing numbered',
      async run(check) {
        const ann = await Sender.open(check)
        await ann.ask('the highest number of nobody is not 0, and nobody has lost nothing')
      },
    },
    {
      title: 'counts the numbers that are missing',
      async run(check) {
        const ann = await Sender.open(check)
        await ann.number(0, 1, 4, 9)
        await ann.ask('a gap can be wider than one')
      },
    },
    {
      title: 'counts from 0, whichever number comes first',
      async run(check) {
        const ann = await Sender.open(check)
        await ann.number(2, 3)
        await ann.ask('numbers begin at 0: what is missing before the first that came is lost too')
      },
    },
    {
      title: 'counts repeats as repeats, and as nothing else',
      async run(check) {
        const ann = await Sender.open(check)
        await ann.number(0, 1, 1, 4, 6, 6, 6)
        await ann.ask('the loss was computed from how many came: one that comes twice hides a loss')
      },
    },
    {
      title: 'gives the same answer when it is asked again',
      async run(check) {
        const ann = await Sender.open(check)
        await ann.number(0, 3, 3)
        await ann.ask()
        const reset =
          'the counts are set back when they are asked for: a lost answer is lost for good'
        await ann.ask(reset)
        const token = check.random.bytes(2)
        for (const number of [5, 5, 7]) {
          const again = 'a token may come again, and the answer to it is a new one'
          for (const likelyCause of [again, reset]) await ann.ask(likelyCause, undefined, token)
          await ann.number(number)
        }
        await ann.ask(undefined, undefined, token)
      },
    },
    {
      title: 'returns every token, and counts numbers made of any bytes',
      async run(check) {
        const ann = await Sender.open(check)
        for (const token of TOKENS) {
          await ann.ask(undefined, undefined, Buffer.from(token, 'hex'))
        }
        for (const number of ODD_NUMBERS) {
          const datagram = await ann.long(number, 0)
          await ann.ask(
            'bytes at the end are stripped, as if they were the end of a line',
            datagram,
          )
        }
      },
    },
    {
      title: 'no longer counts a number as lost when it arrives late',
      async run(check) {
        const ann = await Sender.open(check)
        const likelyCause =
          'a number below the highest one may be late, lost until now, and no repeat'
        await ann.number(0, 4)
        await ann.ask()
        for (const late of [2, 1, 3]) {
          await ann.number(late)
          await ann.ask(likelyCause)
        }
        await ann.number(2)
        await ann.ask('a late one that comes again is a repeat')
      },
    },
    {
      title: 'counts for each sender separately',
      async run(check) {
        const senders = await Promise.all(Array.from({ length: 8 }, () => Sender.open(check)))
        for (let number = 0; number < 8; number++) {
          for (const sender of senders) {
            if (check.random.below(3) > 0) await sender.number(number)
          }
          // Nobody may be sent more than a receive buffer holds.
          for (const sender of number % 4 === 3 ? senders : []) {
            await sender.ask('all senders share the address 127.0.0.1: the port tells them apart')
          }
        }
      },
    },
    {
      title: 'distinguishes senders by their whole address and their whole port',
      run: distinguishes,
    },
    {
      title: 'keeps the counts of many senders',
      async run(check) {
        const senders = await Promise.all(Array.from({ length: SENDERS }, () => Sender.open(check)))
        const likelyCause =
          'the counts of some senders are forgotten, perhaps because a table is too small'
        // In groups: a receive buffer is small, and answers say that it has been read.
        const groups = Array.from({ length: SENDERS / GROUP }, (_, n) =>
          senders.slice(n * GROUP, (n + 1) * GROUP),
        )
        for (const group of groups) {
          for (const [n, sender] of group.entries())
            await sender.number(0, 2 + (n % 5), 2 + (n % 5))
          await askAll(group, likelyCause)
        }
        for (const group of groups) await askAll(group, likelyCause)
      },
    },
    {
      title: 'ignores datagrams that are neither numbered nor a question',
      async run(check) {
        const ann = await Sender.open(check)
        await ann.number(0, 2, 2)
        for (const bytes of garbage(check)) {
          await ann.garbage(bytes)
          await ann.ask('look at the first byte and at the length before you read a field', bytes)
        }
      },
    },
    {
      title: 'counts correctly when a number is far ahead',
      async run(check) {
        const ann = await Sender.open(check)
        await ann.number(0, 0x7fff_ffff)
        await ann.ask('the missing numbers are gone through one by one: subtract instead')
        await ann.number(LARGEST)
        await ann.ask('a number of 4 bytes without a sign was read as one with a sign')
        await ann.number(0x8000_0000, LARGEST)
        await ann.ask()
        const late =
          'a number far below the highest one is late or a repeat; the numbering never starts again'
        for (const number of [1, 1, 0x7fff_fffe, 0x0100_0001, 65_536, 65_536]) {
          await ann.number(number)
          await ann.ask(late)
        }
        // 25 bits: more than a float of 32 bits holds.
        const ben = await Sender.open(check)
        await ben.number(0x0100_0002)
        await ben.ask('the loss does not fit into a 32-bit float')
        await ben.number(5)
        await ben.ask(late)
        await ben.number(5)
        await ben.ask(late)
        const special = 'no number is special: a program may not use one to mean "none"'
        for (const number of [LARGEST, 0x8000_0000, 0]) {
          const sender = await Sender.open(check)
          for (let times = 0; times < 3; times++) {
            await sender.number(number)
            await sender.ask(special)
          }
        }
      },
    },
    {
      title: 'stays right while many datagrams are lost, repeated and reordered',
      async run(check) {
        const ann = await Sender.open(check)
        for (let batch = 0; batch < 6; batch++) {
          await ann.number(...disorder(check, batch * 20, batch * 20 + 24))
          await ann.ask()
        }
      },
    },
    {
      title: 'counts the shortest numbered datagrams, and the longest',
      async run(check) {
        const ann = await Sender.open(check)
        const shortest = await ann.long(1, 0)
        await ann.ask(
          'with nothing behind its number, a datagram of 5 bytes is one to count',
          shortest,
        )
        const longest = await ann.long(3, 1000)
        await ann.ask('1000 bytes behind the number are allowed: with those it has 1005', longest)
      },
    },
    {
      title: 'counts a great many numbers, and as many repeats',
      alongside: true,
      run: countsMany,
    },
    {
      title: 'keeps its counts through a long silence',
      alongside: true,
      run: keepsItsCounts,
    },
  ],
})

/** Numbers from one to another as a bad network brings them. The ranges of two batches overlap. */
function disorder({ random }: CheckContext, from: number, to: number): number[] {
  const numbers: number[] = []
  for (let number = from; number < to; number++) {
    const copies = [0, 1, 1, 1, 2][random.below(5)]!
    for (let copy = 0; copy < copies; copy++) {
      numbers.splice(Math.max(0, numbers.length - random.below(6)), 0, number)
    }
  }
  return numbers
}

/** Asks for all of them at once; of those that are wrong, the first one counts. */
async function askAll(senders: readonly Sender[], likelyCause: string): Promise<void> {
  const asked = await Promise.allSettled(senders.map(sender => sender.ask(likelyCause)))
  for (const one of asked) if (one.status === 'rejected') throw one.reason
}
