import { ownAddress } from '#lib/workshop/addresses.ts'
import { COMMANDS } from '#lib/workshop/commands.ts'
import { CROWD } from '#lib/workshop/crowd.ts'
import type { Datagrams } from '#lib/workshop/datagrams.ts'
import { type Examiner, exercise } from '#lib/workshop/exercise.ts'
import { Failed } from '#lib/workshop/failed.ts'
import { SILENCE_MS } from '#lib/workshop/silence.ts'
import { whileStopped } from '#lib/workshop/survives.ts'
import { PATIENCE_MS } from '#lib/workshop/talk.ts'

/** Around common sizes of buffers, of an Ethernet packet (1472), and the largest. */
const SIZES = [
  1, 2, 255, 256, 511, 512, 513, 1023, 1024, 1025, 1472, 1473, 1500, 1501, 2048, 2049, 4096, 4097,
  8192, 8193, 9216, 9217, 16_384, 16_385, 32_768, 32_769, 65_000, 65_506, 65_507,
]
/** What other programs take away, at the ends of a message or all of it, or take for a command. */
const TEXTS = ['a\0', '\0a', 'a\0\0b\0\0', 'a\n', 'a\r\n', ' a ', '\ta\t', '\ufeffa', 'a\u2028']
const ODD: readonly Uint8Array[] = [
  ...COMMANDS.filter(({ length }) => length > 1),
  ...TEXTS.map(text => Buffer.from(text)),
  ...Array.from({ length: 256 }, (_, byte) => Buffer.from([byte])),
]
/** So many datagrams of one sender come one behind the other, nearly the same. */
const SIMILAR = 1500
/** More senders, one after the other, than a table has room for. */
const VISITORS = 1100
/** So many datagrams wait for their answers at once: a receive buffer holds more small ones. */
const GROUP = 48
/** So many senders are gone before their answer. */
const GONE = 10

const AS_IT_CAME = 'each datagram comes back as it came: no byte is stripped, and none is a command'
const TABLE =
  'it has no answer for one of many senders, although an echo need not keep anything about a sender'

export default exercise({
  id: 'udp-echo',
  title: 'A UDP echo that keeps boundaries',
  kind: 'udp',
  protocol: `The server listens on UDP port PORT of 127.0.0.1. For each datagram that comes it sends exactly
one datagram back: the same bytes, to the address and port that it came from, and from the port PORT itself.
Senders have any address of 127.0.0.0/8 and any port, also the same one as the server's at another address. A datagram has 0 to 65507 bytes; one of 0 bytes is
answered with one of 0 bytes. Datagrams are never joined and never cut, however fast they come and from however
many senders. A datagram that comes again, with the same bytes from the same sender, is answered again. All bytes are the
same to the server: none is taken away, and none is a command. A sender that has gone before its answer came does the
others no harm. There may be any number of senders and datagrams, at any rate, and any time between two of them.`,
  section: 'chapters/03-udp/README.md#a-datagram-is-a-message',
  hints: [
    'There is one socket for all senders, and nothing to accept. What does the message event tell beside the bytes?',
    'Each message has an answer of its own, at once: keep nothing in a variable from one message to the next. Is there a length for which your program does something else?',
    'In Node: socket.on("message", (message, { address, port }) => socket.send(message, port, address)). In other languages: read with a buffer of 65535 bytes, and send with sendto.',
  ],
  steps: [
    {
      title: 'sends back the datagram that a client has sent',
      async run(at) {
        const ann = await at.datagrams()
        await ann.send('hello')
        await ann.expect('hello')
        await ann.send('and again')
        await ann.expect('and again', { mistake: 'it answers one datagram and stops' })
      },
    },
    {
      title: 'sends back bytes that are not text',
      async run(at) {
        const ann = await at.datagrams()
        const bytes = at.random.bytes(300)
        await ann.send(bytes)
        await ann.expect(bytes, {
          mistake: 'bytes were made into text and back: 0x80 and above do not survive that',
        })
      },
    },
    {
      title: 'answers every datagram with the same bytes, repeated ones too',
      async run(at) {
        const ann = await at.datagrams()
        await comeBack(at, ann, ODD, AS_IT_CAME)
        for (let n = 0; n < 4; n++) {
          await ann.send('the same again')
          await ann.expect('the same again', {
            mistake: 'a repeated datagram is a datagram like any other, and gets its own answer',
          })
        }
      },
    },
    {
      title: 'answers a long run of datagrams that are nearly the same',
      async run(at) {
        const ann = await at.datagrams()
        const base = at.random.bytes(100)
        const similar = Array.from({ length: SIMILAR }, (_, n) => {
          const bytes = Buffer.from(base)
          // At the beginning, at the end, or anywhere.
          bytes.writeUInt16BE(n, at.random.of([0, 98, at.random.below(98)]))
          return bytes
        })
        const mistake =
          'it answers with an earlier datagram that looks the same, or limits how many it answers'
        await comeBack(at, ann, similar, mistake)
      },
    },
    {
      title: 'answers a second sender as it answers the first, wherever it is',
      run: answersOthers,
    },
    {
      title: 'keeps the boundaries of datagrams that arrive together',
      async run(at) {
        const ann = await at.datagrams()
        const sent = Array.from({ length: 24 }, (_, n) =>
          Buffer.concat([Buffer.from(`${n} `), at.random.bytes(at.random.below(80))]),
        )
        for (const bytes of sent) await ann.send(bytes)
        await answered(at, 'datagrams', sent, async () => ann.next({ bulk: true }), {
          what: 'a datagram came back that nobody had sent',
          mistake: 'what comes together is joined, or cut: each message event has its own answer',
        })
      },
    },
    {
      title: 'answers an empty datagram with an empty one',
      async run(at) {
        const ann = await at.datagrams()
        const mistake = 'an empty datagram is taken for nothing, or for an end: it is a message too'
        const sent = Buffer.alloc(0)
        await ann.send(sent)
        // Behind it: had the empty one an answer, it would come first.
        await ann.send('marker')
        const first = await ann.next({ mistake, sent })
        if (first.equals(Buffer.from('marker'))) {
          at.fail({
            what: 'the empty datagram had no answer; the one behind it had',
            sent,
            received: first,
            mistake,
          })
        }
        if (first.length > 0) {
          at.fail({ what: 'the answer to an empty datagram is not empty', sent, received: first })
        }
        await ann.expect('marker', { mistake: 'an empty datagram ends the conversation' })
      },
    },
    {
      title: 'sends back datagrams of every size, up to 65507 bytes',
      async run(at) {
        const ann = await at.datagrams()
        for (const size of SIZES) {
          const bytes = at.random.bytes(size)
          // Some systems send less: macOS stops at 9216.
          if (!(await ann.send(bytes))) continue
          await ann.expect(bytes, {
            mistake:
              'a datagram comes back whole: not cut to the size of a buffer, and not in pieces',
          })
        }
      },
    },
    {
      title: 'answers many senders at once, each with what it has sent',
      async run(at) {
        const senders = await Promise.all(Array.from({ length: 16 }, () => at.datagrams()))
        const sentBy = senders.map((_, n) => ['a', 'b', 'c'].map(round => `sender ${n} ${round}`))
        for (const round of [0, 1, 2]) {
          for (const [n, sender] of senders.entries()) await sender.send(sentBy[n]![round]!)
        }
        const mistake =
          'the sender of one message is kept where the next one replaces it, before the answer has left'
        await arrived(at, senders, 3 * senders.length)
        const strange = senders.some((sender, n) =>
          sender.unread.some(bytes => !sentBy[n]!.includes(bytes.toString())),
        )
        if (strange) at.fail({ what: 'a sender was sent what another one had said', mistake })
        for (const [n, sender] of senders.entries()) {
          const expected = sentBy[n]!.map(text => Buffer.from(text))
          const what = 'a datagram came back that nobody had sent'
          await answered(at, 'datagrams', expected, () => sender.next({ bulk: true }), { what })
        }
      },
    },
    {
      title: 'answers any number of senders, each several times',
      run: answersCrowd,
    },
    {
      title:
        'keeps running when senders are gone before the answer arrives, and answers the others',
      run: answersBesideGone,
    },
    {
      title: 'answers after a long silence',
      alongside: true,
      async run(at) {
        const ann = await at.datagrams()
        await exchange(ann, 'hello')
        await at.pause(SILENCE_MS)
        const mistake = 'a timeout ends it, or makes it forget a silent sender'
        await exchange(ann, 'still there?', mistake)
        await exchange(await at.datagrams(), 'anybody?', mistake)
      },
    },
  ],
})

async function exchange(sender: Datagrams, text: string, mistake?: string): Promise<void> {
  await sender.send(text)
  await sender.expect(text, { mistake })
}

async function answersOthers(at: Examiner): Promise<void> {
  const [ann, ben] = [await at.datagrams(), await at.datagrams()]
  const first =
    'it talks with the first who sent: a UDP socket has no peer of its own, unless it is connected'
  await exchange(ann, 'ann')
  await exchange(ben, 'ben', first)
  await exchange(ann, 'ann again', first)
  // Linux has all of 127.0.0.0/8, other systems have 127.0.0.1 alone.
  if (process.platform !== 'linux') return
  const mistake =
    'a sender is an address and a port: this one has another address, and the same port'
  const carl = await at.datagrams({ localAddress: '127.0.0.1' })
  const localPort = carl.localPort
  const eve = await at.datagrams({ localAddress: ownAddress(at.random, 3), localPort })
  for (const round of ['first', 'second']) {
    await carl.send(`carl, ${round}`)
    await eve.send(`eve, ${round}`)
    await eve.expect(`eve, ${round}`, { mistake })
    await carl.expect(`carl, ${round}`, { mistake })
  }
  const dan = await at.datagrams({
    localAddress: ownAddress(at.random, 2),
    localPort: at.subject.port,
  })
  await exchange(dan, 'dan', 'this sender has the port of the server, at another address')
}

async function answersCrowd(at: Examiner): Promise<void> {
  const open = async (count: number) =>
    Promise.all(Array.from({ length: count }, () => at.datagrams()))
  const asked = async (senders: readonly Datagrams[], said: (n: number) => string) => {
    for (let from = 0; from < senders.length; from += GROUP) {
      const group = senders.slice(from, from + GROUP)
      for (const [n, sender] of group.entries()) await sender.send(said(from + n))
      for (const [n, sender] of group.entries()) {
        await sender.expect(said(from + n), { mistake: TABLE })
      }
    }
  }
  const senders = await open(CROWD)
  for (const round of ['first', 'second']) await asked(senders, n => `sender ${n}, ${round} time`)
  for (let n = 0; n < VISITORS; n += GROUP) {
    const visitors = await open(GROUP)
    await asked(visitors, at => `visitor ${n + at}`)
    for (const visitor of visitors) visitor.close()
  }
  await asked(senders, n => `sender ${n}, after all the others`)
}

/**
 * The program stands still while some send who are gone when it goes on, and others who are not: what it
 * hears of the gone must not cost the others their answers.
 */
async function answersBesideGone(at: Examiner): Promise<void> {
  // Before the others: they must not get the port of one that is gone, and so an answer to that.
  const [ann, ben] = [await at.datagrams(), await at.datagrams()]
  const sent: Buffer[] = []
  await whileStopped(at, async () => {
    for (let n = 0; n < GONE; n++) {
      const gone = await at.datagrams()
      await gone.send(at.random.bytes(100))
      gone.close()
      sent.push(at.random.bytes(50))
      await ann.send(sent.at(-1)!)
    }
  })
  const mistake =
    'an answer that nobody takes is an error for it, or for the next answer: for UDP it is nothing special'
  await answered(at, 'datagrams', sent, () => ann.next({ bulk: true, mistake }), {
    what: 'a datagram came back that nobody had sent',
  })
  await exchange(ben, 'still there?', mistake)
}

/** Sends these, some at a time, and waits for an answer to each. */
async function comeBack(
  at: Examiner,
  sender: Datagrams,
  datagrams: readonly Uint8Array[],
  mistake: string,
): Promise<void> {
  for (let from = 0; from < datagrams.length; from += GROUP) {
    const group = datagrams.slice(from, from + GROUP).map(bytes => Buffer.from(bytes))
    const open = [...group]
    for (const bytes of group) await sender.send(bytes)
    try {
      while (open.length > 0) {
        const received = await sender.next({ bulk: true, mistake })
        const place = open.findIndex(bytes => bytes.equals(received))
        if (place >= 0) open.splice(place, 1)
        else at.fail({ what: 'a datagram came back changed, or twice', received, mistake })
      }
    } catch (error) {
      if (!(error instanceof Failed)) throw error
      // Of those that have had no answer, the first.
      const sent = open[0]!
      throw new Failed({
        ...error.failure,
        sent,
        ...(error.failure.received && { expected: sent }),
      })
    }
  }
}

/** Waits for an answer to each of these datagrams, in any order: the network promises none. */
async function answered(
  at: Examiner,
  name: string,
  sent: readonly Buffer[],
  next: () => Promise<Buffer>,
  failure: { what: string; mistake?: string },
): Promise<void> {
  const open = [...sent]
  while (open.length > 0) {
    const received = await next()
    const place = open.findIndex(bytes => bytes.equals(received))
    if (place >= 0) open.splice(place, 1)
    else if (!sent.some(bytes => bytes.equals(received))) at.fail(failure)
    else at.fail({ what: `one of the ${name} came back twice` })
  }
}

/** Waits until so many datagrams have come, to whichever of the sockets. */
async function arrived(at: Examiner, sockets: readonly Datagrams[], count: number): Promise<void> {
  const came = () => sockets.reduce((sum, { unread }) => sum + unread.length, 0)
  const all = () => came() >= count || !at.subject.running
  await Promise.race(sockets.map(socket => socket.until(all, PATIENCE_MS)))
}
