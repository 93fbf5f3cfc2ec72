import { connectCrowd } from '#lib/workshop/crowd.ts'
import type { CheckContext } from '#lib/workshop/exercise.ts'
import { staySilent } from '#lib/workshop/silence.ts'
import { type TcpProbe, WAKE_UP_PATIENCE_MS } from '#lib/workshop/tcp-probe.ts'

const APART =
  'it does not keep its clients apart: each has its own count, and none waits for another'
/** Work that takes longer than what people take for long, in milliseconds. */
const LATE_MS = 16_200
/** Work that takes longer than this check: in µs, ns or a number of 32 or 64 bits it would be short. */
const ENDLESS = [
  ...['2147484', '4294968', '2147483648', '4294967296', '4294967297', '9223372036855'],
  ...['18446744073710', '999999999999999'],
]
/** Work of so long that another client has had its answer meanwhile, in milliseconds. */
const LONG_WORK_MS = 3000
/** So many work at the same time. */
const WORKERS = 100
/** So many clients are followed by others. */
const PLACES = 5
export const PAUSE =
  'a pause is no end: a client may be slow, and only its FIN says that this was all'
/** A time for work that is over before such a client says something, in milliseconds. */
export const WORK_MS = 600

export async function worksSideBySide(check: CheckContext): Promise<void> {
  const upload = check.random.bytes(50)
  const workers: TcpProbe[] = []
  for (let n = 0; n < WORKERS; n++) {
    const probe = await check.connect()
    probe.send(`work ${LONG_WORK_MS}\n`)
    probe.send(upload)
    workers.push(probe)
  }
  // These are answered behind all that was said before: a slow program has read that now.
  await exchange(check)
  await exchange(check)
  const watch = check.stopwatch()
  for (const probe of workers) probe.sendFin()
  const likelyCause =
    'the work of one client occupies a thread, and there are too few threads for the others'
  await exchange(check, 0, likelyCause)
  if (workers.some(probe => probe.unreadBytes > 0)) {
    if (watch.read().leastMs < LONG_WORK_MS) {
      check.inconclusive('an exchange took as long as the work of another client')
    }
    check.fail({
      what: `a client whose work takes no time had its answer after another one that works for ${LONG_WORK_MS} ms`,
      likelyCause,
    })
  }
  for (const probe of workers) {
    await probe.expect(answerTo(upload), { likelyCause })
    await ended(probe)
  }
}

/** Clients reset while it works for them; the next ones get the same descriptors. */
export async function othersTakeTheirPlace(check: CheckContext): Promise<void> {
  const upload = check.random.bytes(20)
  const gone: TcpProbe[] = []
  for (let n = 0; n < PLACES; n++) {
    const probe = await check.connect()
    probe.send(`work ${WORK_MS}\nall of it`)
    probe.sendFin()
    gone.push(probe)
  }
  await exchange(check)
  for (const probe of gone) probe.reset()
  await exchange(check)
  const next = await Promise.all(gone.map(() => check.connect()))
  for (const probe of next) {
    probe.send('work 0\n')
    probe.send(upload.subarray(0, 10))
  }
  await check.pause(2 * WORK_MS)
  await exchange(check)
  const likelyCause =
    'the answer to a client that is gone goes to the next one with its descriptor: stop its timer'
  const disturbed = next.find(probe => probe.unreadBytes > 0 || probe.hasEnded)
  if (disturbed) {
    check.fail({
      what: `other clients had reset their connections during their work; the next one got ${disturbed.unreadBytes} bytes, or an end, before its own FIN`,
      sent: disturbed.sent,
      received: disturbed.peek(),
      likelyCause,
    })
  }
  for (const probe of next) {
    probe.send(upload.subarray(10))
    probe.sendFin()
    await probe.expect(answerTo(upload), { likelyCause })
    await ended(probe)
  }
}

export async function servesCrowd(check: CheckContext): Promise<void> {
  const silence =
    'it does not serve so many clients at once: a pool is too small, or there is a limit'
  const probes = await connectCrowd(check, async (probe, others) => {
    probe.send('work 0\n')
    await exchange(check, 0, `${silence}; ${others} others are connected`)
  })
  for (const [n, probe] of probes.entries()) {
    if (probe.sent.length === 0) probe.send('work 0\n')
    probe.send(`client ${n}`)
  }
  for (const [n, probe] of [...probes.entries()].toReversed()) {
    probe.sendFin()
    const answer = answerTo(Buffer.from(`client ${n}`))
    await probe.expect(answer, { likelyCause: silence, patienceMs: WAKE_UP_PATIENCE_MS })
  }
}

export async function keepsTheSilent(check: CheckContext): Promise<void> {
  const upload = Buffer.from('the upload')
  const whole = `work 0\n${upload}`
  const falls = async (where: string, place: number) => {
    const probe = await check.connect()
    if (place > 0) probe.send(whole.slice(0, place))
    const goOn = async () => {
      probe.send(whole.slice(place))
      probe.sendFin()
      await probe.expect(answerTo(upload), { likelyCause: PAUSE })
    }
    return { where, probe, goOn }
  }
  const clients = [
    await falls('before its first byte', 0),
    await falls('within the first line', 6),
    await falls('behind the first line', 7),
    await falls('within its upload', 10),
  ]
  const endless = await Promise.all(
    ENDLESS.map(async ms => {
      const probe = await check.connect()
      probe.send(`work ${ms}\n${upload}`)
      probe.sendFin()
      return { ms, probe }
    }),
  )
  const worker = await check.connect()
  worker.send(`work ${LATE_MS}\n${upload}`)
  worker.sendFin()
  await staySilent(check, clients, () => exchange(check))
  for (const { ms, probe } of endless) {
    if (probe.unreadBytes === 0 && !probe.hasEnded) continue
    check.fail({
      what: `work of ${ms} ms was over within seconds`,
      sent: probe.sent,
      received: probe.peek(),
      likelyCause:
        'work has a limit, or the number is too large for what counts it: setTimeout() takes at most 2147483647 ms, and makes 1 ms of what is more',
    })
  }
  await worker.expect(answerTo(upload), {
    likelyCause: `work of ${LATE_MS} ms is cut short: it takes as long as the client says`,
  })
}

/** What the server must say to an upload of this block, so many times. */
export function answerTo(block: Uint8Array, times = 1): string {
  const sum = block.reduce((total, byte) => total + byte, 0)
  return `got ${block.length * times} ${(sum * times) % 65536}\n`
}

/** A whole exchange on a connection of its own. */
export async function exchange(
  check: CheckContext,
  workMs = 0,
  likelyCause = APART,
): Promise<void> {
  const probe = await check.connect()
  const word = Buffer.from(check.random.word(8))
  probe.send(`work ${workMs}\n${word}`)
  probe.sendFin()
  // A server that is slow, with much to do, is no server that waits for others.
  await probe.expect(answerTo(word), { likelyCause, patienceMs: WAKE_UP_PATIENCE_MS })
}

export async function ended(probe: TcpProbe): Promise<void> {
  await probe.expectEnd({
    likelyCause: 'allowHalfOpen is true, and nobody calls end() behind the answer',
  })
}
