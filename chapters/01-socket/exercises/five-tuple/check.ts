import { fromShortPort, ownAddress } from '#lib/workshop/addresses.ts'
import { COMMANDS } from '#lib/workshop/commands.ts'
import { comeAndGo, gather } from '#lib/workshop/crowd.ts'
import { type Examiner, exercise } from '#lib/workshop/exercise.ts'
import { firstDifference } from '#lib/workshop/failed.ts'
import { hasRead } from '#lib/workshop/held-back.ts'
import { staySilent } from '#lib/workshop/silence.ts'
import { goneBeforeAccept, survives } from '#lib/workshop/survives.ts'
import { type Talk, WAKING_MS } from '#lib/workshop/talk.ts'

// A port that bind() has chosen is ours alone. One that connect() chooses may belong to connections
// in TIME_WAIT too, and then nobody can bind to it again: EADDRINUSE.
const CHOSEN_BY_BIND = { localAddress: '127.0.0.1' }

/** Their answers fill all buffers on the way to a client that does not read. */
const QUESTIONS = 300_000
/** More bytes without a newline than a program keeps that reads lines. */
const LONG_BYTES = 3_000_000
/** The byte that begins a command of telnet, and one that begins a command of a terminal. */
const [IAC, ESCAPE] = [0xff, 0x1b] as const
/** All bytes that are no question. */
const OTHERS = Array.from({ length: 256 }, (_, byte) => byte).filter(byte => byte !== 0x0a)

export default exercise({
  id: 'five-tuple',
  title: 'Five values name a connection',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. Each newline (0x0a) that a
client sends is a question; all other bytes mean nothing. The server answers each question with one line in ASCII:

    tcp 127.0.0.2 port 47688 to 127.0.0.1 port 40157

which is: the word tcp, the client's IPv4 address, the word port, the client's port, the word to, the server's
address, the word port, the server's port, with one space between them and one newline (0x0a) at the end. Ports
are decimal. When the client has sent its FIN, the server sends the answers that are still to be sent, and ends the
connection too. Clients that reset their connection do the others no harm, nor the client that comes next. A client may be
silent for as long as it likes, between any two bytes, and may read its answers as late as it likes, also when it has
sent its FIN; the others do not wait for it. There may be any number of clients, of questions before the first answer is
read, and of bytes between two of them.`,
  section: 'chapters/01-socket/README.md#five-values-name-a-connection',
  hints: [
    'A connected socket knows its local end and its remote end. Seen from the server, which of them is the client’s?',
    'One piece of data may hold no newline, one, or many: count them.',
    'What belongs to one connection lives inside the connection listener. A variable outside is shared by all; a Map needs a key that no two connections share.',
  ],
  steps: [
    {
      title: 'answers a newline with the five values of the connection',
      async run(at) {
        const talk = await at.connect()
        talk.send('\n')
        await answers(at, talk)
        talk.send('\n')
        await answers(at, talk, 'it answers the first question only')
      },
    },
    {
      title: 'ends after the client’s FIN, once the last answer is sent',
      async run(at) {
        const talk = await at.connect()
        talk.send('\n')
        talk.finish()
        await answers(at, talk, 'it closes at the client’s FIN, with the answer still to be sent')
        await talk.expectEnd({
          bulk: true,
          mistake: 'allowHalfOpen is true, and nobody calls end() when the client has ended',
        })
      },
    },
    {
      title: 'answers each newline once, and nothing else',
      async run(at) {
        const talk = await at.connect()
        const mistake = 'it answers once for each piece of data; a piece may hold many newlines'
        talk.send('\n\n\n')
        for (let n = 0; n < 3; n++) await answers(at, talk, mistake)
        await talk.sendPieces(at.random.cut(Buffer.from('who am I?\nand now?\n\r\n'), 1))
        for (let n = 0; n < 3; n++) await answers(at, talk, mistake)
        talk.send('\n'.repeat(1000))
        for (let n = 0; n < 1000; n++) await answers(at, talk, mistake)
        const other =
          'each 0x0a is a question, whatever stands before it; no other byte means anything'
        for (const byte of OTHERS) {
          talk.send(Buffer.from([byte, 0x0a]))
          await answers(at, talk, other)
        }
        for (const byte of OTHERS) {
          talk.send(Buffer.from([byte, IAC, byte, 0x0a, ESCAPE, byte, byte, 0x0a]))
          for (let n = 0; n < 2; n++) await answers(at, talk, other)
        }
        for (const word of COMMANDS) {
          talk.send(Buffer.concat([word, Buffer.from('\u2028\u0085\v\f\x1c\x1d\x1e\n')]))
          const times = 1 + word.filter(byte => byte === 0x0a).length
          for (let n = 0; n < times; n++) await answers(at, talk, other)
        }
        talk.socket.write(
          Buffer.alloc(
            LONG_BYTES,
            at.random.bytes(65_537).map(byte => byte | 0x10),
          ),
        )
        talk.send('\n')
        await answers(at, talk, 'there may be any number of bytes between two questions')
        talk.send('no question')
        talk.finish()
        await talk.expectEnd({ bulk: true, tooMuch: 'it answers bytes that are no newlines' })
      },
    },
    {
      title: 'keeps all answers for a client that reads late, without holding up the others',
      run: keepsAnswers,
    },
    {
      title: 'distinguishes many connections, and answers each of them at any time',
      async run(at) {
        const ask = async (talk: Talk, mistake?: string) => {
          talk.send('\n')
          await answers(at, talk, mistake)
        }
        const talks = await gather(at, (talk, others) =>
          ask(talk, `this client gets no answer while ${others} others are connected`),
        )
        // The first one asks last, and asks again.
        for (const talk of [...talks.toReversed(), ...talks]) {
          await ask(talk, 'with many others connected, a client is forgotten')
        }
      },
    },
    {
      title: 'distinguishes two clients that have the same port at different addresses',
      async run(at) {
        // Other systems than Linux have one address only: the port is another one there.
        const again = (localPort: number) => {
          const localAddress = ownAddress(at.random, 3)
          return at.connect(localAddress === '127.0.0.1' ? {} : { localAddress, localPort })
        }
        const one = await at.connect(CHOSEN_BY_BIND)
        const other = await again(one.socket.localPort!)
        const short = await fromShortPort(at.random, localPort =>
          at.connect({ localAddress: ownAddress(at.random, 1), localPort }),
        )
        for (const talk of [other, one, short, await again(short.socket.localPort!), other]) {
          talk.send('\n')
          await answers(at, talk)
        }
      },
    },
    {
      title: 'survives a reset, and answers a client that comes back from the same port',
      run: comesBack,
    },
    {
      title:
        'keeps silent clients connected, also those that read nothing, and answers the others meanwhile',
      alongside: true,
      run: keepsTheSilent,
    },
  ],
})

/** The next line must be the five values of this connection. */
async function answers(at: Examiner, talk: Talk, mistake?: string): Promise<void> {
  const line = await talk.take(
    bytes => (bytes.includes(0x0a) ? bytes.indexOf(0x0a) + 1 : undefined),
    'the answer to a newline',
    { mistake: mistake ?? 'a newline is the question, and the answer ends with one' },
  )
  const { localAddress, localPort = 0 } = talk.socket
  const client = `${localAddress} port ${localPort}`
  const server = `127.0.0.1 port ${at.subject.port}`
  const expected = Buffer.from(`tcp ${client} to ${server}\n`)
  if (line.equals(expected)) return
  const received = line.toString()
  at.fail({
    what: `the answer is ${JSON.stringify(received)}, and not ${JSON.stringify(expected.toString())}`,
    sent: talk.sent,
    expected,
    received: line,
    offset: firstDifference(expected, line),
    mistake: mistakeOf(received, client, server, localPort),
  })
}

function mistakeOf(received: string, client: string, server: string, port: number): string {
  if (received.includes('::ffff:')) {
    return 'listen() without an address makes a socket of IPv6, where IPv4 clients are called ::ffff:…'
  }
  if (received.endsWith('\r\n')) return 'the line ends with \\r\\n, where it should end with \\n'
  if (received === `tcp ${server} to ${client}\n`) {
    return 'the ends are swapped: seen from the server, the client is the remote end'
  }
  const values = /^tcp ([\d.]+) port (\d+) to ([\d.]+) port \d+\n$/.exec(received)
  if (!values) return 'the line is not as the protocol has it, to the byte'
  if (Number(values[2]) === port) {
    return 'the port alone does not name a client: another one has the same port at another address'
  }
  return 'it is another connection: what belongs to one of them was kept in one variable for all'
}

async function comesBack(at: Examiner): Promise<void> {
  const ask = async (talk: Talk, mistake?: string) => {
    talk.send('\n')
    await answers(at, talk, mistake)
  }
  const first = await at.connect(CHOSEN_BY_BIND)
  await ask(first)
  const { localPort = 0 } = first.socket
  // Answers wait for this one, with whatever the server keeps for it.
  const sleeper = await at.connect({ reading: false })
  sleeper.send('\n'.repeat(QUESTIONS))
  await hasRead(sleeper, 500)
  for (const talk of [first, sleeper]) talk.reset()
  await first.expectGone()
  await survives(at, async () => {
    await ask(await at.connect({ localPort }))
    // One after the other: the last of them comes when the resets have been looked at.
    const mistake = 'clients that have gone still count, so their places are never freed'
    for (let n = 0; n < 4; n++) await ask(await at.connect(), mistake)
    await goneBeforeAccept(at)
    const asked = async () => ask(await at.connect(), mistake)
    await asked()
    await comeAndGo(at, gone => gone.send('\n\nand'), asked)
  })
}

const fiveValues = (at: Examiner, { socket: { localAddress, localPort } }: Talk): string =>
  `tcp ${localAddress} port ${localPort} to 127.0.0.1 port ${at.subject.port}\n`

async function keepsAnswers(at: Examiner): Promise<void> {
  const [open, ended] = await Promise.all([asleep(at), asleep(at)])
  const other = await at.connect()
  ended.finish()
  for (const talk of [other, await at.connect(), other, await at.connect()]) {
    talk.send('\n')
    await answers(
      at,
      talk,
      'it blocks in write() or send() on a client that does not read, so every other client waits too',
    )
  }
  open.finish()
  for (const talk of [open, ended]) await wakes(at, talk)
}

/** A client that asks, and reads no answer. */
async function asleep(at: Examiner): Promise<Talk> {
  const talk = await at.connect({ reading: false })
  talk.send('\n'.repeat(QUESTIONS))
  await hasRead(talk, 500)
  return talk
}

/** It has sent its FIN, and now reads all answers. */
async function wakes(at: Examiner, talk: Talk): Promise<void> {
  talk.read()
  const mistake =
    'what send() did not take must be sent later; at the client’s FIN, send the remaining answers first'
  await talk.expect(fiveValues(at, talk).repeat(QUESTIONS), {
    bulk: true,
    mistake,
    patienceMs: WAKING_MS,
  })
  await talk.expectEnd({ bulk: true })
}

async function keepsTheSilent(at: Examiner): Promise<void> {
  const ask = async (talk: Talk) => {
    talk.send('\n')
    await answers(at, talk)
  }
  const [dumb, asked, within] = [await at.connect(), await at.connect(), await at.connect()]
  const active = await at.connect()
  await ask(asked)
  within.send('is this')
  const [late, ended] = await Promise.all([asleep(at), asleep(at)])
  ended.finish()
  await ask(await at.connect())
  const clients = [
    { where: 'before its first byte', talk: dumb, goOn: () => ask(dumb) },
    { where: 'behind an answer', talk: asked, goOn: () => ask(asked) },
    { where: 'in the middle of a line', talk: within, goOn: () => ask(within) },
    {
      where: 'and read no answers',
      talk: late,
      async goOn() {
        late.finish()
        await wakes(at, late)
      },
    },
    { where: 'and read no answers, behind its FIN', talk: ended, goOn: () => wakes(at, ended) },
  ]
  await staySilent(at, clients, async () => {
    for (let n = 0; n < 40; n++) await ask(active)
  })
  await ask(await at.connect())
}
