import { fromFourDigitPort, uniqueAddress } from '#lib/workshop/addresses.ts'
import { firstDifference } from '#lib/workshop/bytes.ts'
import { CheckFailed } from '#lib/workshop/check-failed.ts'
import { COMMANDS } from '#lib/workshop/commands.ts'
import { comeAndGo, connectCrowd } from '#lib/workshop/crowd.ts'
import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import { staySilent } from '#lib/workshop/silence.ts'
import { resetBeforeAccept, survivesResets, whileStopped } from '#lib/workshop/survives-resets.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'

/** More than the buffers of both kernels hold: somebody must read. */
const BLOCK_BYTES = 65_536
const BLOCKS = 600
/** So often clients come back from a port from which one has reset. */
const RETURNS = 3

const CROWDED =
  'it serves one client at a time, or a pool of threads that is full: the others have not ended yet'

const LEAKS = 'clients that have gone still count, so their places are never freed'

export default exercise({
  id: 'hello',
  title: 'A server that says hello',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. As soon as a client has
connected, the server sends one line, and then its FIN. The line is in ASCII: the word hello, a space, the client's
IPv4 address (127.0.0.1), a space, the word port, a space, the client's port in decimal (47688), and one
newline (0x0a). The client need not say anything. If it does, before the FIN of the server or after it, the server
reads what comes and throws it away, until the client's FIN, which may come at once or after any time. Clients that reset
do the others no harm, nor the client that comes next from the same port. There may be any number of clients at once and one
after the other, and a client may say any bytes, as many as it likes: none of them is a command.`,
  section: 'chapters/01-socket/README.md#one-question-one-answer',
  hints: [
    'A socket has two ends. Each end has an address and a port: which of the two belong to the client, and what are they called?',
    'There is a method that sends a last piece and the FIN behind it. And a socket whose error event nobody hears ends the process.',
    'A socket that nobody reads never reaches the client’s FIN, and stays open for ever. resume() reads, and throws away.',
  ],
  steps: [
    {
      title: 'greets a client that says nothing, and ends with a FIN',
      async run(check) {
        const likelyCause =
          'write() sends bytes, but only end() sends the FIN that says: that was all'
        const probe = await check.connect()
        await greets(check, probe)
        await probe.expectEnd({ likelyCause })
        // The FIN of this one is there before the server looks at it.
        const ended = await whileStopped(check, async () => {
          const one = await check.connect()
          one.sendFin()
          return one
        })
        const silence = 'a client that has sent its FIN still reads: greet it like any other'
        await greets(check, ended, silence)
        await ended.expectEnd({ likelyCause })
      },
    },
    {
      title: 'greets many clients at once, each with its own address and port',
      run: greetsMany,
    },
    {
      title: 'survives clients that reset, and greets those that come back from the same port',
      run: survivesThem,
    },
    {
      title: 'reads what a client sends after the greeting, until the client ends too',
      async run(check) {
        const probe = await check.connect()
        await greets(check, probe)
        await probe.expectEnd()
        // Each of them has been read before the next one comes.
        for (const word of COMMANDS) {
          probe.send(word)
          await greets(check, await check.connect())
        }
        await isHeard(check, probe)
        await greets(check, await check.connect())
        // This one speaks first: to close with unread bytes makes a reset, which eats the greeting.
        const first = await check.connect({ reading: false })
        first.send(check.random.bytes(2 * BLOCK_BYTES))
        await greets(check, await check.connect())
        first.startReading()
        await greets(check, first)
        await first.expectEnd()
        await isHeard(check, first)
      },
    },
    {
      title: 'keeps silent clients connected, and reads what they send at last',
      alongside: true,
      run: hearsTheSilent,
    },
  ],
})

async function greetsMany(check: CheckContext): Promise<void> {
  const addresses = ([1, 2, 3] as const).map(digits => uniqueAddress(check.random, digits))
  const probes: TcpProbe[] = []
  for (let n = 0; n < 20; n++) {
    probes.push(await check.connect({ localAddress: check.random.of(['127.0.0.1', ...addresses]) }))
  }
  for (const localAddress of addresses) {
    probes.push(await check.connect({ localAddress }))
    probes.push(
      await fromFourDigitPort(check.random, localPort =>
        check.connect({ localAddress, localPort }),
      ),
    )
  }
  for (const probe of probes) await greets(check, probe, CROWDED)
  await connectCrowd(check, probe => greets(check, probe, CROWDED))
  // None of them has ended: a server that waits for that has no time for this one.
  await greets(check, await check.connect({ localAddress: addresses[0]! }), CROWDED)
}

async function survivesThem(check: CheckContext): Promise<void> {
  const probes: TcpProbe[] = []
  for (let n = 0; n < 5; n++) probes.push(await check.connect())
  for (const probe of probes) {
    await greets(check, probe)
    await probe.expectEnd()
  }
  for (const probe of probes) probe.reset()
  await survivesResets(check, async () => {
    await greetsOn(check)
    await resetBeforeAccept(check)
    await greetsOn(check)
    // bind() chooses a port that is ours alone, so that we may come from there again.
    let from = { localAddress: '127.0.0.1', localPort: 0 }
    for (let n = 0; n < RETURNS; n++) {
      const probe = await check.connect(from)
      await greets(
        check,
        probe,
        'what it keeps of a client that has reset stands in the way of the next',
      )
      from = { ...from, localPort: probe.socket.localPort! }
      probe.reset()
      await probe.expectClosed()
    }
    await comeAndGo(
      check,
      () => {},
      async () => greets(check, await check.connect(), LEAKS),
    )
  })
}

/** What the client says must be read, and the connection stay until it has ended. */
async function isHeard(check: CheckContext, probe: TcpProbe): Promise<void> {
  const taken = await probe.sendBlocks(check.random.bytes(BLOCK_BYTES), BLOCKS, 4000)
  if (taken < BLOCKS) {
    check.fail({
      what: probe.isClosed
        ? 'the server broke the connection while the client was still sending'
        : 'the server does not read what the client sends after the greeting',
      likelyCause: probe.isClosed
        ? 'close() or destroy() with bytes still to come causes a reset; send the FIN, and keep reading'
        : 'the socket is not read, so the client’s FIN goes unseen and the socket stays open for ever',
    })
  }
  probe.sendFin()
}

/** These have their greeting and the FIN: that the server has given up reading shows when they speak. */
async function hearsTheSilent(check: CheckContext): Promise<void> {
  const [dumb, spoken] = [await check.connect(), await check.connect()]
  for (const probe of [dumb, spoken]) {
    await greets(check, probe)
    await probe.expectEnd()
  }
  spoken.send('a few words')
  await staySilent(check, [], async () => greets(check, await check.connect()))
  for (const probe of [dumb, spoken]) await isHeard(check, probe)
}

/** The next line must be the greeting for this client. */
async function greets(check: CheckContext, probe: TcpProbe, likelyCause?: string): Promise<void> {
  const end = () => probe.peek().indexOf(0x0a) + 1
  const line = await probe
    .take(() => (end() > 0 ? end() : undefined), 'the greeting', {
      likelyCause,
      causeOfSilence:
        likelyCause ?? 'the server waits for the client to speak first, or sends no newline',
    })
    .catch(error => {
      if (!(error instanceof CheckFailed) || probe.unreadBytes === 0) throw error
      check.fail({
        ...error.failure,
        likelyCause: 'the greeting is cut off, or has no newline at its end',
      })
    })
  const { localAddress = '', localPort = 0 } = probe.socket
  const expected = Buffer.from(`hello ${localAddress} port ${localPort}\n`)
  if (line.equals(expected)) return
  const received = line.toString()
  check.fail({
    what: `the greeting is ${JSON.stringify(received)}, and not ${JSON.stringify(expected.toString())}`,
    expected,
    received: line,
    offset: firstDifference(expected, line),
    likelyCause: likelyCauseOf(received, localAddress, localPort, check.program.port),
  })
}

function likelyCauseOf(
  received: string,
  address: string,
  port: number,
  serverPort: number,
): string {
  if (received.includes('::ffff:')) {
    return 'listen() without an address makes a socket of IPv6, where IPv4 clients are called ::ffff:…'
  }
  if (received.endsWith('\r\n')) return 'the line ends with \\r\\n, where it should end with \\n'
  if (received.includes(`port ${serverPort}\n`)) {
    return 'localPort is the server’s end, the same for all clients; the client’s is remotePort'
  }
  if (received === `hello 127.0.0.1 port ${port}\n` && address !== '127.0.0.1') {
    return 'the address is a constant: clients come from all of 127.0.0.0/8'
  }
  if (/^hello [\d.]+ port \d+\n$/.test(received)) {
    return 'it is the address of another client: what belongs to a connection was kept in one variable for all'
  }
  if (received === 'hello\n') {
    return 'the client’s address and port are missing: socket.remoteAddress and socket.remotePort'
  }
  return 'the line is not as the protocol has it, to the byte'
}

/** One after the other: the last of them comes when everything before has been looked at. */
async function greetsOn(check: CheckContext): Promise<void> {
  for (let n = 0; n < 4; n++) await greets(check, await check.connect())
}
