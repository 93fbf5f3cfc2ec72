import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import { servesBesideLingeringClients } from '#lib/workshop/lingering-clients.ts'
import {
  crowdStep,
  exactDialogue,
  leaveAnswersUnread,
  silenceStep,
  slowReaderStep,
} from '#lib/workshop/many-clients.ts'
import { survivesResets } from '#lib/workshop/survives-resets.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'

const LIMIT = 1024
/** One chunk holds more lines than a stack holds calls, and than 16 bits count. */
const MANY = 140_000
const LF = 0x0a

const answer = (line: string) => {
  const characters = [...line]
  return `${characters.length} ${characters.reverse().join('')}\n`
}

/** Waits for the answers to these lines. */
const answers = (probe: TcpProbe, lines: readonly string[], likelyCause?: string) =>
  probe.expect(lines.map(answer).join(''), { likelyCause, endByte: LF })

const lineOf = (n: number) => `${n} żółw 😀`
const DIALOGUE = exactDialogue(
  n => Buffer.from(`${lineOf(n)}\r\n`),
  n => Buffer.from(answer(lineOf(n))),
)
const longLine = (n: number) => `${n}`.padEnd(LIMIT, 'abc ')
const LONG_DIALOGUE = exactDialogue(
  n => Buffer.from(`${longLine(n)}\n`),
  n => Buffer.from(answer(longLine(n))),
)

/** Characters that some function takes for a space, for nothing, or for the end of a line. */
const ODD = [
  ...Array.from({ length: 0x20 }, (_, code) => code).filter(code => code !== LF),
  ...[0x20, 0x22, 0x25, 0x27, 0x5c, 0x7f, 0x80, 0x85, 0xa0, 0xad, 0x300, 0x034f, 0x061c, 0x0130],
  ...[0x1680, 0x180e, 0x2000, 0x200a, 0x200b, 0x200d, 0x200e, 0x2028, 0x2029, 0x202e, 0x202f],
  ...[0x205f, 0x2060, 0x3000, 0xd7ff, 0xe000, 0xfe0f, 0xfeff, 0xfffd, 0xffff, 0x10000, 0x1f1e9],
  // Where the number of bytes changes, or the first of them.
  ...[0x7ff, 0x800, 0xfff, 0x1000, 0xd000, 0x3ffff, 0x40000, 0xfffff, 0x100000],
  ...[0xe0001, 0x10ffff],
]

/** As many with two, three and four bytes. */
function anyCharacter({ random }: CheckContext): string {
  const [least, most] = random.of([
    [0x80, 0x7ff],
    [0x800, 0xd7ff],
    [0xe000, 0xffff],
    [0x10000, 0x10ffff],
  ])
  return String.fromCodePoint(random.between(least!, most!))
}

const BYTES = 'bytes were counted, or turned round, where characters should be'

/** Lines of characters that somebody counts in another way. */
const CHARACTERS: readonly [line: string, likelyCause: string][] = [
  ['żółw', BYTES],
  ['日本語', BYTES],
  [
    'a😀b',
    'a string counts UTF-16 units, of which this character has two: [...line] counts characters',
  ],
  [
    '👩\u200d👩\u200d👧',
    'what looks like one character may be several code points; those are counted, and turned round',
  ],
  ['e\u0301', 'normalize() makes one code point of two; text is sent back as it came'],
  [
    '\ufeffa',
    'TextDecoder takes U+FEFF at the start for a mark of the encoding and drops it: ignoreBOM keeps it',
  ],
]

export default exercise({
  id: 'line-protocol',
  title: 'Lines of text, cut anywhere',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. Both directions carry lines of
UTF-8 text. A line of a client ends with LF (byte 0a); one CR (0d) right before that LF belongs to the end of the line
too, and not to its text. Everything else is text: a CR in another place, tabs, U+2028, spaces at either end. The
server answers each line, in order and as soon as its LF has come, with a line of its own: the number of characters in
decimal, one space, the characters in reverse order, LF. A character is a Unicode code point, as it came: U+1F600 counts
1, "e" and U+0301 count 2, and U+FEFF counts 1 wherever it stands. An empty line is answered with "0", a space and LF.
Clients send valid UTF-8 only, cut anywhere. A line has at most 1024 bytes, its end not counted; a longer one gets no
answer, but ends the connection, also when its end has not come yet: 1026 bytes without LF are enough. The answers to the
lines before it still reach the client; nothing behind it is answered. The end may be a FIN or a reset. After the client's FIN the server sends the
remaining answers, however slowly the client reads, and ends the connection; what stands behind the last LF is not a line,
and gets no answer.
A client may be silent for as long as it likes, also in the middle of a line, and may send any number of lines. The server
serves at least 200 clients at once; none of them waits because another one is silent, stops in the middle of a line, or
does not read its answers.`,
  section: 'chapters/04-sticky-packets/README.md#lines',
  hints: [
    'Keep the bytes that have come, and look for the byte 0a in them: Buffer.indexOf. What stands before it is a line, what stands behind it is kept.',
    'First the line, then the text: make a string only of a whole line. No byte of a longer character looks like LF.',
    '[...text] gives the characters of a string, text.length counts something else. And the limit is in bytes: look at it before there is any string, and also while no LF has come.',
  ],
  steps: [
    {
      title: 'answers a line with its number of characters, and the line in reverse',
      async run(check) {
        const probe = await check.connect()
        probe.send('hello\n')
        await answers(probe, ['hello'], 'an answer is a number, one space, the line in reverse, LF')
        probe.send(' a  b\t\n')
        await answers(probe, [' a  b\t'], '`trim()` takes more than the end of a line')
      },
    },
    {
      title: 'answers each of several lines that come in one segment, even an empty one',
      async run(check) {
        const probe = await check.connect()
        probe.send('one\n\ntwo three\n')
        await answers(
          probe,
          ['one', '', 'two three'],
          'one data event is taken for one line; a chunk may hold many of them',
        )
      },
    },
    {
      title: 'accepts CRLF as the end of a line, as well as LF',
      async run(check) {
        const probe = await check.connect()
        probe.send('one\r\ntwo\n\r\n')
        await answers(probe, ['one', 'two', ''], 'the CR before LF is taken for a part of the line')
      },
    },
    {
      title: 'counts characters, not bytes or halves of characters',
      async run(check) {
        for (const [line, likelyCause] of CHARACTERS) {
          // Each on a connection of its own: some functions look for U+FEFF only where text begins.
          const probe = await check.connect()
          probe.send(`${line}\n`)
          await answers(probe, [line], likelyCause)
        }
      },
    },
    {
      title: 'breaks lines at nothing but LF and CRLF',
      async run(check) {
        const lines = ['a\rb\r', 'a\u2028b\u2029c', 'a\u0085b', 'a\vb\fc\0d']
        for (const line of lines) {
          const probe = await check.connect()
          probe.send(`${line}\r\n`)
          await answers(
            probe,
            [line],
            'a function for lines has its own opinion of what ends one: readline, splitlines()',
          )
        }
      },
    },
    {
      title: 'reassembles a line that is cut in two, wherever the cut is',
      async run(check) {
        for (const line of ['drawer', 'ż語😀']) {
          const whole = Buffer.from(`${line}\r\n`)
          for (let cut = 1; cut < whole.length; cut++) {
            const probe = await check.connect()
            // The first answer tells that the start of the second line has been read too.
            probe.send(Buffer.concat([Buffer.from('ab\n'), whole.subarray(0, cut)]))
            await answers(probe, ['ab'], 'the start of another line came along, and must wait')
            probe.send(whole.subarray(cut))
            await answers(
              probe,
              [line],
              line === 'drawer'
                ? 'what is left of a chunk behind its last LF must be kept for the next one'
                : 'a chunk is made into text by itself: half a character becomes U+FFFD, for ever',
            )
          }
        }
      },
    },
    {
      title: 'keeps two clients apart when both are inside a line',
      async run(check) {
        const [ann, ben] = [await check.connect(), await check.connect()]
        const likelyCause = 'both clients share what has been kept: each connection needs its own'
        ann.send('me\npup')
        await answers(ann, ['me'], likelyCause)
        ben.send('me\nrew')
        await answers(ben, ['me'], likelyCause)
        ann.send('ils\n')
        await answers(ann, ['pupils'], likelyCause)
        ben.send('ard\n')
        await answers(ben, ['reward'], likelyCause)
        const whole = Buffer.from('語😀\n')
        const shared = 'half a character of one client was put together with bytes of another one'
        for (const cut of [1, 2, 4, 5, 6]) {
          ann.send(Buffer.concat([Buffer.from('me\n'), whole.subarray(0, cut)]))
          await answers(ann, ['me'], shared)
          ben.send(Buffer.concat([Buffer.from('ab\n'), whole.subarray(0, 7 - cut)]))
          await answers(ben, ['ab'], shared)
          for (const [probe, from] of [
            [ben, 7 - cut],
            [ann, cut],
          ] as const) {
            probe.send(whole.subarray(from))
            await answers(probe, ['語😀'], shared)
          }
        }
      },
    },
    {
      title: 'answers 2000 lines of any characters, cut at random',
      async run(check) {
        const probe = await check.connect()
        const common = [...'abc xyz\t\réżß語本😀🎈\u2028']
        const alphabet = [...common, ...Array.from({ length: 40 }, () => anyCharacter(check))]
        const lines = Array.from({ length: 2000 }, () =>
          Array.from({ length: check.random.below(60) }, () => check.random.of(alphabet)).join(''),
        )
        const ends = lines.map(line =>
          line.endsWith('\r') || check.random.below(2) ? '\r\n' : '\n',
        )
        const bytes = Buffer.from(lines.map((line, n) => line + ends[n]).join(''))
        await probe.sendPieces(check.random.cut(bytes, 300))
        await probe.expect(lines.map(answer).join(''), { bulk: true })
      },
    },
    {
      title: 'accepts a line of 1024 bytes, and ends the connection at one of 1025',
      async run(check) {
        const probe = await check.connect()
        const longest = 'é'.repeat(LIMIT / 2)
        // The end of a line does not count, nor does the CR that comes alone at first.
        probe.send(`${longest}\nab\n${longest}\r`)
        await answers(
          probe,
          [longest, 'ab'],
          '1024 bytes are allowed: only more ends the connection',
        )
        probe.send('\n')
        await answers(probe, [longest], 'a CR was counted that belongs to the end of the line')
        const likelyCause = 'the limit is in bytes: a line of 513 characters may have 1025 of them'
        const other = await check.connect()
        other.send(`${longest}a\n`)
        await other.expectClosed({ likelyCause })
        if (other.unreadBytes > 0)
          check.fail({ what: 'it answered a line of 1025 bytes', likelyCause })
      },
    },
    {
      title: 'does not wait for the end of a line that is already too long',
      async run(check) {
        const probe = await check.connect()
        probe.send('level\n')
        await answers(probe, ['level'])
        probe.send('x'.repeat(LIMIT + 2))
        await probe.expectClosed({
          likelyCause: 'the limit is looked at only when LF has come: until then the memory fills',
        })
      },
    },
    {
      title: 'answers all whole lines after the client’s FIN, and then ends too',
      async run(check) {
        const probe = await check.connect()
        probe.send('live\non\r\nnever complete')
        probe.sendFin()
        await answers(probe, ['live', 'on'])
        await probe.expectEnd({
          likelyCause: 'with allowHalfOpen you end each connection yourself',
          causeOfExcess: 'what stands behind the last LF is not a line: the rest of it may be lost',
        })
      },
    },
    {
      title: 'survives clients that reset inside a line',
      async run(check) {
        await survivesResets(check, async () => {
          for (let n = 0; n < 5; n++) {
            const probe = await check.connect()
            probe.send(`${check.random.word(500)}\n${check.random.word(500)}`)
            probe.reset()
          }
          const probe = await check.connect()
          probe.send('still there?\n')
          await answers(probe, ['still there?'])
        })
      },
    },
    {
      title: 'sends every character back, wherever it is in a line',
      async run(check) {
        const probe = await check.connect()
        for (const code of ODD) {
          const odd = String.fromCodePoint(code)
          const name = `U+${code.toString(16).toUpperCase().padStart(4, '0')}`
          const lines = [odd, `${odd}a`, `a${odd}b`, `a${odd}`, `${odd}${odd}a${odd}${odd}`]
          // CRLF, so that a CR at the end of the text is one of two.
          probe.send(lines.map(line => `${line}\r\n`).join(''))
          const likelyCause = `${name} is a character like any other, at either end too`
          await answers(probe, lines, likelyCause)
        }
      },
    },
    {
      title: 'ends the connection at a line that is too long, and sends the answers before it',
      async run(check) {
        const full = 'x'.repeat(LIMIT)
        const fits = ['😀'.repeat(LIMIT / 4), full, `${full.slice(1)}\r`, `${full.slice(3)}\ufeff`]
        const probe = await check.connect()
        probe.send(fits.map(line => `${line}\r\n`).join(''))
        await answers(probe, fits, '1024 bytes are allowed, whatever they are')
        const likelyCause =
          'the answers before the line that is too long are lost, or are not sent first'
        const long = [`${full}x\n`, `${full}x\r\n`, `${full}\r\r\n`, `${full}\rx`, `${full}é\n`]
        for (const line of long) {
          const other = await check.connect()
          other.send(`live\non\r\n${line}`)
          await answers(other, ['live', 'on'], likelyCause)
          await other.expectClosed({
            likelyCause: 'a line of more than 1024 bytes ends the connection',
          })
          if (other.unreadBytes > 0)
            check.fail({ what: 'it answered a line of more than 1024 bytes' })
        }
        await servesBesideLingeringClients(check, DIALOGUE, `${full}x\n`)
        const last = await check.connect()
        last.send(`live\n${full}x\non\n`)
        await answers(last, ['live'], likelyCause)
        await last.expectClosed()
        if (last.unreadBytes > 0)
          check.fail({ what: 'it answered a line behind one that is too long' })
      },
    },
    crowdStep(DIALOGUE),
    slowReaderStep(LONG_DIALOGUE, LIMIT + 6),
    {
      title: 'answers a great many empty lines that come at once',
      async run(check) {
        const probe = await check.connect()
        probe.send('\n'.repeat(MANY))
        await probe.expect(answer('').repeat(MANY), {
          bulk: true,
          likelyCause:
            'a client may send any number of lines: set no limit on their number, and read them in a loop, because nested calls overflow the stack',
        })
        const other = await check.connect()
        other.send('still there?\n')
        await answers(other, ['still there?'])
      },
    },
    silenceStep(DIALOGUE, leaveAnswersUnread(LONG_DIALOGUE, LIMIT + 6)),
  ],
})
