import { type Examiner, type Exercise, exercise } from '../../../../lib/workshop/exercise.ts'
import { Failed, firstDifference } from '../../../../lib/workshop/failed.ts'
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
/** A ping that has not come by then does not come: four times as long, and less than the limit. */
const SILENT_MS = 1000
/** So many of them take 15 seconds: longer than counts and tables that people choose. */
const MANY_PINGS = 60
/** An interval that begins anew when the last one is over adds so much each time, and no more. */
const EACH_LATE_MS = 40
/** A first ping that comes later than this may be the first of an interval. */
const AT_ONCE_MS = 150
/** What has come by then did not wait for the interval. */
const AT_ONCE_SURE_MS = 225
/** As often a slow peer gives a sign of life: well within the limit. */
const SIGN_MS = 400

const CLOSED = { line: 'peer has closed', code: 0 }
const GONE = { line: 'peer is gone', code: 3 }
const LOST = { line: 'connection is lost', code: 4 }

/** A machine that takes so much time from us or the program makes us silent, or it deaf. */
const TOO_LATE_MS = 600

const definition: Exercise = {
  id: 'heartbeat',
  title: 'A client that notices when its peer has vanished',
  kind: 'client',
  protocol: `The client connects to TCP port PORT of 127.0.0.1. Both sides send lines that end with LF. At once, and then every
${INTERVAL_MS} ms, the client sends "ping N", with N = 1, 2, 3 and so on, whether the last ping was answered or not. The peer answers
"pong N", sooner or later. It may also send "ping N", where N is 1 to 18 digits 0 to 9, with one space before them and
nothing behind. The client answers at once with "pong N", and the same digits as they came. It skips other lines, however
much they look like a ping. It pings on for as long as it is connected, whatever comes between.
Any byte that comes from the peer is a sign of life. So are bytes that came while the client itself was stopped, and has
not read yet. When there was no sign of life for ${LIMIT_MS} ms, counted from the connection or from the last one, the client
gives up: 2500 ms after that sign at the latest, it has printed "${GONE.line}" and ended with exit code ${GONE.code}. It does not
wait for the peer to close.
When the peer sends its FIN, also in the middle of a line, the client prints "${CLOSED.line}" and ends with exit code ${CLOSED.code}. When the connection is reset, it
prints "${LOST.line}" and ends with exit code ${LOST.code}. Each of these is the last line that it prints on standard output.`,
  section: 'chapters/05-keepalive/README.md#a-heartbeat-of-your-own',
  hints: [
    'Two things go on at the same time: pings leave every 250 ms, and lines come when they come. Neither waits for the other.',
    'Remember when something came the last time, and let the same interval compare that with the clock. Bytes count, not lines: look at socket.bytesRead.',
    'Timers run before sockets are read. A setImmediate inside of the interval lets Node read first, and decides then. To leave, process.exit() is enough: a peer that has vanished will not answer a FIN.',
  ],
  steps: [
    {
      title: 'sends its first ping at once',
      run: pingsAtOnce,
    },
    {
      title: 'pings every 250 ms, answered or not',
      async run(at) {
        const peer = await at.accept()
        const connected = at.stopwatch()
        let first = connected
        for (let n = 1; n <= PINGS; n++) {
          await peer.expect(`ping ${n}\n`, {
            mistake: 'it waits for a pong before it sends the next ping',
            patienceMs: SILENT_MS,
          })
          if (n === 1) first = at.stopwatch()
          if (n === 3) peer.send('pong 1\npong 2\npong 3\n')
          if (n > 3) peer.send(`pong ${n}\n`)
        }
        inTime(connected, first)
      },
    },
    {
      title: 'answers pings of the peer at once, cut and joined as they come',
      async run(at) {
        const peer = await at.accept()
        const numbers = Array.from({ length: 3 }, () => at.random.between(1, 9999))
        peer.send(numbers.map(n => `ping ${n}\n`).join(''))
        for (const n of numbers) {
          await pong(at, peer, n, 'it takes what comes together for one line')
        }
        await peer.sendPieces(at.random.cut(Buffer.from(`hurry up\nping ${numbers[0]}\n`), 1))
        await pong(at, peer, numbers[0]!, 'it takes a piece of a line for a line')
        await pongsAtOnce(at, peer)
      },
    },
    {
      title: 'sends the digits of a ping back as they came',
      async run(at) {
        const peer = await at.accept()
        const digits = () => Array.from({ length: 18 }, () => at.random.between(1, 9)).join('')
        for (const n of ['4294967299', '2147483648', '0', '007', digits(), '9'.repeat(18)]) {
          peer.send(`ping ${n}\n`)
          await pong(at, peer, n, 'the digits become a number, and that has other digits')
        }
      },
    },
    {
      title: 'skips lines that are no ping',
      async run(at) {
        const peer = await at.accept()
        for (const line of NO_PINGS) {
          peer.send(`${line}\n`)
          // The answer to this one comes next, where the other was skipped.
          const n = at.random.between(1000, 9999)
          peer.send(`ping ${n}\n`)
          await pong(at, peer, n, 'only the whole line says whether it is a ping: "ping N"')
        }
      },
    },
    {
      title: 'tells the peer’s FIN from silence, in the middle of a line too',
      async run(at) {
        const peer = await at.accept()
        await peer.expect('ping 1\n')
        peer.send('half a li')
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
        // The last byte comes between two looks at the clock, and long after the last pong.
        await peer.expect('ping 3\n')
        await at.pause(INTERVAL_MS - 50)
        peer.send('n')
        const last = at.stopwatch()
        await ends(at, peer, GONE, {
          after: 'the last byte of a peer that has vanished',
          mistake: peer.socket.readableEnded
            ? undefined
            : 'the timer of socket.setTimeout() starts anew with each byte that *leaves*: with pings it never runs out',
        })
        last.atLeast(LIMIT_MS, LIMIT_MS - INTERVAL_MS, {
          what: `it gave up sooner than ${LIMIT_MS} ms after the last byte`,
          mistake:
            'the time is counted from something earlier than the last sign of life: from the start, a pong, a whole line, or the last look at the clock',
        })
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
      title: 'gives up on a peer that never says a word',
      alongside: true,
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
      alongside: true,
      async run(at) {
        const peer = await at.accept()
        const mistake = 'an overdue pong is no silence: others have come meanwhile'
        await spared(at, mistake, async alive => {
          for (let n = 1; n <= 10; n++) {
            await peer.expect(`ping ${n}\n`)
            if (n > 3) peer.send(`pong ${n - 3}\n`)
            if (n > 3) alive()
          }
          peer.finish()
        })
        await ends(at, peer, CLOSED, { after: 'the peer’s FIN' })
      },
    },
    {
      title: 'takes other lines for a sign of life, too',
      alongside: true,
      async run(at) {
        const peer = await at.accept()
        const mistake = 'only pongs count for it: whatever comes is a sign of life'
        await signs(at, peer, ['news\n', 'more news\n', 'and so on\n'], mistake)
        await ends(at, peer, CLOSED, { after: 'the peer’s FIN' })
      },
    },
    {
      title: 'takes every byte of a long line for a sign of life',
      alongside: true,
      async run(at) {
        const peer = await at.accept()
        const mistake = 'only whole lines count for it: a byte of a long one is a sign of life'
        await signs(at, peer, ['n', 'e', 'w', 's'], mistake)
        await ends(at, peer, CLOSED, { after: 'the peer’s FIN' })
      },
    },
    {
      title: 'pings as long as it is connected, whatever comes between',
      alongside: true,
      run: pingsOn,
    },
  ],
}

export default exercise({
  ...definition,
  steps: definition.steps.map(step => ({ ...step, run: at => unlessLate(at, step.run) })),
})

/** A program that gives up is right to do so where the machine kept us from giving a sign of life. */
async function unlessLate(at: Examiner, run: (at: Examiner) => Promise<void>): Promise<void> {
  const watches: Stopwatch[] = []
  const stopwatch = () => {
    const started = at.stopwatch()
    watches.push(started)
    return started
  }
  const accept = async () => {
    const peer = await at.accept()
    stopwatch()
    return peer
  }
  try {
    await run({ ...at, accept, stopwatch })
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    // What was late long ago has no part in it.
    const recent = watches.findLast(watch => watch.read().ms > 2 * LIMIT_MS) ?? watches[0]
    if (!recent) throw error
    const { leastMs, mostMs } = recent.read()
    const lateMs = Math.round(mostMs - leastMs)
    await at.subject.until(() => !at.subject.running, 1000)
    if (!at.subject.lines.includes(GONE.line) || lateMs < TOO_LATE_MS) throw error
    at.inconclusive(
      `it gave up, and other programs kept it, or this check, waiting for ${lateMs} ms: it may not have seen a sign of life in time`,
    )
  }
}

/** Lines that begin or look like a ping, and are none. */
const NO_PINGS = [
  'pings 5',
  'ping 5 6',
  'ping 12x',
  'ping x12',
  'ping',
  'ping ',
  'ping  5',
  'ping5',
  ' ping 5',
  'ping 5 ',
  'PING 5',
  'ping +5',
  'ping -5',
  'ping 5.0',
  'ping 1e3',
  'ping 0x10',
  'ping 1_000',
  'ping ٣',
  'ping ５',
  'please ping 5',
  'pong ping 5',
]

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
      connected.atMost(AT_ONCE_MS, late, AT_ONCE_SURE_MS)
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
    mistake: `the interval is shorter than ${INTERVAL_MS} ms, or it also pings when something arrives`,
  })
  first.atMost(rightMs + PINGS_LATE_MS, {
    what: `it pings too slowly: ${due}, and came more than ${PINGS_LATE_MS} ms late`,
    mistake: `the interval is longer than ${INTERVAL_MS} ms, or it restarts when something arrives`,
  })
}

/** Waits for a pong between the pings. */
async function pong(at: Examiner, peer: Talk, n: number | string, mistake?: string): Promise<void> {
  const expected = Buffer.from(`pong ${n}\n`)
  const asked = at.stopwatch()
  const lineEnd = (bytes: Buffer) => bytes.indexOf('\n') + 1 || undefined
  for (;;) {
    const received = await peer.take(lineEnd, `"pong ${n}"`, { mistake, patienceMs: SILENT_MS })
    if (received.equals(expected)) return
    if (/^ping \d+\n$/.test(received.toString())) {
      if (!asked.isOver(SILENT_MS)) continue
      at.fail({
        what: `"pong ${n}" did not come for ${SILENT_MS} ms, and pings came`,
        ...(peer.sent.length > 0 && { sent: peer.sent.subarray(-64) }),
        expected,
        ...(mistake !== undefined && { mistake }),
      })
    }
    at.fail({
      what: 'a line came that is neither a ping nor the pong that was asked for',
      ...(peer.sent.length > 0 && { sent: peer.sent.subarray(-64) }),
      expected,
      received,
      offset: firstDifference(expected, received),
      ...(mistake !== undefined && { mistake }),
    })
  }
}

/** Asks at different moments between two pings: a pong does not wait for the next one. */
async function pongsAtOnce(at: Examiner, peer: Talk): Promise<void> {
  for (const waitMs of [0, 10, 0]) {
    const aPing = (bytes: Buffer) =>
      /ping \d+\n$/.test(bytes.toString()) ? bytes.length : undefined
    await peer.take(aPing, 'its next ping')
    await at.pause(waitMs)
    const n = at.random.between(1, 9999)
    const asked = at.stopwatch()
    peer.send(`ping ${n}\n`)
    await pong(at, peer, n)
    const late = {
      what: `a pong came more than ${AT_ONCE_MS} ms after its ping`,
      mistake: 'pongs wait for the next ping: they leave when the ping of the peer has come',
    }
    asked.atMost(AT_ONCE_MS, late, AT_ONCE_SURE_MS)
  }
}

/** A peer that says something between two pings, for as long as people think that it takes. */
async function pingsOn(at: Examiner): Promise<void> {
  const peer = await at.accept()
  await peer.expect('ping 1\n')
  const first = at.stopwatch()
  const off =
    'what comes puts the next ping off, or the pings come to an end: they leave every 250 ms while the connection lasts'
  for (let n = 2; n <= MANY_PINGS; n++) {
    await at.pause(INTERVAL_MS / 2)
    peer.send(at.random.of(['news\n', `pong ${n - 1}\n`, 'half a line, and ']))
    await peer.expect(`ping ${n}\n`, { mistake: off, patienceMs: SILENT_MS })
    at.stopwatch()
    if (n % PINGS !== 0) continue
    first.atMost((n - 1) * (INTERVAL_MS + EACH_LATE_MS), {
      what: `it pings too slowly: ping ${n} is due ${(n - 1) * INTERVAL_MS} ms after ping 1, and came more than ${(n - 1) * EACH_LATE_MS} ms late`,
      mistake: off,
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

/** Something that must not make the program give up: the peer is never silent for long. */
async function spared(
  at: Examiner,
  mistake: string,
  run: (alive: () => void) => Promise<void>,
): Promise<void> {
  const { subject } = at
  let aliveMs = performance.now()
  let silentMs = 0
  const alive = () => {
    const nowMs = performance.now()
    silentMs = Math.max(silentMs, nowMs - aliveMs)
    aliveMs = nowMs
  }
  try {
    await run(alive)
  } catch (error) {
    await subject.until(() => !subject.running, 1000)
    if (!subject.lines.includes(GONE.line)) throw error
    if (silentMs >= LIMIT_MS) at.inconclusive(`the peer came to say nothing for ${silentMs} ms`)
    at.fail({ what: `it gave up ("${GONE.line}") on a peer that was alive`, mistake })
  }
}

/** Sends signs of life for longer than the limit, then a line end and a FIN. */
async function signs(at: Examiner, peer: Talk, pieces: string[], mistake: string): Promise<void> {
  await peer.expect('ping 1\n')
  await spared(at, mistake, async alive => {
    for (let sent = 0; sent * SIGN_MS < LIMIT_MS + 2 * SIGN_MS; sent++) {
      peer.send(pieces[sent % pieces.length]!)
      alive()
      await at.pause(SIGN_MS)
      if (!at.subject.running) {
        alive()
        at.fail({ what: at.subject.fate() })
      }
    }
    peer.send('\n')
    peer.finish()
  })
}
