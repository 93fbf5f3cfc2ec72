import { type Examiner, exercise } from '../../../../lib/workshop/exercise.ts'
import {
  crowdStep,
  exactDialogue,
  patienceStep,
  slowReaderStep,
} from '../../../../lib/workshop/many-clients.ts'
import { keepsNothing } from '../../../../lib/workshop/memory.ts'
import { survives } from '../../../../lib/workshop/survives.ts'
import type { Talk } from '../../../../lib/workshop/talk.ts'

/** One chunk holds more lines than a stack holds calls. */
const MANY = 20_000
const LF = 0x0a

/** Sends requests in one segment, and waits for the answers. */
async function ask(
  talk: Talk,
  requests: readonly string[],
  answers: readonly string[],
  mistake?: string,
): Promise<void> {
  talk.send(requests.map(request => `${request}\n`).join(''))
  await answered(talk, answers, mistake)
}

const answered = (talk: Talk, answers: readonly string[], mistake?: string) =>
  talk.expect(answers.map(answer => `${answer}\n`).join(''), { mistake, endByte: LF })

const DIALOGUE = exactDialogue(
  n => Buffer.from(`mul -${n + 1} 1000003\n`),
  n => Buffer.from(`ok -${(n + 1) * 1_000_003}\n`),
)
/** The shortest request with a long answer: much of what the server sends is kept in sockets. */
const SHORT_DIALOGUE = exactDialogue(
  () => Buffer.from('add\n'),
  () => Buffer.from('error wrong number of words\n'),
)

/** The answer to a request of at most 100 bytes, where each byte is a character. */
function rightAnswer(request: string): string {
  const [command = '', ...words] = request.split(' ')
  const wanted = { add: 2, sub: 2, mul: 2, div: 2, wait: 1, quit: 0 }
  if (!Object.hasOwn(wanted, command)) return 'error unknown command'
  if (words.length !== wanted[command as keyof typeof wanted]) return 'error wrong number of words'
  if (command === 'quit') return 'bye'
  const format = command === 'wait' ? /^[0-9]{1,4}$/ : /^-?[0-9]{1,9}$/
  if (!words.every(word => format.test(word))) return 'error not a number'
  const [a = 0n, b = 0n] = words.map(BigInt)
  if (command === 'div' && b === 0n) return 'error division by zero'
  const results = { add: a + b, sub: a - b, mul: a * b, div: b === 0n ? 0n : a / b, wait: a }
  return `ok ${results[command as keyof typeof results]}`
}

/** Requests with a place for any byte. */
const PLACES: readonly (readonly [before: string, after: string])[] = [
  ['', 'add 1 2'],
  ['a', 'dd 1 2'],
  ['add', '1 2'],
  ['add', ' 1 2'],
  ['add ', '1 2'],
  ['add 1', ' 2'],
  ['add 1', '1 2'],
  ['add 1', '2'],
  ['add 1 ', '2'],
  ['add 1 2', ''],
  ['wait ', '1'],
  ['wait 1', ''],
  ['quit', ''],
  ['', ''],
]

const WORDS = 'between two words there is exactly one space: more of them are an empty word'
const LENIENT = 'parseInt() and Number() take more than the protocol allows: look at the text first'
const CR = 'a CR before the LF is a byte of the last word: lines end with LF alone'

/** Bad requests, their answers, and what is often wrong with them. */
const BAD: readonly [request: string, error: string, mistake: string][] = [
  ['pow 2 3', 'unknown command', 'a bad request gets an answer too'],
  ['add 2', 'wrong number of words', 'nobody counts the words'],
  ['', 'unknown command', 'an empty line is a request as well, and a bad one'],
  ['ADD 1 2', 'unknown command', 'commands are in small letters'],
  [
    'constructor 1 2',
    'unknown command',
    'an object has more names than those you gave it: use a Map, or Object.hasOwn()',
  ],
  ['add 1 2 3', 'wrong number of words', 'what stands behind the second number is ignored'],
  ['add  1 2', 'wrong number of words', WORDS],
  ['add 1 2 ', 'wrong number of words', WORDS],
  ['quit now', 'wrong number of words', '`quit` has one word'],
  ['add 1 two', 'not a number', 'NaN is no result'],
  ['add 1 2x', 'not a number', LENIENT],
  ['add 1e3 2', 'not a number', LENIENT],
  ['add 0x10 1', 'not a number', LENIENT],
  ['add +1 1', 'not a number', LENIENT],
  ['add 1.5 1', 'not a number', LENIENT],
  ['add - 1', 'not a number', LENIENT],
  ['add 1234567890 1', 'not a number', 'a number has nine digits at most'],
  ['wait -1', 'not a number', 'nobody can wait for less than nothing'],
  ['wait 10000', 'not a number', '`wait` takes four digits at most'],
  ['div x 0', 'not a number', 'of two errors the first in the list is the answer'],
  ['div 1 0', 'division by zero', 'Infinity is no result'],
  ['div 0 -0', 'division by zero', '-0 is 0 as well'],
  ['add 1 2\r', 'not a number', CR],
  ['quit\r', 'unknown command', CR],
]

export default exercise({
  id: 'calculator',
  title: 'A calculator',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. A request is a line of bytes that
ends with LF, an answer is a line of ASCII. Each request gets one answer, in the order of the requests, however many a client sends
without waiting.

A request consists of words, with exactly one space between two of them; the first is the command, in small letters. Any
byte but LF may come: only the space separates words, and only what this text allows belongs to a command or a number. A
number is an optional "-" and one to nine decimal digits, nothing else; it may begin with zeros, and is decimal all the same.
A CR is a byte like any other: "quit" and CR is no command.

  add A B    ok and the sum of two numbers: "ok 5"
  sub A B    ok and A minus B
  mul A B    ok and the product, all digits of it
  div A B    ok and the quotient, rounded toward zero: "ok -3" for div -7 2
  wait N     ok and N, after N milliseconds; N is a number of one to four digits without "-".
             A later request of this client is not begun before that; those of other clients do not wait.
  quit       bye; then the server ends the connection, and answers nothing that stands behind.

Results, and the N that wait says, are decimal, without leading zeros, with "-" when they are below zero: 0 is "ok 0". A request that is none of these gets
the first of the following answers that fits, and the connection goes on:

  error too long               the line has more than 100 bytes without its LF (and may have millions)
  error unknown command        the first word is none of the six; so it is in an empty line
  error wrong number of words  more or fewer than the command has
  error not a number           a word that should be a number is none
  error division by zero       B of div is 0

After the client's FIN the server answers the remaining requests, however slowly the client reads, and ends the connection;
what stands behind the last LF is no request.

A client may be silent for as long as it likes, also in the middle of a request, and may send any number of requests. The
server serves at least 200 clients at once; none of them waits because another one is silent, stops in the middle of a
request, or does not read its answers. Of a line that is too long the server keeps nothing.`,
  section: 'chapters/04-sticky-packets/README.md#lines',
  hints: [
    'Three things, one after the other: bytes to lines, a line to an answer, answers in order. The second is a function that knows no socket.',
    'A regular expression says what a number is, better than Number() or parseInt(). BigInt calculates with all digits, and its division rounds toward zero.',
    'An async function that listens to `data` is called again while it waits. One loop for each connection is not: for await (const chunk of socket.iterator({ destroyOnReturn: false })).',
  ],
  steps: [
    {
      title: 'adds, subtracts and multiplies',
      async run(at) {
        const talk = await at.connect()
        await ask(talk, ['add 2 3'], ['ok 5'], 'an answer is `ok`, one space, the result, LF')
        await ask(talk, ['sub 2 3'], ['ok -1'])
        await ask(talk, ['mul -4 005'], ['ok -20'])
      },
    },
    {
      title: 'divides, and rounds toward zero',
      async run(at) {
        const talk = await at.connect()
        for (const [request, answer] of [
          ['div 7 2', 'ok 3'],
          ['div -7 2', 'ok -3'],
          ['div 1 -2', 'ok 0'],
          ['div -1 2', 'ok 0'],
        ] as const) {
          const mistake =
            answer === 'ok 0'
              ? 'rounded toward zero it is 0, which has no sign; rounded down it is -1'
              : '-3.5 rounded toward zero is -3; rounded down it is -4'
          await ask(talk, [request], [answer], mistake)
        }
      },
    },
    {
      title: 'gets all digits of a large product right',
      async run(at) {
        const talk = await at.connect()
        const mistake = 'above 2^53 a number of JavaScript has no room for all digits: use BigInt'
        await ask(talk, ['mul 999999999 999999999'], ['ok 999999998000000001'], mistake)
        await ask(talk, ['mul -999999999 123456789'], ['ok -123456788876543211'], mistake)
      },
    },
    {
      title: 'accepts numbers with leading zeros, and answers without them',
      async run(at) {
        const talk = await at.connect()
        const octal = 'a zero in front does not make a number octal: all numbers are decimal'
        await ask(talk, ['add 010 1'], ['ok 11'], octal)
        await ask(talk, ['wait 0001'], ['ok 1'], 'it sends the word back, and not the number')
      },
    },
    {
      title: 'answers each of several requests that come in one segment',
      async run(at) {
        const talk = await at.connect()
        await ask(
          talk,
          ['add 1 2', 'sub 1 2', 'mul 1 2'],
          ['ok 3', 'ok -1', 'ok 2'],
          'one data event is taken for one request; a chunk may hold many of them',
        )
      },
    },
    {
      title: 'reassembles a request that is cut in two, wherever the cut is',
      async run(at) {
        const request = 'add 12 34\n'
        for (let cut = 1; cut < request.length; cut++) {
          const talk = await at.connect()
          // The first answer tells that the start of the second request has been read too.
          talk.send(`add 1 1\n${request.slice(0, cut)}`)
          await answered(talk, ['ok 2'], 'the start of another request came along, and must wait')
          talk.send(request.slice(cut))
          await answered(
            talk,
            ['ok 46'],
            'what is left of a chunk behind its last LF must be kept for the next one',
          )
        }
      },
    },
    {
      title: 'answers a bad request with the error that fits, and keeps the connection',
      async run(at) {
        for (const [request, error, mistake] of BAD) {
          const talk = await at.connect()
          await ask(talk, [request], [`error ${error}`], mistake)
          await ask(talk, ['add 1 2'], ['ok 3'], 'an error in one line does not end the connection')
        }
      },
    },
    {
      title: 'answers a line of more than 100 bytes once, with an error, and keeps the connection',
      async run(at) {
        const longest = `add ${'1'.repeat(94)} 2`
        const talk = await at.connect()
        await ask(talk, [longest], ['error not a number'], 'a line of 100 bytes is not too long')
        const other = await at.connect()
        await ask(other, [`${longest}3`], ['error too long'], '101 bytes are too long')
        await ask(
          await at.connect(),
          ['x'.repeat(1_000_000), 'add 1 2'],
          ['error too long', 'ok 3'],
          'a long line comes in many chunks: one answer for all of them, when its LF has come',
        )
      },
    },
    {
      title: 'answers in the order of the requests, even when one takes time',
      async run(at) {
        const requests = ['wait 100', 'add 1 2', 'wait 0', 'div 1 0']
        const mistake = 'whoever is done first answers first: the next request must wait its turn'
        const startMs = performance.now()
        await ask(
          await at.connect(),
          requests,
          ['ok 100', 'ok 3', 'ok 0', 'error division by zero'],
          mistake,
        )
        if (performance.now() - startMs < 90) {
          at.fail({ what: 'the answer to `wait 100` came before 100 ms were over' })
        }
        // A machine that is busy may be late with the second chunk: then again, with more time.
        for (const waitMs of [700, 1500, 3000]) {
          const talk = await at.connect()
          const sentMs = performance.now()
          // The answer to `add` tells that `wait` has been read as well.
          talk.send(`add 1 1\nwait ${waitMs}\n`)
          await answered(talk, ['ok 2'], mistake)
          talk.send('add 2 2\n')
          const inTime = performance.now() - sentMs < waitMs / 2
          await answered(
            talk,
            [`ok ${waitMs}`, 'ok 4'],
            'an async function for `data` is called for the next chunk while it waits in this one',
          )
          if (inTime) break
        }
      },
    },
    {
      title: 'makes no client wait for another',
      async run(at) {
        const [ann, ben] = [await at.connect(), await at.connect()]
        await ask(ann, ['add 1 1', 'wait 9999'], ['ok 2'])
        await ask(
          ben,
          ['add 2 3'],
          ['ok 5'],
          'while it waits for one client it does nothing for the others: it blocks, or they share a queue',
        )
      },
    },
    {
      title: 'says bye at quit, ends the connection, and answers nothing after it',
      async run(at) {
        const talk = await at.connect()
        await ask(talk, ['add 1 2', 'quit', 'add 3 4'], ['ok 3', 'bye'])
        await talk.expectEnd({
          tooMuch: 'more requests have come with `quit`: the loop over them must end there too',
          mistake: '`quit` asks for the end of the connection: end()',
        })
      },
    },
    {
      title: 'answers everything that came before the client’s FIN, and then ends too',
      async run(at) {
        const talk = await at.connect()
        talk.send('wait 300\nadd 1 2\nadd 9 9')
        talk.finish()
        await answered(
          talk,
          ['ok 300', 'ok 3'],
          'the client’s FIN comes while answers are still to be given: end() belongs behind them',
        )
        await talk.expectEnd({
          mistake: 'with allowHalfOpen you end each connection yourself',
          tooMuch: 'what stands behind the last LF is not a request',
        })
      },
    },
    {
      title: 'survives clients that reset while they wait',
      async run(at) {
        await survives(
          at,
          async () => {
            for (let n = 0; n < 5; n++) {
              const talk = await at.connect()
              await ask(talk, ['add 1 1', 'wait 100'], ['ok 2'])
              talk.reset()
            }
            const talk = await at.connect()
            await ask(talk, ['wait 300', 'add 1 2'], ['ok 300', 'ok 3'])
          },
          'one reset ends the whole server: a socket without an error listener, or an async function that nobody catches',
        )
      },
    },
    {
      title: 'compares words and numbers byte by byte',
      async run(at) {
        for (const [before, after] of PLACES) {
          const talk = await at.connect()
          const bytes = Array.from({ length: 256 }, (_, byte) => byte).filter(byte => byte !== LF)
          const requests = bytes.map(byte => `${before}${String.fromCharCode(byte)}${after}`)
          talk.send(Buffer.from(requests.map(request => `${request}\n`).join(''), 'latin1'))
          for (const [n, request] of requests.entries()) {
            const hex = bytes[n]!.toString(16).padStart(2, '0')
            const mistake = `in ${JSON.stringify(`${before}…${after}`)} the byte ${hex} is taken for another one, for a space, or for nothing`
            await answered(talk, [rightAnswer(request)], mistake)
          }
        }
        const talk = await at.connect()
        for (const word of [
          '1_0',
          '1,0',
          '٣',
          '１',
          '²',
          '1e0',
          '--1',
          '-+1',
          '1-',
          '0b1',
          '0o7',
          'Ⅷ',
        ]) {
          await ask(talk, [`add ${word} 1`], ['error not a number'], LENIENT)
        }
        for (const word of ['ａｄｄ', 'add\ufeff', '\ufeffadd', 'Add', 'add\u0301', 'toString']) {
          await ask(
            talk,
            [`${word} 1 1`],
            ['error unknown command'],
            'a command is three or four lower-case letters',
          )
        }
      },
    },
    {
      title: 'counts the words before it parses them, and calculates with any numbers',
      async run(at) {
        const talk = await at.connect()
        for (const request of [
          ...[
            'add',
            'add ',
            'add  ',
            'add   ',
            'add  1',
            'add 1 ',
            ' ',
            '  ',
            'wait',
            'wait ',
            'wait 1 ',
          ],
          ...['wait x y', 'quit ', 'quit quit', 'foo 1 2 3', 'div 5 0 0', 'div 0 x', 'wait 00001'],
          ...['add -0 0', 'mul -5 0', 'sub 0 -0', 'div -0 5', 'div 000000000 -1', 'div 1 000'],
          ...[
            'add 000000001 -000000001',
            'add 0000000001 1',
            'add -1234567890 1',
            'mul 46341 46341',
          ],
          ...['mul 65536 65536', 'mul -65536 32768', 'add 999999999 999999999'],
          ...[
            'sub -999999999 999999999',
            'div -999999999 -1',
            'div 999999999 -1',
            'mul 94906267 94906267',
          ],
        ]) {
          await ask(
            talk,
            [request],
            [rightAnswer(request)],
            'the first error of the list that fits is the answer',
          )
        }
        const requests = Array.from({ length: 500 }, () => {
          const number = () =>
            at.random.between(-1, 1) * at.random.below(10 ** at.random.between(1, 9))
          return `${at.random.of(['add', 'sub', 'mul', 'div'])} ${number()} ${number()}`
        })
        talk.send(requests.map(request => `${request}\n`).join(''))
        for (const request of requests) {
          await answered(talk, [rightAnswer(request)], `wrong result of \`${request}\``)
        }
      },
    },
    {
      title: 'enforces the limit whichever byte exceeds it, and keeps no line that is too long',
      async run(at) {
        const mistake = 'a line of more than 100 bytes gets one answer, wherever it is cut'
        const talk = await at.connect()
        // The answer to `add` tells that the start of the long line has been read as well.
        talk.send(`add 1 1\n${'x'.repeat(60)}`)
        await answered(talk, ['ok 2'])
        talk.send(`${'x'.repeat(41)}\nadd 1 2\n`)
        await answered(talk, ['error too long', 'ok 3'], mistake)
        for (const fill of ['\r', ' ', '\0', 'é']) {
          const full = fill.repeat(100 / Buffer.byteLength(fill))
          await ask(talk, [full], ['error unknown command'], 'a line of 100 bytes is not too long')
          await ask(
            talk,
            [`${full}\r`],
            ['error too long'],
            'the limit is in bytes, and a CR is one',
          )
        }
        await keepsNothing(at, talk, 'x')
        talk.send('\nadd 1 2\n')
        const late = { mistake, endByte: LF }
        await talk.expect('error too long\nok 3\n', late)
      },
    },
    {
      title: 'starts no request until the previous one is done',
      async run(at) {
        const talk = await at.connect()
        const watch = at.stopwatch()
        talk.send('wait 400\nwait 400\nwait 0400\n')
        await answered(talk, ['ok 400', 'ok 400', 'ok 400'])
        watch.atLeast(1200, 800, {
          what: 'three times `wait 400` took less than 1200 ms together',
          mistake:
            'requests are started as they arrive, and only their answers wait for each other',
        })
      },
    },
    crowdStep(DIALOGUE),
    slowReaderStep(SHORT_DIALOGUE, 28),
    {
      title: `answers ${MANY} empty lines that come at once`,
      async run(at) {
        const talk = await at.connect()
        talk.send('\n'.repeat(MANY))
        await talk.expect('error unknown command\n'.repeat(MANY), {
          bulk: true,
          mistake:
            'the function that reads a line calls itself for the next one, and the stack has an end: use a loop',
        })
        const other = await at.connect()
        await ask(other, ['add 1 2'], ['ok 3'])
      },
    },
    patienceStep(DIALOGUE, longWaits),
  ],
})

/** Begins to wait for as long as the protocol allows. */
async function longWaits(at: Examiner): Promise<() => Promise<void>> {
  const waiting = (async (ms: number) => {
    const talk = await at.connect()
    const watch = at.stopwatch()
    talk.send(`wait ${ms}\nadd 1 1\n`)
    await talk.expect(`ok ${ms}\nok 2\n`, { patienceMs: 2 * ms, endByte: LF })
    watch.atLeast(ms, ms / 2, {
      what: `the answer to \`wait ${ms}\` came too early`,
      mistake: 'N may be anything up to 9999, and the wait has to last all of it',
    })
  })(9999)
  // What fails while nobody waits for it is told at the end.
  waiting.catch(() => {})
  return () => waiting
}
