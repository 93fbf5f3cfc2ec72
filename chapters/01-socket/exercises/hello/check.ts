import { fromShortPort, ownAddress } from '#lib/workshop/addresses.ts'
import { COMMANDS } from '#lib/workshop/commands.ts'
import { comeAndGo, gather } from '#lib/workshop/crowd.ts'
import { type Examiner, exercise } from '#lib/workshop/exercise.ts'
import { Failed, firstDifference } from '#lib/workshop/failed.ts'
import { staySilent } from '#lib/workshop/silence.ts'
import { goneBeforeAccept, survives, whileStopped } from '#lib/workshop/survives.ts'
import type { Talk } from '#lib/workshop/talk.ts'

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
      async run(at) {
        const mistake = 'write() sends bytes, but only end() sends the FIN that says: that was all'
        const talk = await at.connect()
        await greets(at, talk)
        await talk.expectEnd({ mistake })
        // The FIN of this one is there before the server looks at it.
        const ended = await whileStopped(at, async () => {
          const one = await at.connect()
          one.finish()
          return one
        })
        const silence = 'a client that has sent its FIN still reads: greet it like any other'
        await greets(at, ended, silence)
        await ended.expectEnd({ mistake })
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
      async run(at) {
        const talk = await at.connect()
        await greets(at, talk)
        await talk.expectEnd()
        // Each of them has been read before the next one comes.
        for (const word of COMMANDS) {
          talk.send(word)
          await greets(at, await at.connect())
        }
        await isHeard(at, talk)
        await greets(at, await at.connect())
        // This one speaks first: to close with unread bytes makes a reset, which eats the greeting.
        const first = await at.connect({ reading: false })
        first.send(at.random.bytes(2 * BLOCK_BYTES))
        await greets(at, await at.connect())
        first.read()
        await greets(at, first)
        await first.expectEnd()
        await isHeard(at, first)
      },
    },
    {
      title: 'keeps silent clients connected, and reads what they send at last',
      alongside: true,
      run: hearsTheSilent,
    },
  ],
})

async function greetsMany(at: Examiner): Promise<void> {
  const addresses = ([1, 2, 3] as const).map(digits => ownAddress(at.random, digits))
  const talks: Talk[] = []
  for (let n = 0; n < 20; n++) {
    talks.push(await at.connect({ localAddress: at.random.of(['127.0.0.1', ...addresses]) }))
  }
  for (const localAddress of addresses) {
    talks.push(await at.connect({ localAddress }))
    talks.push(await fromShortPort(at.random, localPort => at.connect({ localAddress, localPort })))
  }
  for (const talk of talks) await greets(at, talk, CROWDED)
  await gather(at, talk => greets(at, talk, CROWDED))
  // None of them has ended: a server that waits for that has no time for this one.
  await greets(at, await at.connect({ localAddress: addresses[0]! }), CROWDED)
}

async function survivesThem(at: Examiner): Promise<void> {
  const talks: Talk[] = []
  for (let n = 0; n < 5; n++) talks.push(await at.connect())
  for (const talk of talks) {
    await greets(at, talk)
    await talk.expectEnd()
  }
  for (const talk of talks) talk.reset()
  await survives(at, async () => {
    await greetsOn(at)
    await goneBeforeAccept(at)
    await greetsOn(at)
    // bind() chooses a port that is ours alone, so that we may come from there again.
    let from = { localAddress: '127.0.0.1', localPort: 0 }
    for (let n = 0; n < RETURNS; n++) {
      const talk = await at.connect(from)
      await greets(
        at,
        talk,
        'what it keeps of a client that has reset stands in the way of the next',
      )
      from = { ...from, localPort: talk.socket.localPort! }
      talk.reset()
      await talk.expectGone()
    }
    await comeAndGo(
      at,
      () => {},
      async () => greets(at, await at.connect(), LEAKS),
    )
  })
}

/** What the client says must be read, and the connection stay until it has ended. */
async function isHeard(at: Examiner, talk: Talk): Promise<void> {
  const taken = await talk.pour(at.random.bytes(BLOCK_BYTES), BLOCKS, 4000)
  if (taken < BLOCKS) {
    at.fail({
      what: talk.isGone
        ? 'the server broke the connection while the client was still sending'
        : 'the server does not read what the client sends after the greeting',
      mistake: talk.isGone
        ? 'close() or destroy() with bytes still to come causes a reset; send the FIN, and keep reading'
        : 'the socket is not read, so the client’s FIN goes unseen and the socket stays open for ever',
    })
  }
  talk.finish()
}

/** These have their greeting and the FIN: that the server has given up reading shows when they speak. */
async function hearsTheSilent(at: Examiner): Promise<void> {
  const [dumb, spoken] = [await at.connect(), await at.connect()]
  for (const talk of [dumb, spoken]) {
    await greets(at, talk)
    await talk.expectEnd()
  }
  spoken.send('a few words')
  await staySilent(at, [], async () => greets(at, await at.connect()))
  for (const talk of [dumb, spoken]) await isHeard(at, talk)
}

/** The next line must be the greeting for this client. */
async function greets(at: Examiner, talk: Talk, mistake?: string): Promise<void> {
  const end = () => talk.peek().indexOf(0x0a) + 1
  const line = await talk
    .take(() => (end() > 0 ? end() : undefined), 'the greeting', {
      mistake,
      silence: mistake ?? 'the server waits for the client to speak first, or sends no newline',
    })
    .catch(error => {
      if (!(error instanceof Failed) || talk.unread === 0) throw error
      at.fail({
        ...error.failure,
        mistake: 'the greeting is cut off, or has no newline at its end',
      })
    })
  const { localAddress = '', localPort = 0 } = talk.socket
  const expected = Buffer.from(`hello ${localAddress} port ${localPort}\n`)
  if (line.equals(expected)) return
  const received = line.toString()
  at.fail({
    what: `the greeting is ${JSON.stringify(received)}, and not ${JSON.stringify(expected.toString())}`,
    expected,
    received: line,
    offset: firstDifference(expected, line),
    mistake: mistakeOf(received, localAddress, localPort, at.subject.port),
  })
}

function mistakeOf(received: string, address: string, port: number, serverPort: number): string {
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
async function greetsOn(at: Examiner): Promise<void> {
  for (let n = 0; n < 4; n++) await greets(at, await at.connect())
}
