import { type Examiner, exercise } from '../../../../lib/workshop/exercise.ts'
import { hasRead } from '../../../../lib/workshop/held-back.ts'
import { survives } from '../../../../lib/workshop/survives.ts'
import type { Expected, Talk } from '../../../../lib/workshop/talk.ts'

/** More clients than a small pool of threads has room for. */
const CLIENTS = 40
/** So many connect before the last of them speaks: the queue of a server that accepts is short. */
const GROUP = 5
/** How long nobody says anything, in milliseconds. */
const SILENT_MS = 1500

const STREAM = 'a TCP connection is a stream of bytes: whatever comes goes back, as it comes'

export default exercise({
  id: 'tcp-echo',
  title: 'An echo server that survives its clients',
  kind: 'server',
  protocol: `The server listens on TCP port PORT of 127.0.0.1, for any number of clients at once. It sends every byte back
to the client that sent it, in the same order. A client may be silent for as long as it likes: it stays connected, and
no other client waits for it. When a client sends its FIN, the server sends back what is still to be sent, and then ends
the connection too. Clients that reset their connection, or vanish, do the others no harm.`,
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
      title: 'sends back bytes that are no text, one by one',
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
      title: 'ends the connection after the client’s FIN, behind the last byte',
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
      },
    },
    {
      title: 'loses nothing of what a slow client has still to read',
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
      title: 'survives clients that reset, and that vanish',
      async run(at) {
        await survives(at, async () => {
          for (let n = 0; n < 5; n++) {
            const talk = await at.connect()
            talk.send(at.random.bytes(10_000))
            if (n % 2) talk.reset()
            else talk.close()
          }
          const talk = await at.connect()
          talk.send('still there?')
          await talk.expect('still there?')
        })
      },
    },
    {
      title: 'serves forty clients at once, and keeps those that say nothing',
      run: servesForty,
    },
  ],
})

async function servesForty(at: Examiner): Promise<void> {
  const talks: Talk[] = []
  while (talks.length < CLIENTS) {
    for (let n = 0; n < GROUP; n++) talks.push(await at.connect())
    const others = talks.length - 1
    await echoes(talks.at(-1)!, {
      mistake: `this client waits for one of ${others} others, which say nothing: a pool of threads or processes is full, or a read blocks`,
    })
  }
  // That nobody is thrown out can only be waited for.
  await at.pause(SILENT_MS)
  for (const talk of talks.toReversed()) {
    await echoes(talk, {
      mistake: `a client that says nothing for ${SILENT_MS} ms is thrown out: a timeout of the socket`,
      silence: 'a client that has been silent for a while is forgotten',
    })
  }
}

async function echoes(talk: Talk, options: Expected): Promise<void> {
  talk.send('a word')
  await talk.expect('a word', options)
}
