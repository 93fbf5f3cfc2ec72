import type { CheckContext } from '#lib/workshop/exercise.ts'
import type { Stopwatch } from '#lib/workshop/stopwatch.ts'
import type { TcpProbe } from '#lib/workshop/tcp-probe.ts'
import { AT_ONCE_MS, AT_ONCE_SURE_MS, INTERVAL_MS, pong, SILENT_MS } from './judge.ts'

/** So many pings say how fast they come. */
export const PINGS = 9
const PINGS_EARLY_MS = 100
const PINGS_LATE_MS = 300
/** So many of them take longer than the counts and tables that people choose. */
const MANY_PINGS = 64
/** Each interval may take so much longer; one that begins anew with what comes takes 125 ms longer. */
const EACH_LATE_MS = 80

/** Pings of ours are answered meanwhile: what has not come with the answers had not been sent. */
export async function pingsAtOnce(check: CheckContext): Promise<void> {
  const peer = await check.accept()
  const connected = check.stopwatch()
  const late = {
    what: `the connection was ${AT_ONCE_MS} ms old, and "ping 1" had not come; pings of the peer were answered meanwhile`,
    likelyCause:
      'setInterval() calls for the first time when an interval is over: send one ping before',
  }
  for (let n = 1; ; n++) {
    peer.send(`ping ${n}\n`)
    const line = await peer.takeLine(`"pong ${n}"`)
    if (line === 'ping 1') {
      connected.atMost(AT_ONCE_MS, late, AT_ONCE_SURE_MS)
      return
    }
    if (line !== `pong ${n}`) {
      check.fail({
        what: 'a line came that is neither the first ping nor the pong that was asked for',
        expected: Buffer.from(`pong ${n}\n`),
        received: Buffer.from(`${line}\n`),
      })
    }
    if (connected.read().leastMs > AT_ONCE_MS) check.fail(late)
    await check.pause(5)
  }
}

/** From the first ping to the last one it takes as long as the intervals between them. */
export function inTime(connected: Stopwatch, first: Stopwatch): void {
  const rightMs = (PINGS - 1) * INTERVAL_MS
  const due = `ping ${PINGS} is due ${rightMs} ms after ping 1`
  // A first ping that was late itself makes the others look early; none leaves before the connection.
  connected.atLeast(rightMs - PINGS_EARLY_MS, rightMs - 2 * INTERVAL_MS, {
    what: `it pings too fast: ${due}, and came more than ${PINGS_EARLY_MS} ms early`,
    likelyCause: `the interval is shorter than ${INTERVAL_MS} ms, or it also pings when something arrives`,
  })
  first.atMost(rightMs + PINGS_LATE_MS, {
    what: `it pings too slowly: ${due}, and came more than ${PINGS_LATE_MS} ms late`,
    likelyCause: `the interval is longer than ${INTERVAL_MS} ms, or it restarts when something arrives`,
  })
}

/** Asks at different moments between two pings: a pong does not wait for the next one. */
export async function pongsAtOnce(check: CheckContext, peer: TcpProbe): Promise<void> {
  for (const waitMs of [0, 10, 0]) {
    const aPing = (bytes: Buffer) =>
      /ping \d+\n$/.test(bytes.toString()) ? bytes.length : undefined
    await peer.take(aPing, 'its next ping')
    await check.pause(waitMs)
    const n = check.random.between(1, 9999)
    const asked = check.stopwatch()
    peer.send(`ping ${n}\n`)
    await pong(check, peer, n)
    const late = {
      what: `a pong came more than ${AT_ONCE_MS} ms after its ping`,
      likelyCause: 'pongs wait for the next ping: they leave when the ping of the peer has come',
    }
    asked.atMost(AT_ONCE_MS, late, AT_ONCE_SURE_MS)
  }
}

/** A peer that says something between two pings, for as long as people think that it takes. */
export async function pingsOn(check: CheckContext): Promise<void> {
  const peer = await check.accept()
  await peer.expect('ping 1\n')
  const first = check.stopwatch()
  const off =
    'what comes puts the next ping off, or the pings come to an end: they leave every 250 ms while the connection lasts'
  for (let n = 2; n <= MANY_PINGS; n++) {
    const text = check.random.of(['news\n', `pong ${n - 1}\n`, 'half a line, and '])
    // Reading does not wait for it: so our own delays do not add up.
    setTimeout(() => peer.socket.write(text), INTERVAL_MS / 2)
    await peer.expect(`ping ${n}\n`, { likelyCause: off, patienceMs: SILENT_MS })
    check.stopwatch()
    if (n % PINGS !== 0) continue
    first.atMost((n - 1) * (INTERVAL_MS + EACH_LATE_MS), {
      what: `it pings too slowly: ping ${n} is due ${(n - 1) * INTERVAL_MS} ms after ping 1, and came more than ${(n - 1) * EACH_LATE_MS} ms late`,
      likelyCause: off,
    })
  }
}
