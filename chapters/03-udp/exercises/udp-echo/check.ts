import { uniqueAddress } from '#lib/workshop/addresses.ts'
import { CheckFailed } from '#lib/workshop/check-failed.ts'
import { COMMANDS } from '#lib/workshop/commands.ts'
import { CROWD } from '#lib/workshop/crowd.ts'
import { type CheckContext, exercise } from '#lib/workshop/exercise.ts'
import { SILENCE_MS } from '#lib/workshop/silence.ts'
import { whileStopped } from '#lib/workshop/survives-resets.ts'
import { PATIENCE_MS } from '#lib/workshop/tcp-probe.ts'
import type { UdpProbe } from '#lib/workshop/udp-probe.ts'

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
      async run(check) {
        const ann = await check.openUdp()
        await ann.send('hello')
        await ann.expect('hello')
        await ann.send('and again')
        await ann.expect('and again', { likelyCause: 'it answers one datagram and stops' })
      },
    },
    {
      title: 'sends back bytes that are not text',
      async run(check) {
        const ann = await check.openUdp()
        const bytes = check.random.bytes(300)
        await ann.send(bytes)
        await ann.expect(bytes, {
          likelyCause: 'bytes were made into text and back: 0x80 and above do not survive that',
        })
      },
    },
    {
      title: 'answers every datagram with the same bytes, repeated ones too',
      async run(check) {
        const ann = await check.openUdp()
        await comeBack(check, ann, ODD, AS_IT_CAME)
        for (let n = 0; n < 4; n++) {
          await ann.send('the same again')
          await ann.expect('the same again', {
            likelyCause:
              'a repeated datagram is a datagram like any other, and gets its own answer',
          })
        }
      },
    },
    {
      title: 'answers a long run of datagrams that are nearly the same',
      async run(check) {
        const ann = await check.openUdp()
        const base = check.random.bytes(100)
        const similar = Array.from({ length: SIMILAR }, (_, n) => {
          const bytes = Buffer.from(base)
          // At the beginning, at the end, or anywhere.
          bytes.writeUInt16BE(n, check.random.of([0, 98, check.random.below(98)]))
          return bytes
        })
        const likelyCause =
          'it answers with an earlier datagram that looks the same, or limits how many it answers'
        await comeBack(check, ann, similar, likelyCause)
      },
    },
    {
      title: 'answers a second sender as it answers the first, wherever it is',
      run: answersOthers,
    },
    {
      title: 'keeps the boundaries of datagrams that arrive together',
      async run(check) {
        const ann = await check.openUdp()
        const sent = Array.from({ length: 24 }, (_, n) =>
          Buffer.concat([Buffer.from(`${n} `), check.random.bytes(check.random.below(80))]),
        )
        for (const bytes of sent) await ann.send(bytes)
        await expectAnswers(check, 'datagrams', sent, async () => ann.next({ bulk: true }), {
          what: 'a datagram came back that nobody had sent',
          likelyCause:
            'what comes together is joined, or cut: each message event has its own answer',
        })
      },
    },
    {
      title: 'answers an empty datagram with an empty one',
      async run(check) {
        const ann = await check.openUdp()
        const likelyCause =
          'an empty datagram is taken for nothing, or for an end: it is a message too'
        const sent = Buffer.alloc(0)
        await ann.send(sent)
        // Behind it: had the empty one an answer, it would come first.
        await ann.send('marker')
        const first = await ann.next({ likelyCause, sent })
        if (first.equals(Buffer.from('marker'))) {
          check.fail({
            what: 'the empty datagram had no answer; the one behind it had',
            sent,
            received: first,
            likelyCause,
          })
        }
        if (first.length > 0) {
          check.fail({
            what: 'the answer to an empty datagram is not empty',
            sent,
            received: first,
          })
        }
        await ann.expect('marker', { likelyCause: 'an empty datagram ends the conversation' })
      },
    },
    {
      title: 'sends back datagrams of every size, up to 65507 bytes',
      async run(check) {
        const ann = await check.openUdp()
        for (const size of SIZES) {
          const bytes = check.random.bytes(size)
          // Some systems send less: macOS stops at 9216.
          if (!(await ann.send(bytes))) continue
          await ann.expect(bytes, {
            likelyCause:
              'a datagram comes back whole: not cut to the size of a buffer, and not in pieces',
          })
        }
      },
    },
    {
      title: 'answers many senders at once, each with what it has sent',
      async run(check) {
        const senders = await Promise.all(Array.from({ length: 16 }, () => check.openUdp()))
        const sentBy = senders.map((_, n) => ['a', 'b', 'c'].map(round => `sender ${n} ${round}`))
        for (const round of [0, 1, 2]) {
          for (const [n, sender] of senders.entries()) await sender.send(sentBy[n]![round]!)
        }
        const likelyCause =
          'the sender of one message is kept where the next one replaces it, before the answer has left'
        await arrived(check, senders, 3 * senders.length)
        const strange = senders.some((sender, n) =>
          sender.unread.some(bytes => !sentBy[n]!.includes(bytes.toString())),
        )
        if (strange)
          check.fail({ what: 'a sender was sent what another one had said', likelyCause })
        for (const [n, sender] of senders.entries()) {
          const expected = sentBy[n]!.map(text => Buffer.from(text))
          const what = 'a datagram came back that nobody had sent'
          await expectAnswers(check, 'datagrams', expected, () => sender.next({ bulk: true }), {
            what,
          })
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
      async run(check) {
        const ann = await check.openUdp()
        await exchange(ann, 'hello')
        await check.pause(SILENCE_MS)
        const likelyCause = 'a timeout ends it, or makes it forget a silent sender'
        await exchange(ann, 'still there?', likelyCause)
        await exchange(await check.openUdp(), 'anybody?', likelyCause)
      },
    },
  ],
})

async function exchange(sender: UdpProbe, text: string, likelyCause?: string): Promise<void> {
  await sender.send(text)
  await sender.expect(text, { likelyCause })
}

async function answersOthers(check: CheckContext): Promise<void> {
  const [ann, ben] = [await check.openUdp(), await check.openUdp()]
  const first =
    'it talks with the first who sent: a UDP socket has no peer of its own, unless it is connected'
  await exchange(ann, 'ann')
  await exchange(ben, 'ben', first)
  await exchange(ann, 'ann again', first)
  // Linux has all of 127.0.0.0/8, other systems have 127.0.0.1 alone.
  if (process.platform !== 'linux') return
  const likelyCause =
    'a sender is an address and a port: this one has another address, and the same port'
  const carl = await check.openUdp({ localAddress: '127.0.0.1' })
  const localPort = carl.localPort
  const eve = await check.openUdp({ localAddress: uniqueAddress(check.random, 3), localPort })
  for (const round of ['first', 'second']) {
    await carl.send(`carl, ${round}`)
    await eve.send(`eve, ${round}`)
    await eve.expect(`eve, ${round}`, { likelyCause })
    await carl.expect(`carl, ${round}`, { likelyCause })
  }
  const dan = await check.openUdp({
    localAddress: uniqueAddress(check.random, 2),
    localPort: check.program.port,
  })
  await exchange(dan, 'dan', 'this sender has the port of the server, at another address')
}

async function answersCrowd(check: CheckContext): Promise<void> {
  const open = async (count: number) =>
    Promise.all(Array.from({ length: count }, () => check.openUdp()))
  const asked = async (senders: readonly UdpProbe[], said: (n: number) => string) => {
    for (let from = 0; from < senders.length; from += GROUP) {
      const group = senders.slice(from, from + GROUP)
      for (const [n, sender] of group.entries()) await sender.send(said(from + n))
      for (const [n, sender] of group.entries()) {
        await sender.expect(said(from + n), { likelyCause: TABLE })
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
async function answersBesideGone(check: CheckContext): Promise<void> {
  // Before the others: they must not get the port of one that is gone, and so an answer to that.
  const [ann, ben] = [await check.openUdp(), await check.openUdp()]
  const sent: Buffer[] = []
  await whileStopped(check, async () => {
    for (let n = 0; n < GONE; n++) {
      const gone = await check.openUdp()
      await gone.send(check.random.bytes(100))
      gone.close()
      sent.push(check.random.bytes(50))
      await ann.send(sent.at(-1)!)
    }
  })
  const likelyCause =
    'an answer that nobody takes is an error for it, or for the next answer: for UDP it is nothing special'
  await expectAnswers(check, 'datagrams', sent, () => ann.next({ bulk: true, likelyCause }), {
    what: 'a datagram came back that nobody had sent',
  })
  await exchange(ben, 'still there?', likelyCause)
}

/** Sends these, some at a time, and waits for an answer to each. */
async function comeBack(
  check: CheckContext,
  sender: UdpProbe,
  datagrams: readonly Uint8Array[],
  likelyCause: string,
): Promise<void> {
  for (let from = 0; from < datagrams.length; from += GROUP) {
    const group = datagrams.slice(from, from + GROUP).map(bytes => Buffer.from(bytes))
    const open = [...group]
    for (const bytes of group) await sender.send(bytes)
    try {
      while (open.length > 0) {
        const received = await sender.next({ bulk: true, likelyCause })
        const place = open.findIndex(bytes => bytes.equals(received))
        if (place >= 0) open.splice(place, 1)
        else check.fail({ what: 'a datagram came back changed, or twice', received, likelyCause })
      }
    } catch (error) {
      if (!(error instanceof CheckFailed)) throw error
      // Of those that have had no answer, the first.
      const sent = open[0]!
      throw new CheckFailed({
        ...error.failure,
        sent,
        ...(error.failure.received && { expected: sent }),
      })
    }
  }
}

/** Waits for an answer to each of these datagrams, in any order: the network promises none. */
async function expectAnswers(
  check: CheckContext,
  name: string,
  sent: readonly Buffer[],
  next: () => Promise<Buffer>,
  failure: { what: string; likelyCause?: string },
): Promise<void> {
  const open = [...sent]
  while (open.length > 0) {
    const received = await next()
    const place = open.findIndex(bytes => bytes.equals(received))
    if (place >= 0) open.splice(place, 1)
    else if (!sent.some(bytes => bytes.equals(received))) check.fail(failure)
    else check.fail({ what: `one of the ${name} came back twice` })
  }
}

/** Waits until so many datagrams have come, to whichever of the sockets. */
async function arrived(
  check: CheckContext,
  sockets: readonly UdpProbe[],
  count: number,
): Promise<void> {
  const came = () => sockets.reduce((sum, { unread }) => sum + unread.length, 0)
  const all = () => came() >= count || !check.program.isRunning
  await Promise.race(sockets.map(socket => socket.waitFor(all, PATIENCE_MS)))
}
