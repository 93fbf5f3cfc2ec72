import { COMMANDS } from '#lib/workshop/commands.ts'
import { comeAndGo, gather } from '#lib/workshop/crowd.ts'
import { type Examiner, exercise } from '#lib/workshop/exercise.ts'
import { hasRead } from '#lib/workshop/held-back.ts'
import { staySilent } from '#lib/workshop/silence.ts'
import { goneBeforeAccept, survives } from '#lib/workshop/survives.ts'
import { type Expected, type Talk, WAKING_MS } from '#lib/workshop/talk.ts'

/** More than the kernels hold for a client that reads nothing: a part waits with the server. */
const MUCH_BYTES = 12 * 2 ** 20
/** More than all buffers on the way to it hold: the kernel waits for this client as well. */
const TOO_MUCH_BYTES = 24 * 2 ** 20
/** So many blocks are a stream without an end, for a program that counts its bytes. */
const STREAM_BLOCKS = 640
const BLOCK_BYTES = 65_537
/** So many exchanges of one client follow one another in each round of the long silence. */
const EXCHANGES = 40

const STREAM = 'a TCP connection is a stream of bytes: whatever comes goes back, as it comes'

export default exercise({
  id: 'tcp-echo',
  title: 'An echo server that survives its clients',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. It sends every byte back
to the client that sent it, in the same order. A client may be silent for as long as it likes: it stays connected, and
no other client waits for it. The same is true while it leaves the echo unread. When a client sends its FIN, the server sends back what is still to be sent, and then ends
the connection too. Clients that reset their connection, or vanish, do the others no harm. All bytes are the same to
the server: none is a command, and there may be any number of them, in any number of pieces. There may be any number of
clients, at once and one after the other.`,
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
        for (const word of COMMANDS) {
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
      title: 'sends back a stream of any length',
      async run(at) {
        const talk = await at.connect()
        const block = at.random.bytes(BLOCK_BYTES)
        for (let n = 0; n < STREAM_BLOCKS; n++) talk.socket.write(block)
        await talk.expect(Buffer.alloc(STREAM_BLOCKS * block.length, block), {
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
      title: 'loses nothing that a slow client has yet to read, and serves others meanwhile',
      run: losesNothing,
    },
    {
      title: 'serves many clients at once',
      run: servesCrowd,
    },
    {
      title: 'survives clients that reset or vanish',
      run: survivesThem,
    },
    {
      title:
        'keeps silent clients connected, also those that read nothing, and serves the others meanwhile',
      alongside: true,
      run: keepsTheSilent,
    },
  ],
})

async function losesNothing(at: Examiner): Promise<void> {
  const other = await at.connect()
  const bytes = Buffer.alloc(MUCH_BYTES, at.random.bytes(BLOCK_BYTES))
  const [open, ended] = await Promise.all([asleep(at, bytes), asleep(at, bytes)])
  ended.finish()
  await hasRead(ended, 500)
  // They answer other clients: so they have had their turn to see the FIN.
  const mistake =
    'it waits in write() or send() for the client that does not read: so do all others'
  for (const talk of [other, await at.connect()]) {
    const much = at.random.bytes(at.random.between(30_000, 90_000))
    talk.send(much)
    await talk.expect(much, { mistake })
    await echoes(talk, { mistake })
  }
  open.finish()
  for (const talk of [ended, open]) {
    await wakes(
      talk,
      bytes,
      'destroy() throws away what Node still has to send, where end() sends it first; or the result of send() is ignored: it may take only a part',
    )
  }
}

/** A client that sends this, as far as it is taken, and reads nothing of what comes back. */
async function asleep(at: Examiner, bytes: Buffer): Promise<Talk> {
  const talk = await at.connect({ reading: false })
  talk.socket.write(bytes)
  // A server that reads on has it all now; one that holds the client back has a part.
  await hasRead(talk, 500)
  return talk
}

/** It has sent its FIN, and now reads what it has sent. */
async function wakes(talk: Talk, bytes: Buffer, mistake: string): Promise<void> {
  talk.read()
  await talk.expect(bytes, { bulk: true, mistake, patienceMs: WAKING_MS })
  await talk.expectEnd({ bulk: true, mistake: 'nobody calls end() when the last byte has left' })
}

async function survivesThem(at: Examiner): Promise<void> {
  await survives(at, async () => {
    for (let n = 0; n < 5; n++) {
      const talk = await at.connect()
      talk.send(at.random.bytes(10_000))
      if (n % 2) talk.reset()
      else talk.close()
    }
    await goneBeforeAccept(at)
    const talk = await at.connect()
    await echoes(talk, {})
    // Of these, much is still to be sent when they go.
    const much = Buffer.alloc(MUCH_BYTES, at.random.bytes(BLOCK_BYTES))
    const sleepers = await Promise.all([1, 2, 3].map(() => asleep(at, much)))
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
      mistake: `${others} other clients are connected and silent: a limit on connections, a full pool of threads or processes, or a read that blocks`,
    }),
  )
  for (const talk of talks.toReversed()) {
    await echoes(talk, { mistake: 'with many others connected, a client is forgotten' })
  }
}

async function keepsTheSilent(at: Examiner): Promise<void> {
  const [dumb, spoken, active] = [await at.connect(), await at.connect(), await at.connect()]
  await echoes(spoken, {})
  const bytes = Buffer.alloc(TOO_MUCH_BYTES, at.random.bytes(BLOCK_BYTES))
  const [sleeper, ended] = await Promise.all([asleep(at, bytes), asleep(at, bytes)])
  ended.finish()
  await echoes(await at.connect(), {})
  const mistake = 'keep what a client has yet to read, however long it takes'
  const clients = [
    { where: 'before its first byte', talk: dumb, goOn: () => echoes(dumb, {}) },
    { where: 'behind a word', talk: spoken, goOn: () => echoes(spoken, {}) },
    {
      where: 'and read nothing of what came back',
      talk: sleeper,
      async goOn() {
        sleeper.finish()
        await wakes(sleeper, bytes, mistake)
      },
    },
    {
      where: 'and read nothing of what came back, behind its FIN',
      talk: ended,
      goOn: () => wakes(ended, bytes, mistake),
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
