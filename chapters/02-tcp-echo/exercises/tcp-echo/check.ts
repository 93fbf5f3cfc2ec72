import { comeAndGo, gather } from '../../../../lib/workshop/crowd.ts'
import { type Examiner, exercise } from '../../../../lib/workshop/exercise.ts'
import { hasRead } from '../../../../lib/workshop/held-back.ts'
import { staySilent } from '../../../../lib/workshop/silence.ts'
import { survives } from '../../../../lib/workshop/survives.ts'
import type { Expected, Talk } from '../../../../lib/workshop/talk.ts'

/** More than the receive window of a client that reads nothing: a part waits with the server. */
const MUCH_BYTES = 4 * 2 ** 20
/** Words at which other servers end a conversation, and bytes at which terminals do. */
const WORDS = ['quit', 'exit\r\n', 'BYE', 'close', '.\r\n', '\n', '\0', '\x03', '\x04', '\x1a']
/** So many exchanges of one client follow one another in each round of the long silence. */
const EXCHANGES = 40

const STREAM = 'a TCP connection is a stream of bytes: whatever comes goes back, as it comes'

export default exercise({
  id: 'tcp-echo',
  title: 'An echo server that survives its clients',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. It sends every byte back
to the client that sent it, in the same order. A client may be silent for as long as it likes: it stays connected, and
no other client waits for it. When a client sends its FIN, the server sends back what is still to be sent, and then ends
the connection too. Clients that reset their connection, or vanish, do the others no harm. All bytes are the same to
the server: none is a command, and there may be any number of them. The check has 200 clients at once, sends 32 MiB and
some hundreds of small pieces over one connection, and is silent for 12 seconds.`,
  section: 'chapters/02-tcp-echo/README.md#why-one-clients-reset-must-not-end-the-server',
  hints: [
    'A socket is a stream: what event says that bytes have come, and which method sends some?',
    'After the client’s FIN your side of the connection is still open. Who closes it, and when? Look at allowHalfOpen and at the event end.',
    'An error event that nobody listens to ends the process. Every socket needs a listener for it, even an empty one.',
  ],
  steps: [
    {
      title: 'sends back what a client has sent',
      async run(at) {
        const talk = await at.connect()
        talk.send('hello\n')
        await talk.expect('hello\n', { mistake: STREAM })
        talk.send('and again')
        await talk.expect('and again', {
          mistake: 'it answers only the first piece: `once` where it should be `on`',
        })
      },
    },
    {
      title: 'sends back bytes that are not text, one by one',
      async run(at) {
        const talk = await at.connect()
        const bytes = at.random.bytes(300)
        talk.send(bytes)
        await talk.expect(bytes, {
          mistake: 'bytes were made into text and back: 0x80 and above do not survive that',
        })
        await talk.sendPieces(at.random.cut(bytes, 1))
        await talk.expect(bytes, { mistake: 'it waits for more than has come' })
      },
    },
    {
      title: 'sends every byte back, and treats none as a command',
      async run(at) {
        const talk = await at.connect()
        for (const word of [...WORDS, Buffer.from([0xff, 0xf4, 0xff, 0xfd, 0x06])]) {
          talk.send(word)
          await talk.expect(word, {
            mistake: 'no byte is a command, and none ends the conversation',
          })
        }
        const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
        talk.send(bytes)
        await talk.expect(bytes, {
          mistake: 'no byte is a command, and none ends the conversation',
        })
      },
    },
    {
      title: 'sends back a stream of 32 MiB',
      async run(at) {
        const talk = await at.connect()
        const block = at.random.bytes(65_537)
        for (let n = 0; n < 512; n++) talk.socket.write(block)
        await talk.expect(Buffer.alloc(512 * block.length, block), {
          bulk: true,
          mistake: 'a stream may have any length, and what send() did not take must be sent later',
        })
      },
    },
    {
      title: 'keeps two clients apart',
      async run(at) {
        const [ann, ben] = [await at.connect(), await at.connect()]
        ann.send('ann')
        ben.send('ben')
        await ann.expect('ann')
        await ben.expect('ben', { mistake: 'it talks with one client at a time' })
        ann.send('ann again')
        await ann.expect('ann again')
      },
    },
    {
      title: 'ends the connection after the client’s FIN, once the last byte is sent',
      async run(at) {
        const talk = await at.connect()
        const bytes = at.random.bytes(100_000)
        talk.send(bytes)
        talk.finish()
        await talk.expect(bytes, {
          mistake: 'it closes at the client’s FIN, with bytes still on their way back',
        })
        await talk.expectEnd({
          mistake: 'allowHalfOpen is true, and nobody calls end() when the client has ended',
        })
        const silent = await at.connect()
        silent.finish()
        await silent.expectEnd({
          mistake: 'answer the FIN of a client that sent nothing, like any other',
        })
      },
    },
    {
      title: 'loses nothing that a slow client has yet to read',
      async run(at) {
        const talk = await at.connect({ reading: false })
        const bytes = Buffer.concat(Array.from({ length: 64 }, () => at.random.bytes(4096)))
        for (let n = 0; n < 32; n++) talk.send(bytes)
        talk.finish()
        // A server that reads on has it all now; one that holds the client back has a part.
        await hasRead(talk, 1000)
        // It answers another client: so it has had its turn to see the FIN.
        const other = await at.connect()
        other.send('ping')
        await other.expect('ping', {
          mistake:
            'it waits in write() or send() for the client that does not read: so do all others',
        })
        talk.read()
        await talk.expect(Buffer.alloc(32 * bytes.length, bytes), {
          bulk: true,
          mistake:
            'destroy() throws away what Node still has to send, where end() sends it first; or the result of send() is ignored: it may take only a part',
        })
        await talk.expectEnd()
      },
    },
    {
      title: 'serves two hundred clients at once',
      run: servesCrowd,
    },
    {
      title: 'survives clients that reset or vanish',
      run: survivesThem,
    },
    {
      title: 'keeps silent clients connected for 12 seconds, and serves the others meanwhile',
      alongside: true,
      run: keepsTheSilent,
    },
  ],
})

async function survivesThem(at: Examiner): Promise<void> {
  await survives(at, async () => {
    for (let n = 0; n < 5; n++) {
      const talk = await at.connect()
      talk.send(at.random.bytes(10_000))
      if (n % 2) talk.reset()
      else talk.close()
    }
    const talk = await at.connect()
    await echoes(talk, {})
    // Of these, much is still to be sent when they go.
    const much = Buffer.alloc(MUCH_BYTES, at.random.bytes(65_537))
    const sleepers: Talk[] = []
    for (let n = 0; n < 3; n++) {
      const sleeper = await at.connect({ reading: false })
      sleeper.socket.write(much)
      await hasRead(sleeper, 300)
      sleepers.push(sleeper)
    }
    for (const sleeper of sleepers) sleeper.reset()
    await echoes(talk, {})
    const mistake = 'what was kept for a client that has gone was sent to the next one'
    for (const next of await Promise.all(sleepers.map(() => at.connect()))) {
      await echoes(next, { mistake })
      next.finish()
      await next.expectEnd({ tooMuch: mistake })
    }
    await comeAndGo(
      at,
      gone => gone.send('half a word'),
      async () =>
        echoes(await at.connect(), {
          mistake: 'clients that have gone still count, so their places are never freed',
        }),
    )
  })
}

async function servesCrowd(at: Examiner): Promise<void> {
  const talks = await gather(at, (talk, others) =>
    echoes(talk, {
      mistake: `this client waits for one of ${others} others, which say nothing: a pool of threads or processes is full, or a read blocks`,
    }),
  )
  for (const talk of talks.toReversed()) {
    await echoes(talk, { mistake: 'with many others connected, a client is forgotten' })
  }
}

async function keepsTheSilent(at: Examiner): Promise<void> {
  const [dumb, spoken, active] = [await at.connect(), await at.connect(), await at.connect()]
  await echoes(spoken, {})
  const sleeper = await at.connect({ reading: false })
  const bytes = Buffer.alloc(MUCH_BYTES, at.random.bytes(65_537))
  sleeper.socket.write(bytes)
  await echoes(await at.connect(), {})
  const clients = [
    { where: 'before its first byte', talk: dumb, goOn: () => echoes(dumb, {}) },
    { where: 'behind a word', talk: spoken, goOn: () => echoes(spoken, {}) },
    {
      where: 'and read nothing of what came back',
      talk: sleeper,
      async goOn() {
        sleeper.read()
        await sleeper.expect(bytes, {
          bulk: true,
          mistake: 'keep what a client has yet to read, however long it takes',
        })
      },
    },
  ]
  await staySilent(at, clients, async () => {
    for (let n = 0; n < EXCHANGES; n++) await echoes(active, {})
  })
  await echoes(await at.connect(), {})
}

async function echoes(talk: Talk, options: Expected): Promise<void> {
  talk.send('a word')
  await talk.expect('a word', options)
}
