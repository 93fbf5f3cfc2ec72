import { COMMANDS } from '#lib/workshop/commands.ts'
import { comeAndGo, connectCrowd } from '#lib/workshop/crowd.ts'
import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import { staySilent } from '#lib/workshop/silence.ts'
import { resetBeforeAccept, survivesResets } from '#lib/workshop/survives-resets.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'
import { hears, join, MAX_LINE_BYTES } from './members.ts'
import { dropsSlowReaders, neverMixes } from './slow-members.ts'

/** So many short lines come at once: together they are fewer bytes than may wait for a member. */
const LINES = 20_000

/** Bytes in lines that some programs strip, or treat as the end of a line. */
const ODD_LINES = [
  ' \tmind the gap \t\r\n',
  '\ufeffbyte order mark\n',
  'in the \ufeffmiddle\ufeff\n',
  '\0NUL\0\n',
  '\r\rCR\rCR\n',
  '\u2028LS\u2029PS\u0085NEL\u2028\n',
  '\vVT\fFF\x1c\x1d\x1e\x1f\n',
  '\x1b[31mred\x07\x08\x7f\n',
  'e\u0301 \u00e9 \u212b \u1112\u1161\u11ab \ufb01 \u0130 \uff21\n',
  '\u200b\u00a0\u3000\u00ad\n',
  '\n',
  ' \n',
  'quit\n',
  '/quit\n',
  'welcome\n',
  'a "b" \\n <c> & %20 {0}\n',
]

/** They are UTF-8, and have one newline each, at the end. */
const commandLines = COMMANDS.map(bytes => Buffer.from(bytes).toString())
  .filter(text => !text.includes('\ufffd'))
  .map(text => `${text.replaceAll('\n', '')}\n`)

export default exercise({
  id: 'chat-room',
  title: 'A chat room',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. A client that connects
is a member from then on, and is told so with the line welcome, sent at once. What members send are lines of UTF-8, each
ended by a newline (0x0a). The server sends each line, with its newline, to all other members, and not to the one who
said it. It sends a line when it has all of it, so that lines never mix, and as it came, to the byte: spaces, tabs and
CR (0x0d) at its ends are a part of it. A line has at most 8192 bytes, not characters, before the newline; the server
drops a member who sends more, with a newline behind it or without, and nobody gets that line. When a member sends its
FIN, it has left: the server ends the connection too, and a last line without a newline is lost. A member who resets its
connection has left as well. A member who does not read must not hold up the others: the server goes on reading and
sending, keeps a little for that member beside what the kernel takes (1 MiB is plenty), and then drops it: it has done
so before 20 MiB wait. To drop is to close the connection, in whichever way. Only 0x0a ends a line, no other byte or
character means anything, and there is no command. A member may be silent for as long as it likes, also in the middle of
a line, and there may be any number of members and of lines. The lines that come before one that is too long are lines like
any other.`,
  section: 'chapters/02-tcp-echo/README.md#one-to-many-a-chat',
  hints: [
    'Keep the members in a Set. For each of them keep what has come behind the last newline: the beginning of a line.',
    'A piece of data may end inside a line, and inside a character. Cut at newlines first; or let setEncoding("utf8") join the characters.',
    'Do not wait for the slowest, and do not queue for it without end: look at writableLength after each write.',
  ],
  steps: [
    {
      title: 'welcomes each member, and passes a line on to all others',
      async run(check) {
        const [ann, ben, cat] = [await join(check), await join(check), await join(check)]
        ann.send('hello, all\n')
        await hears(check, ben, 'hello, all\n', 'what one member says goes to all others')
        await hears(check, cat, 'hello, all\n', 'what one member says goes to all others')
        ben.send('hello, Ann\n')
        // The next that Ann hears is Ben: not her own line.
        await hears(check, ann, 'hello, Ann\n', 'a line does not go back to the one who said it')
        await hears(check, cat, 'hello, Ann\n')
      },
    },
    {
      title: 'passes on whole lines, however they arrive',
      async run(check) {
        const [ann, ben, cat] = [await join(check), await join(check), await join(check)]
        ann.send('one\ntwo\n\nfour\n')
        for (const line of ['one\n', 'two\n', '\n', 'four\n']) {
          for (const other of [ben, cat]) {
            await hears(check, other, line, 'a piece of data may hold many lines, also empty ones')
          }
        }
        // Half a line of Ann's, a line of Ben's, the other half: Ben's comes first.
        ann.send('I wanted to')
        ben.send('what?\n')
        for (const other of [cat, ann]) {
          await hears(
            check,
            other,
            'what?\n',
            'a line counts when its newline has come; what has begun is kept, for each member apart',
          )
        }
        await ann.sendPieces(check.random.cut(Buffer.from(' say\nthat\n'), 1))
        for (const line of ['I wanted to say\n', 'that\n']) {
          for (const other of [ben, cat]) {
            await hears(
              check,
              other,
              line,
              'the beginning of a line must be kept until the rest comes',
            )
          }
        }
        for (const odd of [...ODD_LINES, ...commandLines]) {
          cat.send(odd)
          for (const other of [ann, ben]) {
            await hears(
              check,
              other,
              odd,
              'pass a line on byte for byte: only 0x0a ends it, and nothing is removed or replaced',
            )
          }
        }
      },
    },
    {
      title: 'joins characters whose bytes arrive separately',
      async run(check) {
        const [ann, ben, cat] = [await join(check), await join(check), await join(check)]
        const said = Buffer.from('Grüße, Zoë! 日本語 👋🏽\n')
        for (const piece of check.random.cut(said, 3)) {
          ann.send(piece)
          if (piece.at(-1) === 0x0a) break
          // When Ann has heard Ben twice, the server has read her piece, and it alone: what is ready at
          // the same time may be read in any order, but not twice before it.
          for (const word of ['yes?\n', 'go on\n']) {
            ben.send(word)
            for (const other of [ann, cat]) await hears(check, other, word)
          }
        }
        const likelyCause =
          'each piece was made into text alone: a character in two pieces becomes U+FFFD, ef bf bd'
        for (const other of [ben, cat]) await hears(check, other, said, likelyCause)
      },
    },
    {
      title: 'answers the FIN of a member who leaves, and drops an unfinished line',
      async run(check) {
        const [ann, ben, cat] = [await join(check), await join(check), await join(check)]
        ann.send('good bye\nand')
        ann.sendFin()
        await hears(check, ben, 'good bye\n')
        await ann.expectEnd({ likelyCause: 'nobody calls end() when the member has ended' })
        ben.send('she has left\n')
        await hears(check, cat, 'good bye\n')
        await hears(check, cat, 'she has left\n', 'what has no newline at its end is no line')
        cat.send('yes\n')
        await hears(check, ben, 'yes\n', 'what has no newline at its end is no line')
      },
    },
    {
      title: 'survives members that reset',
      run: goesOn,
    },
    {
      title: 'has room for many members at once',
      run: hasRoom,
    },
    {
      title: 'never mixes the lines of two speakers, even for a member who reads late',
      run: neverMixes,
    },
    {
      title: 'drops a member whose line runs past 8192 bytes, and only that line',
      run: dropsTheLong,
    },
    {
      title: 'passes on any number of lines that come at once',
      run: passesMany,
    },
    {
      title: 'drops members who do not read, without holding up the others',
      run: dropsSlowReaders,
    },
    {
      title: 'keeps silent members, and lets the others talk meanwhile',
      alongside: true,
      run: keepsTheSilent,
    },
  ],
})

async function dropsTheLong(check: CheckContext): Promise<void> {
  const [ann, ben, cat] = [await join(check), await join(check), await join(check)]
  const longest = `${check.random.word(MAX_LINE_BYTES)}\n`
  const allowed = 'a line of 8192 bytes is not too long, whatever comes with it'
  // Several of them at once, and behind them the beginning of one more.
  ann.send(longest.repeat(3) + longest.slice(0, -1))
  for (let n = 0; n < 3; n++) await hears(check, ben, longest, allowed)
  ann.send('\n')
  await hears(check, ben, longest, allowed)
  // Two bytes each: so many bytes are half as many characters.
  const widest = `${'é'.repeat(MAX_LINE_BYTES / 2)}\n`
  ann.send(widest)
  await hears(check, ben, widest, allowed)
  for (let n = 0; n < 4; n++) await hears(check, cat, longest)
  await hears(check, cat, widest)
  const counted = 'characters are counted, and the limit is in bytes: this line has 8194'
  const unended = 'a line is kept until its newline comes, without a limit: so is your memory'
  const ended = 'the limit is looked at only where no newline has come'
  const tooLong = [
    { line: 'x'.repeat(MAX_LINE_BYTES + 1), likelyCause: unended },
    { line: `${'y'.repeat(MAX_LINE_BYTES + 1)}\n`, likelyCause: ended },
    { line: `${check.random.word(check.random.between(8200, 12_000))}\n`, likelyCause: ended },
    { line: `${check.random.word(1000).repeat(300)}\nbehind it\n`, likelyCause: ended },
    { line: `é${widest}`, likelyCause: counted },
  ]
  for (const { line, likelyCause } of tooLong) {
    const dan = await join(check)
    // With it, and in the same piece, come lines that are not too long.
    const before = check.random.of(['', `${check.random.word(20)}\n`, '\n'])
    const known = 'nobody had a line yet'
    dan.send(`${known}\n${before}${line}`)
    for (const other of [ben, cat]) {
      for (const text of [`${known}\n`, before]) {
        const lost = 'the lines before one that is too long are lines like any other'
        if (text !== '') await hears(check, other, text, lost)
      }
    }
    await dan.expectClosed({ bulk: true, likelyCause })
    ann.send('where is Dan?\n')
    for (const other of [ben, cat]) {
      await hears(
        check,
        other,
        'where is Dan?\n',
        'nobody gets a line that is too long, nor what is behind it',
      )
    }
  }
}

async function passesMany(check: CheckContext): Promise<void> {
  const [ann, ben, cat] = [await join(check), await join(check), await join(check)]
  for (const letters of [1, check.random.between(2, 40)]) {
    const lines = Array.from(
      { length: LINES },
      (_, n) => `${check.random.word(letters)}${n % 10}\n`,
    )
    const all = Buffer.from(lines.join(''))
    ann.socket.write(all)
    const likelyCause =
      'a member who reads all the time is dropped, or misses lines: it is bytes that wait, not lines'
    for (const other of [ben, cat]) await other.expect(all, { bulk: true, likelyCause })
  }
}

async function goesOn(check: CheckContext): Promise<void> {
  const [ben, cat] = [await join(check), await join(check)]
  const others = [await join(check), await join(check), await join(check)]
  for (const probe of others) probe.reset()
  await survivesResets(check, async () => {
    await resetBeforeAccept(check)
    // Each answer comes after the one before: the last of them after the resets.
    for (let n = 0; n < 4; n++) {
      ben.send('still here\n')
      await hears(check, cat, 'still here\n')
      cat.send('me too\n')
      await hears(check, ben, 'me too\n')
    }
    await join(check)
    const likelyCause =
      'half a line of a member who has left was put before the line of the next one'
    const parted = async (gone: TcpProbe) => {
      gone.send('half a li')
      // Two lines of others say that the server has had its turn here, too.
      for (const [speaker, other] of [[ben, cat] as const, [cat, ben] as const]) {
        speaker.send('go on\n')
        await hears(check, other, 'go on\n', likelyCause)
      }
    }
    for (let n = 0; n < 5; n++) {
      const gone = await join(check)
      await parted(gone)
      gone.reset()
      const next = await join(check)
      next.send('ne\n')
      for (const other of [ben, cat]) await hears(check, other, 'ne\n', likelyCause)
    }
    await comeAndGo(
      check,
      gone => gone.send('half a li'),
      async () => {
        const next = await join(check)
        next.send('ne\n')
        for (const other of [ben, cat]) await hears(check, other, 'ne\n', likelyCause)
        next.close()
      },
    )
  })
}

async function hasRoom(check: CheckContext): Promise<void> {
  const members: TcpProbe[] = []
  await connectCrowd(check, async probe => {
    // All of a group are members when the last of them is.
    await probe.expect('welcome\n', {
      likelyCause: 'send `welcome` as soon as a client connects, however many others there are',
    })
    members.push(probe)
  })
  const [first, last] = [members[0]!, members.at(-1)!]
  for (const speaker of [first, last]) {
    speaker.send('hello, all\n')
    for (const member of members) {
      if (member !== speaker)
        await hears(check, member, 'hello, all\n', 'it has forgotten a member')
    }
  }
}

async function keepsTheSilent(check: CheckContext): Promise<void> {
  const [ann, ben] = [await join(check), await join(check)]
  const [dumb, spoken, within] = [await join(check), await join(check), await join(check)]
  const silent = [dumb, spoken, within]
  spoken.send('hello\n')
  for (const other of [ann, ben, dumb, within]) await hears(check, other, 'hello\n')
  within.send(Buffer.from('Gr\u00fc').subarray(0, 3))
  const says = (probe: TcpProbe, line: string) => async () => {
    probe.send(line)
    for (const other of [ann, ben, ...silent]) {
      if (other !== probe) await hears(check, other, line)
    }
  }
  const clients = [
    { where: 'since its welcome', probe: dumb, goOn: says(dumb, 'at last\n') },
    { where: 'behind a line', probe: spoken, goOn: says(spoken, 'me too\n') },
    {
      where: 'in the middle of a character',
      probe: within,
      async goOn() {
        const line = 'Gr\u00fc\u00dfe\n'
        within.send(Buffer.from(line).subarray(3))
        for (const other of [ann, ben, dumb, spoken]) await hears(check, other, line)
      },
    },
  ]
  const [annSays, benSays] = [says(ann, 'still here\n'), says(ben, 'me too\n')]
  await staySilent(check, clients, async () => {
    for (let n = 0; n < 10; n++) {
      await annSays()
      await benSays()
    }
  })
  await join(check)
}
