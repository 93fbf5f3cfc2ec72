import { gather } from '#lib/workshop/crowd.ts'
import type { Examiner } from '#lib/workshop/exercise.ts'
import { staySilent } from '#lib/workshop/silence.ts'
import { type Talk, WAKING_MS } from '#lib/workshop/talk.ts'

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

export async function worksSideBySide(at: Examiner): Promise<void> {
  const upload = at.random.bytes(50)
  const workers: Talk[] = []
  for (let n = 0; n < WORKERS; n++) {
    const talk = await at.connect()
    talk.send(`work ${LONG_WORK_MS}\n`)
    talk.send(upload)
    workers.push(talk)
  }
  // These are answered behind all that was said before: a slow program has read that now.
  await exchange(at)
  await exchange(at)
  const watch = at.stopwatch()
  for (const talk of workers) talk.finish()
  const mistake =
    'the work of one client occupies a thread, and there are too few threads for the others'
  await exchange(at, 0, mistake)
  if (workers.some(talk => talk.unread > 0)) {
    if (watch.read().leastMs < LONG_WORK_MS) {
      at.inconclusive('an exchange took as long as the work of another client')
    }
    at.fail({
      what: `a client whose work takes no time had its answer after another one that works for ${LONG_WORK_MS} ms`,
      mistake,
    })
  }
  for (const talk of workers) {
    await talk.expect(answerTo(upload), { mistake })
    await ended(talk)
  }
}

/** Clients reset while it works for them; the next ones get the same descriptors. */
export async function othersTakeTheirPlace(at: Examiner): Promise<void> {
  const upload = at.random.bytes(20)
  const gone: Talk[] = []
  for (let n = 0; n < PLACES; n++) {
    const talk = await at.connect()
    talk.send(`work ${WORK_MS}\nall of it`)
    talk.finish()
    gone.push(talk)
  }
  await exchange(at)
  for (const talk of gone) talk.reset()
  await exchange(at)
  const next = await Promise.all(gone.map(() => at.connect()))
  for (const talk of next) {
    talk.send('work 0\n')
    talk.send(upload.subarray(0, 10))
  }
  await at.pause(2 * WORK_MS)
  await exchange(at)
  const mistake =
    'the answer to a client that is gone goes to the next one with its descriptor: stop its timer'
  const disturbed = next.find(talk => talk.unread > 0 || talk.hasEnded)
  if (disturbed) {
    at.fail({
      what: `other clients had reset their connections during their work; the next one got ${disturbed.unread} bytes, or an end, before its own FIN`,
      sent: disturbed.sent,
      received: disturbed.peek(),
      mistake,
    })
  }
  for (const talk of next) {
    talk.send(upload.subarray(10))
    talk.finish()
    await talk.expect(answerTo(upload), { mistake })
    await ended(talk)
  }
}

export async function servesCrowd(at: Examiner): Promise<void> {
  const silence =
    'it does not serve so many clients at once: a pool is too small, or there is a limit'
  const talks = await gather(at, async (talk, others) => {
    talk.send('work 0\n')
    await exchange(at, 0, `${silence}; ${others} others are connected`)
  })
  for (const [n, talk] of talks.entries()) {
    if (talk.sent.length === 0) talk.send('work 0\n')
    talk.send(`client ${n}`)
  }
  for (const [n, talk] of [...talks.entries()].toReversed()) {
    talk.finish()
    const answer = answerTo(Buffer.from(`client ${n}`))
    await talk.expect(answer, { mistake: silence, patienceMs: WAKING_MS })
  }
}

export async function keepsTheSilent(at: Examiner): Promise<void> {
  const upload = Buffer.from('the upload')
  const whole = `work 0\n${upload}`
  const falls = async (where: string, place: number) => {
    const talk = await at.connect()
    if (place > 0) talk.send(whole.slice(0, place))
    const goOn = async () => {
      talk.send(whole.slice(place))
      talk.finish()
      await talk.expect(answerTo(upload), { mistake: PAUSE })
    }
    return { where, talk, goOn }
  }
  const clients = [
    await falls('before its first byte', 0),
    await falls('within the first line', 6),
    await falls('behind the first line', 7),
    await falls('within its upload', 10),
  ]
  const endless = await Promise.all(
    ENDLESS.map(async ms => {
      const talk = await at.connect()
      talk.send(`work ${ms}\n${upload}`)
      talk.finish()
      return { ms, talk }
    }),
  )
  const worker = await at.connect()
  worker.send(`work ${LATE_MS}\n${upload}`)
  worker.finish()
  await staySilent(at, clients, () => exchange(at))
  for (const { ms, talk } of endless) {
    if (talk.unread === 0 && !talk.hasEnded) continue
    at.fail({
      what: `work of ${ms} ms was over within seconds`,
      sent: talk.sent,
      received: talk.peek(),
      mistake:
        'work has a limit, or the number is too large for what counts it: setTimeout() takes at most 2147483647 ms, and makes 1 ms of what is more',
    })
  }
  await worker.expect(answerTo(upload), {
    mistake: `work of ${LATE_MS} ms is cut short: it takes as long as the client says`,
  })
}

/** What the server must say to an upload of this block, so many times. */
export function answerTo(block: Uint8Array, times = 1): string {
  const sum = block.reduce((total, byte) => total + byte, 0)
  return `got ${block.length * times} ${(sum * times) % 65536}\n`
}

/** A whole exchange on a connection of its own. */
export async function exchange(at: Examiner, workMs = 0, mistake = APART): Promise<void> {
  const talk = await at.connect()
  const word = Buffer.from(at.random.word(8))
  talk.send(`work ${workMs}\n${word}`)
  talk.finish()
  // A server that is slow, with much to do, is no server that waits for others.
  await talk.expect(answerTo(word), { mistake, patienceMs: WAKING_MS })
}

export async function ended(talk: Talk): Promise<void> {
  await talk.expectEnd({
    mistake: 'allowHalfOpen is true, and nobody calls end() behind the answer',
  })
}
