import { waitUntilRead } from '#lib/workshop/back-pressure.ts'
import { keepsMemoryBounded } from '#lib/workshop/bounded-memory.ts'
import { exercise } from '#lib/workshop/exercise.ts'
import { servesBesideLingeringClients } from '#lib/workshop/lingering-clients.ts'
import { crowdStep, silenceStep, slowReaderStep } from '#lib/workshop/many-clients.ts'
import { survivesResets } from '#lib/workshop/survives-resets.ts'
import {
  ask,
  BAD,
  DIALOGUE,
  expectAnswers,
  LENIENT,
  LF,
  PLACES,
  rightAnswer,
  SHORT_DIALOGUE,
} from './requests.ts'
import { crowdWaits, longLineDuringWait, shortWaits, waitAndSleep } from './waits.ts'

/** One chunk holds more lines than a stack holds calls, and than 16 bits count. */
const MANY = 70_000
/** What comes behind `quit`: more than a server reads at once. */
const BEHIND_QUIT = 200_000
export default exercise({
  id: 'calculator',
  title: 'A calculator',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. A request is a line of bytes that
ends with LF, an answer is a line of ASCII. Each request gets one answer, in the order of the requests, however many a client sends
without waiting.

A request consists of words, with exactly one space between two of them; the first is the command, in small letters. A
space at either end, and a second one in a row, make an empty word, which counts. Any
byte but LF may come: only the space separates words, and only what this text allows belongs to a command or a number. A
number is an optional "-" and one to nine decimal digits, nothing else; it may begin with zeros, and is decimal all the same.
A CR is a byte like any other: "quit" and CR is no command.

  add A B    ok and the sum of two numbers: "ok 5"
  sub A B    ok and A minus B
  mul A B    ok and the product, all digits of it
  div A B    ok and the quotient, rounded toward zero: "ok -3" for div -7 2
  wait N     ok and N, after N milliseconds; N is a number of one to four digits without "-".
             A later request of this client is not begun before that; those of other clients do not wait.
  quit       bye; then the server ends the connection with a FIN, and answers nothing that stands behind.

Results, and the N that wait says, are decimal, without leading zeros, with "-" when they are below zero: 0 is "ok 0". A request that is none of these gets
the first of the following answers that fits, and the connection goes on:

  error too long               the line has more than 100 bytes without its LF (and may have millions): when its LF has come
  error unknown command        the first word is none of the six; so it is in an empty line
  error wrong number of words  more or fewer than the command has
  error not a number           a word that should be a number is none
  error division by zero       B of div is 0

After the client's FIN the server answers the remaining requests, however slowly the client reads, and ends the connection;
what stands behind the last LF is no request.

A client may be silent for as long as it likes, also in the middle of a request, and may send any number of requests. The
server serves hundreds of clients at once; none of them waits because another one waits, is silent, stops in the middle of
a request, does not read its answers, or does not close a connection that the server has ended. Meanwhile the server may
stop reading from such a client, or keep its requests and answers in memory. Of a line that is too long the server never
keeps anything.`,
  section: 'chapters/04-sticky-packets/README.md#lines',
  hints: [
    'Three things, one after the other: bytes to lines, a line to an answer, answers in order. The second is a function that knows no socket.',
    'A regular expression says what a number is, better than Number() or parseInt(). BigInt calculates with all digits, and its division rounds toward zero.',
    'An async function that listens to `data` is called again while it waits. One loop for each connection is not: for await (const chunk of socket.iterator({ destroyOnReturn: false })).',
  ],
  steps: [
    {
      title: 'adds, subtracts and multiplies',
      async run(check) {
        const probe = await check.connect()
        await ask(probe, ['add 2 3'], ['ok 5'], 'an answer is `ok`, one space, the result, LF')
        await ask(probe, ['sub 2 3'], ['ok -1'])
        await ask(probe, ['mul -4 005'], ['ok -20'])
      },
    },
    {
      title: 'divides, and rounds toward zero',
      async run(check) {
        const probe = await check.connect()
        for (const [request, answer] of [
          ['div 7 2', 'ok 3'],
          ['div -7 2', 'ok -3'],
          ['div 1 -2', 'ok 0'],
          ['div -1 2', 'ok 0'],
        ] as const) {
          const likelyCause =
            answer === 'ok 0'
              ? 'rounded toward zero it is 0, which has no sign; rounded down it is -1'
              : '-3.5 rounded toward zero is -3; rounded down it is -4'
          await ask(probe, [request], [answer], likelyCause)
        }
      },
    },
    {
      title: 'gets all digits of a large product right',
      async run(check) {
        const probe = await check.connect()
        const likelyCause =
          'above 2^53 a number of JavaScript has no room for all digits: use BigInt'
        await ask(probe, ['mul 999999999 999999999'], ['ok 999999998000000001'], likelyCause)
        await ask(probe, ['mul -999999999 123456789'], ['ok -123456788876543211'], likelyCause)
      },
    },
    {
      title: 'accepts numbers with leading zeros, and answers without them',
      async run(check) {
        const probe = await check.connect()
        const octal = 'a zero in front does not make a number octal: all numbers are decimal'
        await ask(probe, ['add 010 1'], ['ok 11'], octal)
        await ask(probe, ['wait 0001'], ['ok 1'], 'it sends the word back, and not the number')
      },
    },
    {
      title: 'answers each of several requests that come in one segment',
      async run(check) {
        const probe = await check.connect()
        await ask(
          probe,
          ['add 1 2', 'sub 1 2', 'mul 1 2'],
          ['ok 3', 'ok -1', 'ok 2'],
          'one data event is taken for one request; a chunk may hold many of them',
        )
      },
    },
    {
      title: 'reassembles a request that is cut in two, wherever the cut is',
      async run(check) {
        const request = 'add 12 34\n'
        for (let cut = 1; cut < request.length; cut++) {
          const probe = await check.connect()
          // The first answer tells that the start of the second request has been read too.
          probe.send(`add 1 1\n${request.slice(0, cut)}`)
          await expectAnswers(
            probe,
            ['ok 2'],
            'the start of another request came along, and must wait',
          )
          probe.send(request.slice(cut))
          await expectAnswers(
            probe,
            ['ok 46'],
            'what is left of a chunk behind its last LF must be kept for the next one',
          )
        }
      },
    },
    {
      title: 'answers a bad request with the error that fits, and keeps the connection',
      async run(check) {
        for (const [request, error, likelyCause] of BAD) {
          const probe = await check.connect()
          await ask(probe, [request], [`error ${error}`], likelyCause)
          await ask(
            probe,
            ['add 1 2'],
            ['ok 3'],
            'an error in one line does not end the connection',
          )
        }
      },
    },
    {
      title: 'answers a line of more than 100 bytes once, with an error, and keeps the connection',
      async run(check) {
        const longest = `add ${'1'.repeat(94)} 2`
        const probe = await check.connect()
        await ask(probe, [longest], ['error not a number'], 'a line of 100 bytes is not too long')
        const other = await check.connect()
        await ask(other, [`${longest}3`], ['error too long'], '101 bytes are too long')
        await ask(
          await check.connect(),
          ['x'.repeat(1_000_000), 'add 1 2'],
          ['error too long', 'ok 3'],
          'a long line comes in many chunks: one answer for all of them, when its LF has come',
        )
        const last = await check.connect()
        last.send(`add 1 2\n${'x'.repeat(1000)}`)
        last.sendFin()
        await expectAnswers(last, ['ok 3'])
        await last.expectEnd({
          causeOfExcess: 'bytes behind the last LF are no request, however many they are',
          likelyCause: 'with allowHalfOpen you end each connection yourself',
        })
      },
    },
    {
      title: 'answers in the order of the requests, even when one takes time',
      async run(check) {
        const requests = ['wait 100', 'add 1 2', 'wait 0', 'div 1 0']
        const likelyCause =
          'whoever is done first answers first: the next request must wait its turn'
        const startMs = performance.now()
        await ask(
          await check.connect(),
          requests,
          ['ok 100', 'ok 3', 'ok 0', 'error division by zero'],
          likelyCause,
        )
        if (performance.now() - startMs < 90) {
          check.fail({ what: 'the answer to `wait 100` came before 100 ms were over' })
        }
        // A machine that is busy may be late with the second chunk: then again, with more time.
        for (const waitMs of [700, 1500, 3000]) {
          const probe = await check.connect()
          const sentMs = performance.now()
          // The answer to `add` tells that `wait` has been read as well.
          probe.send(`add 1 1\nwait ${waitMs}\n`)
          await expectAnswers(probe, ['ok 2'], likelyCause)
          probe.send('add 2 2\n')
          const inTime = performance.now() - sentMs < waitMs / 2
          await expectAnswers(
            probe,
            [`ok ${waitMs}`, 'ok 4'],
            'an async function for `data` is called for the next chunk while it waits in this one',
          )
          if (inTime) break
        }
      },
    },
    {
      title: 'makes no client wait for another',
      async run(check) {
        const [ann, ben] = [await check.connect(), await check.connect()]
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
      async run(check) {
        const probe = await check.connect()
        await ask(probe, ['add 1 2', 'quit', 'add 3 4'], ['ok 3', 'bye'])
        await probe.expectEnd({
          causeOfExcess:
            'more requests have come with `quit`: the loop over them must end there too',
          likelyCause: '`quit` asks for the end of the connection: end()',
        })
        await servesBesideLingeringClients(check, DIALOGUE, 'quit\n')
        const reset =
          'a connection that is closed with unread bytes is reset, and answers are lost: read on, up to the client’s FIN'
        const late = await check.connect({ reading: false })
        late.send(`${'mul 999999999 9\n'.repeat(1000)}quit\n${'x'.repeat(BEHIND_QUIT)}\n`)
        await waitUntilRead(late, 1000)
        late.startReading()
        const expected = `${'ok 8999999991\n'.repeat(1000)}bye\n`
        await late.expect(expected, { bulk: true, likelyCause: reset })
        await late.expectEnd({ bulk: true, likelyCause: reset })
      },
    },
    {
      title: 'answers everything that came before the client’s FIN, and then ends too',
      async run(check) {
        const probe = await check.connect()
        probe.send('wait 300\nadd 1 2\nadd 9 9')
        probe.sendFin()
        await expectAnswers(
          probe,
          ['ok 300', 'ok 3'],
          'the client’s FIN comes while answers are still to be given: end() belongs behind them',
        )
        await probe.expectEnd({
          likelyCause: 'with allowHalfOpen you end each connection yourself',
          causeOfExcess: 'what stands behind the last LF is not a request',
        })
      },
    },
    {
      title: 'survives clients that reset while they wait',
      async run(check) {
        await survivesResets(
          check,
          async () => {
            for (let n = 0; n < 5; n++) {
              const probe = await check.connect()
              await ask(probe, ['add 1 1', 'wait 100'], ['ok 2'])
              probe.reset()
            }
            const probe = await check.connect()
            await ask(probe, ['wait 300', 'add 1 2'], ['ok 300', 'ok 3'])
          },
          'one reset ends the whole server: a socket without an error listener, or an async function that nobody catches',
        )
      },
    },
    {
      title: 'compares words and numbers byte by byte',
      async run(check) {
        for (const [before, after] of PLACES) {
          const probe = await check.connect()
          const bytes = Array.from({ length: 256 }, (_, byte) => byte).filter(byte => byte !== LF)
          const requests = bytes.map(byte => `${before}${String.fromCharCode(byte)}${after}`)
          probe.send(Buffer.from(requests.map(request => `${request}\n`).join(''), 'latin1'))
          for (const [n, request] of requests.entries()) {
            const hex = bytes[n]!.toString(16).padStart(2, '0')
            const likelyCause = `in ${JSON.stringify(`${before}…${after}`)} the byte ${hex} is taken for another one, for a space, or for nothing`
            await expectAnswers(probe, [rightAnswer(request)], likelyCause)
          }
        }
        const probe = await check.connect()
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
          await ask(probe, [`add ${word} 1`], ['error not a number'], LENIENT)
        }
        for (const word of ['ａｄｄ', 'add\ufeff', '\ufeffadd', 'Add', 'add\u0301', 'toString']) {
          await ask(
            probe,
            [`${word} 1 1`],
            ['error unknown command'],
            'a command is three or four lower-case letters',
          )
        }
      },
    },
    {
      title: 'counts the words before it parses them, and calculates with any numbers',
      async run(check) {
        const probe = await check.connect()
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
            probe,
            [request],
            [rightAnswer(request)],
            'the first error of the list that fits is the answer',
          )
        }
        const requests = Array.from({ length: 500 }, () => {
          const number = () =>
            check.random.between(-1, 1) * check.random.below(10 ** check.random.between(1, 9))
          return `${check.random.of(['add', 'sub', 'mul', 'div'])} ${number()} ${number()}`
        })
        probe.send(requests.map(request => `${request}\n`).join(''))
        for (const request of requests) {
          await expectAnswers(probe, [rightAnswer(request)], `wrong result of \`${request}\``)
        }
      },
    },
    {
      title: 'enforces the limit whichever byte exceeds it, and keeps no line that is too long',
      async run(check) {
        const likelyCause = 'a line of more than 100 bytes gets one answer, wherever it is cut'
        const probe = await check.connect()
        // The answer to `add` tells that the start of the long line has been read as well.
        probe.send(`add 1 1\n${'x'.repeat(60)}`)
        await expectAnswers(probe, ['ok 2'])
        probe.send(`${'x'.repeat(41)}\nadd 1 2\n`)
        await expectAnswers(probe, ['error too long', 'ok 3'], likelyCause)
        for (const fill of ['\r', ' ', '\0', 'é']) {
          const full = fill.repeat(100 / Buffer.byteLength(fill))
          await ask(probe, [full], ['error unknown command'], 'a line of 100 bytes is not too long')
          await ask(
            probe,
            [`${full}\r`],
            ['error too long'],
            'the limit is in bytes, and a CR is one',
          )
        }
        await keepsMemoryBounded(check, probe, 'x')
        probe.send('\nadd 1 2\n')
        const late = { likelyCause, endByte: LF }
        await probe.expect('error too long\nok 3\n', late)
      },
    },
    {
      title: 'starts no request until the previous one is done',
      async run(check) {
        const probe = await check.connect()
        const watch = check.stopwatch()
        probe.send('wait 400\nwait 400\nwait 0400\n')
        await expectAnswers(probe, ['ok 400', 'ok 400', 'ok 400'])
        watch.atLeast(1200, 800, {
          what: 'three times `wait 400` took less than 1200 ms together',
          likelyCause:
            'requests are started as they arrive, and only their answers wait for each other',
        })
        await shortWaits(check)
      },
    },
    crowdStep(DIALOGUE),
    slowReaderStep(SHORT_DIALOGUE, 28),
    {
      title: 'answers a great many empty lines that come at once',
      async run(check) {
        const probe = await check.connect()
        probe.send('\n'.repeat(MANY))
        await probe.expect('error unknown command\n'.repeat(MANY), {
          bulk: true,
          likelyCause:
            'a client may send any number of requests: set no limit on their number, and read them in a loop, because nested calls overflow the stack',
        })
        const other = await check.connect()
        await ask(other, ['add 1 2'], ['ok 3'])
      },
    },
    {
      title: 'lets many clients wait at the same time',
      alongside: true,
      run: crowdWaits,
    },
    {
      title: 'keeps nothing of a line that is too long while a request waits',
      alongside: true,
      run: longLineDuringWait,
    },
    silenceStep(DIALOGUE, waitAndSleep),
  ],
})
