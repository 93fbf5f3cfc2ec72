import { comeAndGo, gather } from '../../../../lib/workshop/crowd.ts'
import { type Examiner, exercise } from '../../../../lib/workshop/exercise.ts'
import { firstDifference } from '../../../../lib/workshop/failed.ts'
import { staySilent } from '../../../../lib/workshop/silence.ts'
import { survives } from '../../../../lib/workshop/survives.ts'
import type { Talk } from '../../../../lib/workshop/talk.ts'

const MAX_LINE_BYTES = 8192
/** All rounds are 20 MiB: the buffers of the kernels, and 1 MiB of the server, hold far less. */
const ROUND_BYTES = 524_288
const ROUNDS = 40

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
  'e\u0301 \u00e9 \u212b\n',
  '\n',
  ' \n',
  'quit\n',
  '/quit\n',
  'welcome\n',
  'a "b" \\n <c> & %20 {0}\n',
]

/** How long nothing comes until it seems that nothing will, in milliseconds, and how often. */
const STALL_MS = 50
const STALLS = 20

/** How much each of two members says at the same time while a third sleeps. */
const MIXED_BYTES = 6 * 2 ** 20
const MIXED_LINE_BYTES = 4000

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
a line. The check has 200 members at once, and is silent for 12 seconds.`,
  section: 'chapters/02-tcp-echo/README.md#one-to-many-a-chat',
  hints: [
    'Keep the members in a Set. For each of them keep what has come behind the last newline: the beginning of a line.',
    'A piece of data may end inside a line, and inside a character. Cut at newlines first; or let setEncoding("utf8") join the characters.',
    'Do not wait for the slowest, and do not queue for it without end: look at writableLength after each write.',
  ],
  steps: [
    {
      title: 'welcomes each member, and passes a line on to all others',
      async run(at) {
        const [ann, ben, cat] = [await join(at), await join(at), await join(at)]
        ann.send('hello, all\n')
        await hears(at, ben, 'hello, all\n', 'what one member says goes to all others')
        await hears(at, cat, 'hello, all\n', 'what one member says goes to all others')
        ben.send('hello, Ann\n')
        // The next that Ann hears is Ben: not her own line.
        await hears(at, ann, 'hello, Ann\n', 'a line does not go back to the one who said it')
        await hears(at, cat, 'hello, Ann\n')
      },
    },
    {
      title: 'passes on whole lines, however they arrive',
      async run(at) {
        const [ann, ben, cat] = [await join(at), await join(at), await join(at)]
        ann.send('one\ntwo\n\nfour\n')
        for (const line of ['one\n', 'two\n', '\n', 'four\n']) {
          for (const other of [ben, cat]) {
            await hears(at, other, line, 'a piece of data may hold many lines, also empty ones')
          }
        }
        // Half a line of Ann's, a line of Ben's, the other half: Ben's comes first.
        ann.send('I wanted to')
        ben.send('what?\n')
        for (const other of [cat, ann]) {
          await hears(
            at,
            other,
            'what?\n',
            'a line counts when its newline has come; what has begun is kept, for each member apart',
          )
        }
        await ann.sendPieces(at.random.cut(Buffer.from(' say\nthat\n'), 1))
        for (const line of ['I wanted to say\n', 'that\n']) {
          for (const other of [ben, cat]) {
            await hears(
              at,
              other,
              line,
              'the beginning of a line must be kept until the rest comes',
            )
          }
        }
        for (const odd of ODD_LINES) {
          cat.send(odd)
          for (const other of [ann, ben]) {
            await hears(
              at,
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
      async run(at) {
        const [ann, ben, cat] = [await join(at), await join(at), await join(at)]
        const said = Buffer.from('Grüße, Zoë! 日本語 👋🏽\n')
        for (const piece of at.random.cut(said, 3)) {
          ann.send(piece)
          if (piece.at(-1) === 0x0a) break
          // When Ann has heard Ben twice, the server has read her piece, and it alone: what is ready at
          // the same time may be read in any order, but not twice before it.
          for (const word of ['yes?\n', 'go on\n']) {
            ben.send(word)
            for (const other of [ann, cat]) await hears(at, other, word)
          }
        }
        const mistake =
          'each piece was made into text alone: a character in two pieces becomes U+FFFD, ef bf bd'
        for (const other of [ben, cat]) await hears(at, other, said, mistake)
      },
    },
    {
      title: 'answers the FIN of a member who leaves, and drops an unfinished line',
      async run(at) {
        const [ann, ben, cat] = [await join(at), await join(at), await join(at)]
        ann.send('good bye\nand')
        ann.finish()
        await hears(at, ben, 'good bye\n')
        await ann.expectEnd({ mistake: 'nobody calls end() when the member has ended' })
        ben.send('she has left\n')
        await hears(at, cat, 'good bye\n')
        await hears(at, cat, 'she has left\n', 'what has no newline at its end is no line')
        cat.send('yes\n')
        await hears(at, ben, 'yes\n', 'what has no newline at its end is no line')
      },
    },
    {
      title: 'survives members that reset',
      run: goesOn,
    },
    {
      title: 'has room for two hundred members at once',
      run: hasRoom,
    },
    {
      title: 'never mixes the lines of two speakers, even for a member who reads late',
      run: neverMixes,
    },
    {
      title: 'drops a member whose line runs past 8192 bytes',
      async run(at) {
        const [ann, ben] = [await join(at), await join(at)]
        const longest = `${at.random.word(MAX_LINE_BYTES)}\n`
        ann.send(longest)
        await hears(at, ben, longest, 'a line of 8192 bytes is not too long')
        ann.send('x'.repeat(MAX_LINE_BYTES + 1))
        await ann.expectGone({
          bulk: true,
          mistake: 'a line is kept until its newline comes, without a limit: so is your memory',
        })
        const cat = await join(at)
        cat.send('where is Ann?\n')
        await hears(at, ben, 'where is Ann?\n', 'nobody gets a line that is too long')
        // This one has its newline, and comes all at once.
        const dan = await join(at)
        dan.send(`${'y'.repeat(MAX_LINE_BYTES + 1)}\n`)
        await dan.expectGone({
          bulk: true,
          mistake: 'the limit is looked at only where no newline has come',
        })
        cat.send('and Dan?\n')
        await hears(at, ben, 'and Dan?\n', 'nobody gets a line that is too long')
        // Two bytes each: so many bytes are half as many characters.
        const widest = `${'é'.repeat(MAX_LINE_BYTES / 2)}\n`
        cat.send(widest)
        await hears(at, ben, widest, 'a line of 8192 bytes is not too long')
        const eve = await join(at)
        eve.send(`é${widest}`)
        await eve.expectGone({
          bulk: true,
          mistake: 'characters are counted, and the limit is in bytes: this line has 8194',
        })
        cat.send('and Eve?\n')
        await hears(at, ben, 'and Eve?\n', 'nobody gets a line that is too long')
      },
    },
    {
      title: 'drops a member who does not read, without holding up the others',
      run: dropsTheSleeper,
    },
    {
      title: 'keeps silent members for 12 seconds, and lets the others talk meanwhile',
      alongside: true,
      run: keepsTheSilent,
    },
  ],
})

/** A member is one who has been welcomed: from then on, all lines come. */
async function join(at: Examiner): Promise<Talk> {
  const member = await at.connect()
  await member.expect('welcome\n', { mistake: 'a client is told `welcome` as soon as it connects' })
  return member
}

/** The next line that a member gets must be this one. */
async function hears(at: Examiner, member: Talk, line: string | Buffer, mistake?: string) {
  const expected = Buffer.from(line)
  const received = await member.take(
    bytes => (bytes.includes(0x0a) ? bytes.indexOf(0x0a) + 1 : undefined),
    `the line ${JSON.stringify(expected.toString().slice(0, 40))}`,
    { mistake },
  )
  if (received.equals(expected)) return
  at.fail({
    what: 'the line that came is not the one that was expected',
    expected,
    received,
    offset: firstDifference(expected, received),
    ...(mistake !== undefined && { mistake }),
  })
}

async function goesOn(at: Examiner): Promise<void> {
  const [ben, cat] = [await join(at), await join(at)]
  const others = [await join(at), await join(at), await join(at)]
  for (const talk of others) talk.reset()
  await survives(at, async () => {
    // Each answer comes after the one before: the last of them after the resets.
    for (let n = 0; n < 4; n++) {
      ben.send('still here\n')
      await hears(at, cat, 'still here\n')
      cat.send('me too\n')
      await hears(at, ben, 'me too\n')
    }
    await join(at)
    const mistake = 'half a line of a member who has left was put before the line of the next one'
    await comeAndGo(
      at,
      gone => gone.send('half a li'),
      async () => {
        const next = await join(at)
        next.send('ne\n')
        for (const other of [ben, cat]) await hears(at, other, 'ne\n', mistake)
        next.close()
      },
    )
  })
}

async function hasRoom(at: Examiner): Promise<void> {
  const members: Talk[] = []
  await gather(at, async talk => {
    // All of a group are members when the last of them is.
    await talk.expect('welcome\n', {
      mistake: 'send `welcome` as soon as a client connects, however many others there are',
    })
    members.push(talk)
  })
  const [first, last] = [members[0]!, members.at(-1)!]
  for (const speaker of [first, last]) {
    speaker.send('hello, all\n')
    for (const member of members) {
      if (member !== speaker) await hears(at, member, 'hello, all\n', 'it has forgotten a member')
    }
  }
}

/**
 * Two members talk until a third, who does not read, fills all buffers. When it wakes up, those who
 * wrote to it side by side, in threads or tasks, each go on with the rest of a line.
 */
async function neverMixes(at: Examiner): Promise<void> {
  const [ann, ben, cat, sleeper] = [await join(at), await join(at), await join(at), await join(at)]
  sleeper.sleep()
  const lines = MIXED_BYTES / MIXED_LINE_BYTES
  for (let n = 0; n < lines; n++) {
    for (const [talk, letter] of [[ann, 'a'] as const, [ben, 'b'] as const]) {
      talk.socket.write(`${`${letter} ${n} `.padEnd(MIXED_LINE_BYTES - 1, letter)}\n`)
    }
  }
  // When Cat hears nothing more, they wait for the sleeper: in vain, or a moment before it is dropped.
  const all = 2 * lines * MIXED_LINE_BYTES
  for (let stalls = 0; stalls < STALLS && cat.unread < all; ) {
    const before = cat.unread
    await cat.until(() => cat.unread >= all || cat.hasEnded, STALL_MS)
    if (cat.unread !== before) continue
    stalls++
    sleeper.read()
    await at.pause(STALL_MS)
    if (stalls < STALLS - 1) sleeper.sleep()
  }
  sleeper.read()
  await sleeper.until(() => sleeper.hasEnded || sleeper.unread >= all, 4 * STALL_MS)
  for (const member of [cat, sleeper]) keepsLinesWhole(at, member)
}

/** What has come so far is lines as they were said, in the order of each speaker. */
function keepsLinesWhole(at: Examiner, member: Talk): void {
  const heard = { a: 0, b: 0 }
  for (const line of member.peek().toString('latin1').split('\n').slice(0, -1)) {
    const letter = line.startsWith('a') ? 'a' : 'b'
    const expected = `${letter} ${heard[letter]++} `.padEnd(MIXED_LINE_BYTES - 1, letter)
    if (line === expected) continue
    at.fail({
      what: 'the lines of two members who spoke at the same time did not come whole and in order',
      expected: Buffer.from(`${expected}\n`),
      received: Buffer.from(`${line}\n`, 'latin1'),
      offset: firstDifference(Buffer.from(expected), Buffer.from(line)),
      mistake:
        'two threads or tasks write to one member at once, so a line that the kernel takes only in part is interrupted by another',
    })
  }
}

async function keepsTheSilent(at: Examiner): Promise<void> {
  const [ann, ben] = [await join(at), await join(at)]
  const [dumb, spoken, within] = [await join(at), await join(at), await join(at)]
  const silent = [dumb, spoken, within]
  spoken.send('hello\n')
  for (const other of [ann, ben, dumb, within]) await hears(at, other, 'hello\n')
  within.send(Buffer.from('Gr\u00fc').subarray(0, 3))
  const says = (talk: Talk, line: string) => async () => {
    talk.send(line)
    for (const other of [ann, ben, ...silent]) {
      if (other !== talk) await hears(at, other, line)
    }
  }
  const clients = [
    { where: 'since its welcome', talk: dumb, goOn: says(dumb, 'at last\n') },
    { where: 'behind a line', talk: spoken, goOn: says(spoken, 'me too\n') },
    {
      where: 'in the middle of a character',
      talk: within,
      async goOn() {
        const line = 'Gr\u00fc\u00dfe\n'
        within.send(Buffer.from(line).subarray(3))
        for (const other of [ann, ben, dumb, spoken]) await hears(at, other, line)
      },
    },
  ]
  const [annSays, benSays] = [says(ann, 'still here\n'), says(ben, 'me too\n')]
  await staySilent(at, clients, async () => {
    for (let n = 0; n < 10; n++) {
      await annSays()
      await benSays()
    }
  })
  await join(at)
}

async function dropsTheSleeper(at: Examiner): Promise<void> {
  const [ann, ben, sleeper] = [await join(at), await join(at), await join(at)]
  sleeper.sleep()
  const line = `${at.random.word(MAX_LINE_BYTES - 1)}\n`
  const round = Buffer.from(line.repeat(ROUND_BYTES / line.length))
  for (let n = 0; n < ROUNDS; n++) {
    ann.socket.write(round)
    // Ann waits for Ben: nobody is told more than a member who reads can take.
    await ben.expect(round, {
      bulk: true,
      mistake: 'it waits for the member who does not read, and all others wait with it',
    })
  }
  sleeper.read()
  // What the kernels had taken comes, and behind it the end: or everything, from the server's memory.
  const all = ROUNDS * ROUND_BYTES
  const heardAll = await sleeper
    .take(bytes => (bytes.length >= all ? all : undefined), 'everything')
    .then(
      () => true,
      () => false,
    )
  if (heardAll) {
    at.fail({
      what: `a member who slept was told all ${all / 2 ** 20} MiB when it woke up`,
      mistake:
        'what waits for a member who does not read is kept in memory without a limit: see writableLength',
    })
  }
  await sleeper.expectGone({
    bulk: true,
    patienceMs: 1,
    mistake: 'lines for a member who does not read were thrown away; the member is to be dropped',
  })
}
