import { waitUntilRead } from '#lib/workshop/back-pressure.ts'
import { COMMANDS } from '#lib/workshop/commands.ts'
import { comeAndGo, connectCrowd } from '#lib/workshop/crowd.ts'
import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import { staySilent } from '#lib/workshop/silence.ts'
import { resetBeforeAccept, survivesResets } from '#lib/workshop/survives-resets.ts'
import { type Expectation, type TcpProbe, WAKE_UP_PATIENCE_MS } from '#lib/workshop/tcp-probe.ts'

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
      async run(check) {
        const probe = await check.connect()
        probe.send('hello\n')
        await probe.expect('hello\n', { likelyCause: STREAM })
        probe.send('and again')
        await probe.expect('and again', {
          likelyCause: 'it answers only the first piece: `once` where it should be `on`',
        })
      },
    },
    {
      title: 'sends back bytes that are not text, one by one',
      async run(check) {
        const probe = await check.connect()
        const bytes = check.random.bytes(300)
        probe.send(bytes)
        await probe.expect(bytes, {
          likelyCause: 'bytes were made into text and back: 0x80 and above do not survive that',
        })
        await probe.sendPieces(check.random.cut(bytes, 1))
        await probe.expect(bytes, { likelyCause: 'it waits for more than has come' })
      },
    },
    {
      title: 'sends every byte back, and treats none as a command',
      async run(check) {
        const probe = await check.connect()
        for (const word of COMMANDS) {
          probe.send(word)
          await probe.expect(word, {
            likelyCause: 'no byte is a command, and none ends the conversation',
          })
        }
        const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
        probe.send(bytes)
        await probe.expect(bytes, {
          likelyCause: 'no byte is a command, and none ends the conversation',
        })
      },
    },
    {
      title: 'sends back a stream of any length',
      async run(check) {
        const probe = await check.connect()
        const block = check.random.bytes(BLOCK_BYTES)
        for (let n = 0; n < STREAM_BLOCKS; n++) probe.socket.write(block)
        await probe.expect(Buffer.alloc(STREAM_BLOCKS * block.length, block), {
          bulk: true,
          likelyCause:
            'a stream may have any length, and what send() did not take must be sent later',
        })
      },
    },
    {
      title: 'keeps two clients apart',
      async run(check) {
        const [ann, ben] = [await check.connect(), await check.connect()]
        ann.send('ann')
        ben.send('ben')
        await ann.expect('ann')
        await ben.expect('ben', { likelyCause: 'it talks with one client at a time' })
        ann.send('ann again')
        await ann.expect('ann again')
      },
    },
    {
      title: 'ends the connection after the client’s FIN, once the last byte is sent',
      async run(check) {
        const probe = await check.connect()
        const bytes = check.random.bytes(100_000)
        probe.send(bytes)
        probe.sendFin()
        await probe.expect(bytes, {
          likelyCause: 'it closes at the client’s FIN, with bytes still on their way back',
        })
        await probe.expectEnd({
          likelyCause: 'allowHalfOpen is true, and nobody calls end() when the client has ended',
        })
        const silent = await check.connect()
        silent.sendFin()
        await silent.expectEnd({
          likelyCause: 'answer the FIN of a client that sent nothing, like any other',
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

async function losesNothing(check: CheckContext): Promise<void> {
  const other = await check.connect()
  const bytes = Buffer.alloc(MUCH_BYTES, check.random.bytes(BLOCK_BYTES))
  const [open, ended] = await Promise.all([
    startSlowReader(check, bytes),
    startSlowReader(check, bytes),
  ])
  ended.sendFin()
  await waitUntilRead(ended, 500)
  // They answer other clients: so they have had their turn to see the FIN.
  const likelyCause =
    'it waits in write() or send() for the client that does not read: so do all others'
  for (const probe of [other, await check.connect()]) {
    const much = check.random.bytes(check.random.between(30_000, 90_000))
    probe.send(much)
    await probe.expect(much, { likelyCause })
    await echoes(probe, { likelyCause })
  }
  open.sendFin()
  for (const probe of [ended, open]) {
    await readsAgain(
      probe,
      bytes,
      'destroy() throws away what Node still has to send, where end() sends it first; or the result of send() is ignored: it may take only a part',
    )
  }
}

/** A client that sends this, as far as it is taken, and reads nothing of what comes back. */
async function startSlowReader(check: CheckContext, bytes: Buffer): Promise<TcpProbe> {
  const probe = await check.connect({ reading: false })
  probe.socket.write(bytes)
  // A server that reads on has it all now; one that holds the client back has a part.
  await waitUntilRead(probe, 500)
  return probe
}

/** It has sent its FIN, and now reads what it has sent. */
async function readsAgain(probe: TcpProbe, bytes: Buffer, likelyCause: string): Promise<void> {
  probe.startReading()
  await probe.expect(bytes, { bulk: true, likelyCause, patienceMs: WAKE_UP_PATIENCE_MS })
  await probe.expectEnd({
    bulk: true,
    likelyCause: 'nobody calls end() when the last byte has left',
  })
}

async function survivesThem(check: CheckContext): Promise<void> {
  await survivesResets(check, async () => {
    for (let n = 0; n < 5; n++) {
      const probe = await check.connect()
      probe.send(check.random.bytes(10_000))
      if (n % 2) probe.reset()
      else probe.close()
    }
    await resetBeforeAccept(check)
    const probe = await check.connect()
    await echoes(probe, {})
    // Of these, much is still to be sent when they go.
    const much = Buffer.alloc(MUCH_BYTES, check.random.bytes(BLOCK_BYTES))
    const slowReaders = await Promise.all([1, 2, 3].map(() => startSlowReader(check, much)))
    for (const slowReader of slowReaders) slowReader.reset()
    await echoes(probe, {})
    const likelyCause = 'what was kept for a client that has gone was sent to the next one'
    for (const next of await Promise.all(slowReaders.map(() => check.connect()))) {
      await echoes(next, { likelyCause })
      next.sendFin()
      await next.expectEnd({ causeOfExcess: likelyCause })
    }
    await comeAndGo(
      check,
      gone => gone.send('half a word'),
      async () =>
        echoes(await check.connect(), {
          likelyCause: 'clients that have gone still count, so their places are never freed',
        }),
    )
  })
}

async function servesCrowd(check: CheckContext): Promise<void> {
  const probes = await connectCrowd(check, (probe, others) =>
    echoes(probe, {
      likelyCause: `${others} other clients are connected and silent: a limit on connections, a full pool of threads or processes, or a read that blocks`,
    }),
  )
  for (const probe of probes.toReversed()) {
    await echoes(probe, { likelyCause: 'with many others connected, a client is forgotten' })
  }
}

async function keepsTheSilent(check: CheckContext): Promise<void> {
  const [dumb, spoken, active] = [
    await check.connect(),
    await check.connect(),
    await check.connect(),
  ]
  await echoes(spoken, {})
  const bytes = Buffer.alloc(TOO_MUCH_BYTES, check.random.bytes(BLOCK_BYTES))
  const [slowReader, ended] = await Promise.all([
    startSlowReader(check, bytes),
    startSlowReader(check, bytes),
  ])
  ended.sendFin()
  await echoes(await check.connect(), {})
  const likelyCause = 'keep what a client has yet to read, however long it takes'
  const clients = [
    { where: 'before its first byte', probe: dumb, goOn: () => echoes(dumb, {}) },
    { where: 'behind a word', probe: spoken, goOn: () => echoes(spoken, {}) },
    {
      where: 'and read nothing of what came back',
      probe: slowReader,
      async goOn() {
        slowReader.sendFin()
        await readsAgain(slowReader, bytes, likelyCause)
      },
    },
    {
      where: 'and read nothing of what came back, behind its FIN',
      probe: ended,
      goOn: () => readsAgain(ended, bytes, likelyCause),
    },
  ]
  await staySilent(check, clients, async () => {
    for (let n = 0; n < EXCHANGES; n++) await echoes(active, {})
  })
  await echoes(await check.connect(), {})
}

async function echoes(probe: TcpProbe, options: Expectation): Promise<void> {
  probe.send('a word')
  await probe.expect('a word', options)
}
