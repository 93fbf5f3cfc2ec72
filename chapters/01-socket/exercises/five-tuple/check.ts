import { comeAndGo, gather } from '../../../../lib/workshop/crowd.ts'
import { type Examiner, exercise } from '../../../../lib/workshop/exercise.ts'
import { firstDifference } from '../../../../lib/workshop/failed.ts'
import { hasRead } from '../../../../lib/workshop/held-back.ts'
import { staySilent } from '../../../../lib/workshop/silence.ts'
import { survives } from '../../../../lib/workshop/survives.ts'
import type { Talk } from '../../../../lib/workshop/talk.ts'

// Linux has all of 127.0.0.0/8, other systems have 127.0.0.1 alone.
const OTHER = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1'
// A port that bind() has chosen is ours alone. One that connect() chooses may belong to connections
// in TIME_WAIT too, and then nobody can bind to it again: EADDRINUSE.
const CHOSEN_BY_BIND = { localAddress: '127.0.0.1' }

/** Their answers fill all buffers on the way to a client that does not read. */
const QUESTIONS = 300_000
/**
 * What is a newline to others: to readline() of Node, to splitlines() of Python, to an editor. And
 * bytes that are no text.
 */
const NO_NEWLINES = Buffer.concat([
  Buffer.from(Array.from({ length: 256 }, (_, byte) => byte).filter(byte => byte !== 0x0a)),
  Buffer.from('\r\r\u0085\u2028\u2029\v\f\x1c\x1d\x1e\0?'),
])

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
connection too. Clients that reset their connection do the others no harm. A client may be silent for as long as it
likes, between any two bytes, and may read its answers as late as it likes; the others do not wait for it. The check has
200 clients at once, is silent for 12 seconds, and asks 300,000 times before it reads the first answer.`,
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
          'it answers bytes that are not newlines, or does not survive bytes that are not text'
        for (let n = 0; n < 3; n++) {
          talk.send(NO_NEWLINES)
          talk.send('\n')
          await answers(at, talk, other)
        }
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
      title: 'distinguishes two hundred connections, and answers each of them at any time',
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
        const one = await at.connect(CHOSEN_BY_BIND)
        const { localPort = 0 } = one.socket
        const from = OTHER === '127.0.0.1' ? {} : { localAddress: OTHER, localPort }
        const other = await at.connect(from)
        for (const talk of [other, one, other]) {
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
      title: 'keeps silent clients connected for 12 seconds, and answers the others meanwhile',
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
  const first = await at.connect(CHOSEN_BY_BIND)
  first.send('\n')
  await answers(at, first)
  const { localPort = 0 } = first.socket
  first.reset()
  await first.expectGone()
  await survives(at, async () => {
    const again = await at.connect({ localPort })
    again.send('\n')
    await answers(at, again)
    // One after the other: the last of them comes when the reset has been looked at.
    const asked = async () => {
      const talk = await at.connect()
      talk.send('\n')
      await answers(at, talk, 'clients that have gone still count, so their places are never freed')
    }
    for (let n = 0; n < 3; n++) await asked()
    await comeAndGo(at, gone => gone.send('\n\nand'), asked)
  })
}

const fiveValues = (at: Examiner, { socket: { localAddress, localPort } }: Talk): string =>
  `tcp ${localAddress} port ${localPort} to 127.0.0.1 port ${at.subject.port}\n`

async function keepsAnswers(at: Examiner): Promise<void> {
  const sleeper = await at.connect({ reading: false })
  sleeper.send('\n'.repeat(QUESTIONS))
  await hasRead(sleeper, 500)
  const other = await at.connect()
  for (const talk of [other, await at.connect(), other]) {
    talk.send('\n')
    await answers(
      at,
      talk,
      'it blocks in write() or send() on a client that does not read, so every other client waits too',
    )
  }
  sleeper.read()
  sleeper.finish()
  const mistake =
    'what send() did not take must be sent later; at the client’s FIN, send the remaining answers first'
  await sleeper.expect(fiveValues(at, sleeper).repeat(QUESTIONS), { bulk: true, mistake })
  await sleeper.expectEnd({ bulk: true })
}

async function keepsTheSilent(at: Examiner): Promise<void> {
  const ask = async (talk: Talk) => {
    talk.send('\n')
    await answers(at, talk)
  }
  const [dumb, asked, within] = [await at.connect(), await at.connect(), await at.connect()]
  const [active, late] = [await at.connect(), await at.connect({ reading: false })]
  await ask(asked)
  within.send('is this')
  late.send('\n'.repeat(QUESTIONS))
  await ask(await at.connect())
  const clients = [
    { where: 'before its first byte', talk: dumb, goOn: () => ask(dumb) },
    { where: 'behind an answer', talk: asked, goOn: () => ask(asked) },
    { where: 'in the middle of a line', talk: within, goOn: () => ask(within) },
    {
      where: 'and read no answers',
      talk: late,
      async goOn() {
        late.read()
        await late.expect(fiveValues(at, late).repeat(QUESTIONS), { bulk: true })
      },
    },
  ]
  await staySilent(at, clients, async () => {
    for (let n = 0; n < 40; n++) await ask(active)
  })
  await ask(await at.connect())
}
