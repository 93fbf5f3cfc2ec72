import { waitUntilRead } from '#lib/workshop/back-pressure.ts'
import { type CheckContext, type Exercise, exercise } from '#lib/workshop/exercise.ts'
import { inTime, PINGS, pingsAtOnce, pingsOn, pongsAtOnce } from './intervals.ts'
import {
  CLOSED,
  ends,
  GONE,
  givesUp,
  INTERVAL_MS,
  LIMIT_MS,
  LOST,
  pong,
  SIGN_MS,
  SILENT_MS,
  sign,
  signs,
  spared,
  unlessLate,
} from './judge.ts'
import { longLines, lookAlikes } from './look-alikes.ts'

/** More pings than the buffers of two sockets have room for, each of 24 bytes. */
const FLOOD_BLOCKS = 96
const FLOOD_LINES = 2730
/** Lines a little longer than the limits of common libraries: 8 KiB to 1 MiB. */
const LONG_LINES = Array.from({ length: 8 }, (_, n) => 2 ** (13 + n) + 1000)
/** The last byte comes 3.2 s after the start: a clock that is looked at every 1.5, 2 or 3 s is late. */
const VANISHES_AT_PING = 13
/** A program that counts whole seconds takes what comes here for nearly a second older than it is. */
const LATE_IN_SECOND_MS = 880

const definition: Exercise = {
  id: 'heartbeat',
  title: 'A client that notices when its peer has vanished',
  kind: 'client',
  protocol: `The client connects to TCP port PORT of 127.0.0.1. Both sides send lines that end with LF. At once, and then every
${INTERVAL_MS} ms, the client sends "ping N", with N = 1, 2, 3 and so on, whether the last ping was answered or not. Pings that it
missed while it was stopped may follow at once, or be left out; the numbers have no gap. The peer answers "pong N", sooner
or later. It may also send "ping N", where N is 1 to 18 digits 0 to 9, with one space before them and nothing behind. The
client answers at once with "pong N", and the same digits as they came. It skips other lines, of any length, however much
they look like a ping. Only LF ends a line; a CR before it may be ignored. It pings on for as long as it is connected,
whatever comes between.
Any byte that comes from the peer is a sign of life. So are bytes that came while the client itself was stopped, and has
not read yet. When there was no sign of life for ${LIMIT_MS} ms, counted from the connection or from the last one, the client
gives up: 2500 ms after that sign at the latest, it has printed "${GONE.line}" and ended with exit code ${GONE.code}. The time for which
the client itself was stopped counts, too. It does not wait for the peer to close, nor for one that does not read.
When the peer sends its FIN, also in the middle of a line, which is no line then, the client answers the pings that came
before, prints "${CLOSED.line}" and ends with exit code ${CLOSED.code}. A FIN that came while it was stopped counts, even after a long time.
When the connection is reset, it prints "${LOST.line}" and ends with exit code ${LOST.code}; after a FIN and a reset, either line is
right. Each of these is the last line that it prints on standard output.`,
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
      async run(check) {
        const peer = await check.accept()
        const connected = check.stopwatch()
        let first = connected
        for (let n = 1; n <= PINGS; n++) {
          await peer.expect(`ping ${n}\n`, {
            likelyCause: 'it waits for a pong before it sends the next ping',
            patienceMs: SILENT_MS,
          })
          if (n === 1) first = check.stopwatch()
          if (n === 3) peer.send('pong 1\npong 2\npong 3\n')
          if (n > 3) peer.send(`pong ${n}\n`)
        }
        inTime(connected, first)
      },
    },
    {
      title: 'answers pings of the peer at once, cut and joined as they come',
      async run(check) {
        const peer = await check.accept()
        const numbers = Array.from({ length: 3 }, () => check.random.between(1, 9999))
        peer.send(numbers.map(n => `ping ${n}\n`).join(''))
        for (const n of numbers) {
          await pong(check, peer, n, 'it takes what comes together for one line')
        }
        await peer.sendPieces(check.random.cut(Buffer.from(`hurry up\nping ${numbers[0]}\n`), 1))
        await pong(check, peer, numbers[0]!, 'it takes a piece of a line for a line')
        await pongsAtOnce(check, peer)
      },
    },
    {
      title: 'sends the digits of a ping back as they came',
      async run(check) {
        const peer = await check.accept()
        const digits = () => Array.from({ length: 18 }, () => check.random.between(1, 9)).join('')
        for (const n of ['4294967299', '2147483648', '0', '007', digits(), '9'.repeat(18)]) {
          peer.send(`ping ${n}\n`)
          await pong(check, peer, n, 'the digits become a number, and that has other digits')
        }
      },
    },
    {
      title: 'skips lines that are no ping, of any length',
      async run(check) {
        const peer = await check.accept()
        for (const line of [...lookAlikes(check.random.between(1000, 9999)), ...longLines(5)]) {
          peer.send(Buffer.concat([line, Buffer.from('\n')]))
          // The answer to this one comes next, where the other was skipped.
          const n = check.random.between(1000, 9999)
          peer.send(`ping ${n}\n`)
          await pong(check, peer, n, LOOK_ALIKE)
        }
      },
    },
    {
      title: 'survives a reset long enough to say so',
      async run(check) {
        const peer = await check.accept()
        await peer.expect('ping 1\n')
        peer.reset()
        await ends(check, peer, LOST, {
          after: 'the reset',
          likelyCause: 'nobody listens to the error event of the socket',
        })
      },
    },
    {
      title: 'tells the peer’s FIN from silence, and first answers what came before it',
      alongside: true,
      run: answersBeforeFin,
    },
    {
      title: 'spares a peer whose pongs come late, and gives up when it has vanished',
      alongside: true,
      run: sparesLatePongs,
    },
    {
      title: 'counts the time for which it was stopped itself, and what came meanwhile',
      alongside: true,
      run: countsItsOwnPause,
    },
    {
      title: 'gives up on a peer that never says a word',
      alongside: true,
      async run(check) {
        const peer = await check.accept()
        await ends(check, peer, GONE, {
          after: 'the connection to a peer that never says a word',
          likelyCause: 'the clock starts with the first thing that comes, which never comes',
        })
      },
    },
    {
      title: 'gives up on a peer that sends a lot, reads nothing, and vanishes',
      alongside: true,
      run: writesToDeafPeer,
    },
    {
      title: 'takes every byte for a sign of life, of other lines and of long ones',
      alongside: true,
      run: takesEveryByte,
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
  steps: definition.steps.map(step => ({ ...step, run: check => unlessLate(check, step.run) })),
})

const LOOK_ALIKE =
  'only the whole line says whether it is a ping, all of its bytes up to LF; node:readline and others end lines at CR, too'

/** Pings and the FIN come together, and wait while the program is stopped. */
async function answersBeforeFin(check: CheckContext): Promise<void> {
  const peer = await check.accept()
  await peer.expect('ping 1\n')
  const numbers = Array.from({ length: 5 }, () => check.random.between(1000, 9999))
  const half = check.random.between(10_000, 99_999)
  await spared(check, 'a timer decides before what has come is read', async () => {
    await check.pause(INTERVAL_MS / 2)
    check.program.signal('SIGSTOP')
    await check.pause(LIMIT_MS / 2)
    peer.send(`${numbers.map(n => `ping ${n}\n`).join('')}ping ${half}`)
    peer.sendFin()
    await check.pause(LIMIT_MS / 2 + SIGN_MS)
    check.program.signal('SIGCONT')
    for (const n of numbers) {
      await pong(
        check,
        peer,
        n,
        'a ping that came before the FIN is answered: write before you leave',
      )
    }
  })
  await ends(check, peer, CLOSED, {
    after: 'the peer’s FIN',
    likelyCause: 'the connection ends, and the interval that pings keeps the program alive',
  })
  if (!peer.peek().includes(`pong ${half}`)) return
  check.fail({
    what: `"ping ${half}" came without its LF, then the FIN, and it was answered`,
    sent: peer.sent,
    received: peer.peek(),
    likelyCause: 'a line is complete at its LF: what the FIN cuts off is none',
  })
}

/** It is stopped twice: once the peer goes on meanwhile, and once it has vanished. */
async function countsItsOwnPause(check: CheckContext): Promise<void> {
  const peer = await check.accept()
  await peer.expect('ping 1\nping 2\n')
  peer.send('pong 1\npong 2\n')
  const n = check.random.between(1, 9999)
  await spared(check, 'a timer decides before what has come is read', async () => {
    // Stopped while it waits: not in the middle of what it does with our pongs.
    await check.pause(INTERVAL_MS / 2)
    check.program.signal('SIGSTOP')
    await check.pause(LIMIT_MS / 2)
    peer.send(`ping ${n}\n`)
    await check.pause(LIMIT_MS / 2 + SIGN_MS)
    check.program.signal('SIGCONT')
    await pong(check, peer, n)
  })
  const last = check.stopwatch()
  peer.send(`ping ${n + 1}\n`)
  await pong(check, peer, n + 1)
  // One that looks at bytes only when it pings has seen this one then.
  await check.pause(INTERVAL_MS + 100)
  check.program.signal('SIGSTOP')
  await check.pause(LIMIT_MS)
  check.program.signal('SIGCONT')
  await givesUp(check, peer, last, {
    late: 'it counts calls of its timer, and the time for which it was stopped itself is missing',
  })
}

/** A peer that asks and asks, and never reads an answer: pongs have no room in any buffer. */
async function writesToDeafPeer(check: CheckContext): Promise<void> {
  const peer = await check.accept()
  await peer.expect('ping 1\n')
  peer.stopReading()
  const digits = String(check.random.between(100_000_000, 999_999_999)).repeat(2)
  await peer.sendBlocks(
    Buffer.from(`ping ${digits}\n`.repeat(FLOOD_LINES)),
    FLOOD_BLOCKS,
    SILENT_MS,
  )
  await waitUntilRead(peer, SILENT_MS)
  await ends(check, peer, GONE, {
    after: `${FLOOD_LINES * FLOOD_BLOCKS} pings from a peer that reads no pong, and then vanishes`,
    likelyCause:
      'a write waits until the peer reads: nothing may keep you from looking at the clock',
  })
}

/** Answers three pings late, and then says nothing more. */
async function sparesLatePongs(check: CheckContext): Promise<void> {
  const peer = await check.accept()
  const likelyCause = 'an overdue pong is no silence: others have come meanwhile'
  await spared(check, likelyCause, async alive => {
    for (let n = 1; n <= VANISHES_AT_PING; n++) {
      await peer.expect(`ping ${n}\n`)
      if (n <= 3) continue
      peer.send(`pong ${n - 3}\n`)
      alive()
    }
  })
  // The last byte comes between two looks at the clock, and long after the last pong.
  await check.pause(INTERVAL_MS / 2)
  const last = check.stopwatch()
  peer.send('n')
  await givesUp(check, peer, last, {
    never:
      'the timer of socket.setTimeout() starts anew with each byte that *leaves*: with pings it never runs out',
  })
}

/** Lines that are no pong, then a line that takes its time, and is longer than any buffer for it. */
async function takesEveryByte(check: CheckContext): Promise<void> {
  const peer = await check.accept()
  await peer.expect('ping 1\n')
  const only = 'only pongs count for it: whatever comes is a sign of life'
  await signs(check, peer, ['news\n', 'more news\n', 'and so on\n'], only)
  const whole = 'only whole lines count for it: a byte of a long one is a sign of life'
  await signs(check, peer, ['n', 'e', 'w', 's'], whole)
  for (const length of LONG_LINES) {
    // A program that drops a line which is too long takes its rest for another one.
    await sign(check, peer, 'x'.repeat(length), INTERVAL_MS)
    const n = check.random.between(1000, 9999)
    peer.send(`ping ${n - 1}\nping ${n}\n`)
    await pong(check, peer, n, LOOK_ALIKE)
  }
  for (;;) {
    const leftMs = (1000 + LATE_IN_SECOND_MS - (Date.now() % 1000)) % 1000
    await sign(check, peer, 'news\n', Math.min(leftMs, SIGN_MS))
    if (leftMs <= SIGN_MS) break
  }
  const last = check.stopwatch()
  peer.send('n')
  await givesUp(check, peer, last)
}
