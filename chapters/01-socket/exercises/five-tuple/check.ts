import { fromFourDigitPort, uniqueAddress } from '#lib/workshop/addresses.ts'
import { waitUntilRead } from '#lib/workshop/back-pressure.ts'
import { firstDifference } from '#lib/workshop/bytes.ts'
import { COMMANDS } from '#lib/workshop/commands.ts'
import { comeAndGo, connectCrowd } from '#lib/workshop/crowd.ts'
import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import { staySilent } from '#lib/workshop/silence.ts'
import { resetBeforeAccept, survivesResets } from '#lib/workshop/survives-resets.ts'
import { type TcpProbe, WAKE_UP_PATIENCE_MS } from '#lib/workshop/tcp-probe.ts'

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
      async run(check) {
        const probe = await check.connect()
        probe.send('\n')
        await answers(check, probe)
        probe.send('\n')
        await answers(check, probe, 'it answers the first question only')
      },
    },
    {
      title: 'ends after the client’s FIN, once the last answer is sent',
      async run(check) {
        const probe = await check.connect()
        probe.send('\n')
        probe.sendFin()
        await answers(
          check,
          probe,
          'it closes at the client’s FIN, with the answer still to be sent',
        )
        await probe.expectEnd({
          bulk: true,
          likelyCause: 'allowHalfOpen is true, and nobody calls end() when the client has ended',
        })
      },
    },
    {
      title: 'answers each newline once, and nothing else',
      async run(check) {
        const probe = await check.connect()
        const likelyCause = 'it answers once for each piece of data; a piece may hold many newlines'
        probe.send('\n\n\n')
        for (let n = 0; n < 3; n++) await answers(check, probe, likelyCause)
        await probe.sendPieces(check.random.cut(Buffer.from('who am I?\nand now?\n\r\n'), 1))
        for (let n = 0; n < 3; n++) await answers(check, probe, likelyCause)
        probe.send('\n'.repeat(1000))
        for (let n = 0; n < 1000; n++) await answers(check, probe, likelyCause)
        const other =
          'each 0x0a is a question, whatever stands before it; no other byte means anything'
        for (const byte of OTHERS) {
          probe.send(Buffer.from([byte, 0x0a]))
          await answers(check, probe, other)
        }
        for (const byte of OTHERS) {
          probe.send(Buffer.from([byte, IAC, byte, 0x0a, ESCAPE, byte, byte, 0x0a]))
          for (let n = 0; n < 2; n++) await answers(check, probe, other)
        }
        for (const word of COMMANDS) {
          probe.send(Buffer.concat([word, Buffer.from('\u2028\u0085\v\f\x1c\x1d\x1e\n')]))
          const times = 1 + word.filter(byte => byte === 0x0a).length
          for (let n = 0; n < times; n++) await answers(check, probe, other)
        }
        probe.socket.write(
          Buffer.alloc(
            LONG_BYTES,
            check.random.bytes(65_537).map(byte => byte | 0x10),
          ),
        )
        probe.send('\n')
        await answers(check, probe, 'there may be any number of bytes between two questions')
        probe.send('no question')
        probe.sendFin()
        await probe.expectEnd({
          bulk: true,
          causeOfExcess: 'it answers bytes that are no newlines',
        })
      },
    },
    {
      title: 'keeps all answers for a client that reads late, without holding up the others',
      run: keepsAnswers,
    },
    {
      title: 'distinguishes many connections, and answers each of them at any time',
      async run(check) {
        const ask = async (probe: TcpProbe, likelyCause?: string) => {
          probe.send('\n')
          await answers(check, probe, likelyCause)
        }
        const probes = await connectCrowd(check, (probe, others) =>
          ask(probe, `this client gets no answer while ${others} others are connected`),
        )
        // The first one asks last, and asks again.
        for (const probe of [...probes.toReversed(), ...probes]) {
          await ask(probe, 'with many others connected, a client is forgotten')
        }
      },
    },
    {
      title: 'distinguishes two clients that have the same port at different addresses',
      async run(check) {
        // Other systems than Linux have one address only: the port is another one there.
        const again = (localPort: number) => {
          const localAddress = uniqueAddress(check.random, 3)
          return check.connect(localAddress === '127.0.0.1' ? {} : { localAddress, localPort })
        }
        const one = await check.connect(CHOSEN_BY_BIND)
        const other = await again(one.socket.localPort!)
        const short = await fromFourDigitPort(check.random, localPort =>
          check.connect({ localAddress: uniqueAddress(check.random, 1), localPort }),
        )
        for (const probe of [other, one, short, await again(short.socket.localPort!), other]) {
          probe.send('\n')
          await answers(check, probe)
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
async function answers(check: CheckContext, probe: TcpProbe, likelyCause?: string): Promise<void> {
  const line = await probe.take(
    bytes => (bytes.includes(0x0a) ? bytes.indexOf(0x0a) + 1 : undefined),
    'the answer to a newline',
    { likelyCause: likelyCause ?? 'a newline is the question, and the answer ends with one' },
  )
  const { localAddress, localPort = 0 } = probe.socket
  const client = `${localAddress} port ${localPort}`
  const server = `127.0.0.1 port ${check.program.port}`
  const expected = Buffer.from(`tcp ${client} to ${server}\n`)
  if (line.equals(expected)) return
  const received = line.toString()
  check.fail({
    what: `the answer is ${JSON.stringify(received)}, and not ${JSON.stringify(expected.toString())}`,
    sent: probe.sent,
    expected,
    received: line,
    offset: firstDifference(expected, line),
    likelyCause: likelyCauseOf(received, client, server, localPort),
  })
}

function likelyCauseOf(received: string, client: string, server: string, port: number): string {
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

async function comesBack(check: CheckContext): Promise<void> {
  const ask = async (probe: TcpProbe, likelyCause?: string) => {
    probe.send('\n')
    await answers(check, probe, likelyCause)
  }
  const first = await check.connect(CHOSEN_BY_BIND)
  await ask(first)
  const { localPort = 0 } = first.socket
  // Answers wait for this one, with whatever the server keeps for it.
  const slowReader = await check.connect({ reading: false })
  slowReader.send('\n'.repeat(QUESTIONS))
  await waitUntilRead(slowReader, 500)
  for (const probe of [first, slowReader]) probe.reset()
  await first.expectClosed()
  await survivesResets(check, async () => {
    await ask(await check.connect({ localPort }))
    // One after the other: the last of them comes when the resets have been looked at.
    const likelyCause = 'clients that have gone still count, so their places are never freed'
    for (let n = 0; n < 4; n++) await ask(await check.connect(), likelyCause)
    await resetBeforeAccept(check)
    const asked = async () => ask(await check.connect(), likelyCause)
    await asked()
    await comeAndGo(check, gone => gone.send('\n\nand'), asked)
  })
}

const fiveValues = (
  check: CheckContext,
  { socket: { localAddress, localPort } }: TcpProbe,
): string => `tcp ${localAddress} port ${localPort} to 127.0.0.1 port ${check.program.port}\n`

async function keepsAnswers(check: CheckContext): Promise<void> {
  const [open, ended] = await Promise.all([startSlowReader(check), startSlowReader(check)])
  const other = await check.connect()
  ended.sendFin()
  for (const probe of [other, await check.connect(), other, await check.connect()]) {
    probe.send('\n')
    await answers(
      check,
      probe,
      'it blocks in write() or send() on a client that does not read, so every other client waits too',
    )
  }
  open.sendFin()
  for (const probe of [open, ended]) await readsAgain(check, probe)
}

/** A client that asks, and reads no answer. */
async function startSlowReader(check: CheckContext): Promise<TcpProbe> {
  const probe = await check.connect({ reading: false })
  probe.send('\n'.repeat(QUESTIONS))
  await waitUntilRead(probe, 500)
  return probe
}

/** It has sent its FIN, and now reads all answers. */
async function readsAgain(check: CheckContext, probe: TcpProbe): Promise<void> {
  probe.startReading()
  const likelyCause =
    'what send() did not take must be sent later; at the client’s FIN, send the remaining answers first'
  await probe.expect(fiveValues(check, probe).repeat(QUESTIONS), {
    bulk: true,
    likelyCause,
    patienceMs: WAKE_UP_PATIENCE_MS,
  })
  await probe.expectEnd({ bulk: true })
}

async function keepsTheSilent(check: CheckContext): Promise<void> {
  const ask = async (probe: TcpProbe) => {
    probe.send('\n')
    await answers(check, probe)
  }
  const [dumb, asked, within] = [
    await check.connect(),
    await check.connect(),
    await check.connect(),
  ]
  const active = await check.connect()
  await ask(asked)
  within.send('is this')
  const [late, ended] = await Promise.all([startSlowReader(check), startSlowReader(check)])
  ended.sendFin()
  await ask(await check.connect())
  const clients = [
    { where: 'before its first byte', probe: dumb, goOn: () => ask(dumb) },
    { where: 'behind an answer', probe: asked, goOn: () => ask(asked) },
    { where: 'in the middle of a line', probe: within, goOn: () => ask(within) },
    {
      where: 'and read no answers',
      probe: late,
      async goOn() {
        late.sendFin()
        await readsAgain(check, late)
      },
    },
    {
      where: 'and read no answers, behind its FIN',
      probe: ended,
      goOn: () => readsAgain(check, ended),
    },
  ]
  await staySilent(check, clients, async () => {
    for (let n = 0; n < 40; n++) await ask(active)
  })
  await ask(await check.connect())
}
