import { type Examiner, exercise } from '../../../../lib/workshop/exercise.ts'
import type { Stopwatch } from '../../../../lib/workshop/stopwatch.ts'
import type { Talk } from '../../../../lib/workshop/talk.ts'

/** What the protocol promises, in milliseconds. */
const INTERVAL_MS = 250
const LIMIT_MS = 1500
/** The protocol allows 2500; a process takes a moment to end. */
const GONE_MS = 2600
/** A program that has not ended by then is not only late. */
const LATEST_MS = 5000
/** So many pings say how fast they come. */
const PINGS = 9
const PINGS_EARLY_MS = 100
const PINGS_LATE_MS = 300
/** A first ping that comes later than this may be the first of an interval. */
const AT_ONCE_MS = 125
/** As often a slow peer gives a sign of life: well within the limit. */
const SIGN_MS = 400

const CLOSED = { line: 'peer has closed', code: 0 }
const GONE = { line: 'peer is gone', code: 3 }
const LOST = { line: 'connection is lost', code: 4 }

export default exercise({
  id: 'heartbeat',
  title: 'A client that notices when its peer has vanished',
  kind: 'client',
  protocol: `The client connects to TCP port PORT of 127.0.0.1. Both sides send lines that end with LF. At once, and then every
${INTERVAL_MS} ms, the client sends "ping N", with N = 1, 2, 3 and so on, whether the last ping was answered or not. The peer answers
"pong N", sooner or later. It may also send "ping N", any number, which the client answers at once with "pong N", and
other lines, which the client skips.
Any byte that comes from the peer is a sign of life. So are bytes that came while the client itself was stopped, and has
not read yet. When there was no sign of life for ${LIMIT_MS} ms, counted from the connection or from the last one, the client
gives up: 2500 ms after that sign at the latest, it has printed "${GONE.line}" and ended with exit code ${GONE.code}. It does not
wait for the peer to close.
When the peer sends its FIN, the client prints "${CLOSED.line}" and ends with exit code ${CLOSED.code}. When the connection is reset, it
prints "${LOST.line}" and ends with exit code ${LOST.code}. Each of these is the last line that it prints on standard output.`,
  section: 'chapters/05-keepalive/README.md#a-heartbeat-of-your-own',
  hints: [
    'Two things go on at the same time: pings leave every 250 ms, and lines come when they come. Neither waits for the other.',
    'Remember when something came the last time, and let the same interval compare that with the clock. Bytes count, not lines: look at socket.bytesRead.',
    'Timers run before sockets are read. A setImmediate inside of the interval lets Node read first, and decides then. To leave, process.exit() is enough: a peer that has vanished will not answer a FIN.',
  ],
  steps: [
    {
      title: 'pings every 250 ms, answered or not',
      async run(at) {
        const peer = await at.accept()
        const connected = at.stopwatch()
        let first = connected
        for (let n = 1; n <= PINGS; n++) {
          await peer.expect(`ping ${n}\n`, {
            mistake: 'it waits for a pong before it sends the next ping',
          })
          if (n === 1) first = at.stopwatch()
          if (n === 3) peer.send('pong 1\npong 2\npong 3\n')
          if (n > 3) peer.send(`pong ${n}\n`)
        }
        inTime(connected, first)
      },
    },
    {
      title: 'answers pings of the peer, cut and joined as they come',
      async run(at) {
        const peer = await at.accept()
        const numbers = Array.from({ length: 3 }, () => at.random.between(1, 9999))
        peer.send(numbers.map(n => `ping ${n}\n`).join(''))
        for (const n of numbers) {
          await pong(at, peer, n, 'it takes what comes together for one line')
        }
        await peer.sendPieces(at.random.cut(Buffer.from(`hurry up\nping ${numbers[0]}\n`), 1))
        await pong(at, peer, numbers[0]!, 'it takes a piece of a line for a line')
      },
    },
    {
      title: 'tells the peer’s FIN from silence',
      async run(at) {
        const peer = await at.accept()
        await peer.expect('ping 1\n')
        peer.finish()
        await ends(at, peer, CLOSED, {
          after: 'the peer’s FIN',
          mistake: 'the connection ends, and the interval that pings keeps the program alive',
        })
      },
    },
    {
      title: 'survives a reset long enough to say so',
      async run(at) {
        const peer = await at.accept()
        await peer.expect('ping 1\n')
        peer.reset()
        await ends(at, peer, LOST, {
          after: 'the reset',
          mistake: 'nobody listens to the error event of the socket',
        })
      },
    },
    {
      title: 'gives up on a peer that has vanished, neither too early nor too late',
      async run(at) {
        const peer = await at.accept()
        await peer.expect('ping 1\n')
        peer.send('pong 1\n')
        await peer.expect('ping 2\n')
        peer.send('pong 2\n')
        const last = at.stopwatch()
        await ends(at, peer, GONE, {
          after: 'the last byte of a peer that has vanished',
          mistake: peer.socket.readableEnded
            ? undefined
            : 'the timer of socket.setTimeout() starts anew with each byte that *leaves*: with pings it never runs out',
        })
        last.atLeast(LIMIT_MS, LIMIT_MS - INTERVAL_MS, {
          what: `it gave up sooner than ${LIMIT_MS} ms after the last byte`,
          mistake: 'the time is counted from the start, and not from the last sign of life',
        })
      },
    },
    {
      title: 'gives up on a peer that never says a word',
      async run(at) {
        const peer = await at.accept()
        await ends(at, peer, GONE, {
          after: 'the connection to a peer that never says a word',
          mistake: 'the clock starts with the first thing that comes, which never comes',
        })
      },
    },
    {
      title: 'spares a peer whose pongs come late',
      async run(at) {
        const peer = await at.accept()
        await spared(at, 'an overdue pong is no silence: others have come meanwhile', async () => {
          for (let n = 1; n <= 10; n++) {
            await peer.expect(`ping ${n}\n`)
            if (n > 3) peer.send(`pong ${n - 3}\n`)
          }
          peer.finish()
        })
        await ends(at, peer, CLOSED, { after: 'the peer’s FIN' })
      },
    },
    {
      title: 'takes other lines for a sign of life, too',
      async run(at) {
        const peer = await at.accept()
        const mistake = 'only pongs count for it: whatever comes is a sign of life'
        await signs(at, peer, ['news\n', 'more news\n', 'and so on\n'], mistake)
        await ends(at, peer, CLOSED, { after: 'the peer’s FIN' })
      },
    },
    {
      title: 'takes every byte of a long line for a sign of life',
      async run(at) {
        const peer = await at.accept()
        const mistake = 'only whole lines count for it: a byte of a long one is a sign of life'
        await signs(at, peer, ['n', 'e', 'w', 's'], mistake)
        await ends(at, peer, CLOSED, { after: 'the peer’s FIN' })
      },
    },
    {
      title: 'reads what has come while it was stopped itself, before it gives up',
      async run(at) {
        const peer = await at.accept()
        await peer.expect('ping 1\nping 2\n')
        peer.send('pong 1\npong 2\n')
        const n = at.random.between(1, 9999)
        await spared(at, 'a timer decides before what has come is read', async () => {
          // Stopped while it waits: not in the middle of what it does with our pongs.
          await at.pause(INTERVAL_MS / 2)
          at.subject.signal('SIGSTOP')
          await at.pause(LIMIT_MS / 2)
          peer.send(`ping ${n}\n`)
          await at.pause(LIMIT_MS / 2 + SIGN_MS)
          at.subject.signal('SIGCONT')
          await pong(at, peer, n)
        })
      },
    },
    {
      title: 'sends its first ping at once',
      run: pingsAtOnce,
    },
  ],
})

/** Pings of ours are answered meanwhile: what has not come with the answers had not been sent. */
async function pingsAtOnce(at: Examiner): Promise<void> {
  const peer = await at.accept()
  const connected = at.stopwatch()
  const late = {
    what: `the connection was ${AT_ONCE_MS} ms old, and "ping 1" had not come; pings of the peer were answered meanwhile`,
    mistake:
      'setInterval() calls for the first time when an interval is over: send one ping before',
  }
  for (let n = 1; ; n++) {
    peer.send(`ping ${n}\n`)
    const line = await peer.line(`"pong ${n}"`)
    if (line === 'ping 1') {
      connected.atMost(AT_ONCE_MS, late)
      return
    }
    if (line !== `pong ${n}`) {
      at.fail({
        what: 'a line came that is neither the first ping nor the pong that was asked for',
        expected: Buffer.from(`pong ${n}\n`),
        received: Buffer.from(`${line}\n`),
      })
    }
    if (connected.read().leastMs > AT_ONCE_MS) at.fail(late)
    await at.pause(5)
  }
}

/** From the first ping to the last one it takes as long as the intervals between them. */
function inTime(connected: Stopwatch, first: Stopwatch): void {
  const rightMs = (PINGS - 1) * INTERVAL_MS
  const due = `ping ${PINGS} is due ${rightMs} ms after ping 1`
  // A first ping that was late itself makes the others look early; none leaves before the connection.
  connected.atLeast(rightMs - PINGS_EARLY_MS, rightMs - 2 * INTERVAL_MS, {
    what: `it pings too fast: ${due}, and came more than ${PINGS_EARLY_MS} ms early`,
    mistake: `the interval is shorter than ${INTERVAL_MS} ms, or what comes makes it ping, too`,
  })
  first.atMost(rightMs + PINGS_LATE_MS, {
    what: `it pings too slowly: ${due}, and came more than ${PINGS_LATE_MS} ms late`,
    mistake: `the interval is longer than ${INTERVAL_MS} ms, or it starts anew with what comes`,
  })
}

/** Waits for a pong between the pings. */
async function pong(at: Examiner, peer: Talk, n: number, mistake?: string): Promise<void> {
  for (;;) {
    const line = await peer.line(`"pong ${n}"`, { mistake })
    if (line === `pong ${n}`) return
    if (/^ping \d+$/.test(line)) continue
    at.fail({
      what: 'a line came that is neither a ping nor the pong that was asked for',
      expected: Buffer.from(`pong ${n}\n`),
      received: Buffer.from(`${line}\n`),
      ...(mistake !== undefined && { mistake }),
    })
  }
}

/** Waits until the program has ended, in the way that is expected. */
async function ends(
  at: Examiner,
  peer: Talk,
  { line, code }: { line: string; code: number },
  { after, mistake }: { after: string; mistake?: string | undefined },
): Promise<void> {
  const { subject } = at
  const since = at.stopwatch()
  const ended = (ms: number) => subject.until(() => !subject.running, ms)
  if (!(await since.happens(LATEST_MS, ended))) {
    // Our side stays open, as that of a peer that has vanished does.
    if (peer.socket.readableEnded && !peer.socket.writableEnded) {
      at.fail({
        what: 'it has sent its FIN, and has not ended: it waits for ours',
        mistake: 'end() waits until the peer closes, too; a peer that has vanished never will',
      })
    }
    const what = `${LATEST_MS} ms after ${after} the program still runs`
    at.fail({ what, ...(mistake !== undefined && { mistake }) })
  }
  const last = subject.lines.at(-1) ?? ''
  if (last === line && subject.exitCode === code) {
    if (code !== GONE.code) return
    since.atMost(GONE_MS, {
      what: `it gave up, but later than ${GONE_MS} ms after ${after}`,
      mistake: `${LIMIT_MS} ms without a sign of life are enough, and 2500 are the most: the limit is longer, or too seldom looked at`,
    })
    return
  }
  const how = last === line ? 'the line is right, the exit code is not' : `expected was "${line}"`
  at.fail({
    what: `${subject.fate()} after ${after}, and its last line was "${last}": ${how}`,
    ...(mistake !== undefined && subject.exitCode !== code && { mistake }),
  })
}

/** Something that must not make the program give up. */
async function spared(at: Examiner, mistake: string, run: () => Promise<void>): Promise<void> {
  const { subject } = at
  try {
    await run()
  } catch (error) {
    await subject.until(() => !subject.running, 1000)
    if (!subject.lines.includes(GONE.line)) throw error
    at.fail({ what: `it gave up ("${GONE.line}") on a peer that was alive`, mistake })
  }
}

/** Sends signs of life for longer than the limit, then a line end and a FIN. */
async function signs(at: Examiner, peer: Talk, pieces: string[], mistake: string): Promise<void> {
  await peer.expect('ping 1\n')
  await spared(at, mistake, async () => {
    for (let sent = 0; sent * SIGN_MS < LIMIT_MS + 2 * SIGN_MS; sent++) {
      peer.send(pieces[sent % pieces.length]!)
      await at.pause(SIGN_MS)
      if (!at.subject.running) at.fail({ what: at.subject.fate() })
    }
    peer.send('\n')
    peer.finish()
  })
}
