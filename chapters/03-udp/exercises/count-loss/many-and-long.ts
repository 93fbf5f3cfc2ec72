/** What takes many senders, many datagrams or a long time. */

import type { CheckContext } from '#lib/workshop/exercise.ts'
import type { UdpProbeOptions } from '#lib/workshop/udp-probe.ts'
import { Sender } from './sender.ts'

/** So many numbers, and so many repeats: more than 16 bits hold. */
const MANY = 66_000
/** How many are sent before the first question, and before each of the others. */
const FIRST_BATCH = 20
/** No more than a receive buffer holds. */
const BATCH = 200
/** A program that takes so long over each of them is slow by itself, in milliseconds. */
const SLOW_MS = 5
/** How long the silence lasts, in milliseconds: longer than common timeouts. */
const SILENCE_MS = 16_500
/** How often another sender is heard meanwhile, in milliseconds. */
const BUSY_MS = 500

/** Ways to name a sender that have one name for two of them. */
export async function distinguishes(check: CheckContext): Promise<void> {
  // Linux has all of 127.0.0.0/8, other systems have 127.0.0.1 alone.
  if (process.platform !== 'linux') return
  const ann = await Sender.open(check, { localAddress: '127.0.0.1' })
  const port = ann.localPort
  const same = 'a sender is an address and a port: these have the same port, at different addresses'
  const glued =
    'address and port were written one behind the other: 127.0.0.1 and 12345 look like 127.0.0.11 and 2345'
  const computed = 'a sender is an address and a port: no number computed from them names it'
  const others: [localAddress: string, localPort: number, likelyCause: string][] = [
    ['127.0.0.2', port, same],
    ['127.0.1.1', port, same],
    ['127.1.0.1', port, same],
    ['127.0.0.2', port - 1, computed],
    ['127.0.0.3', port ^ 2, computed],
  ]
  const [first = 0, rest = 0] = [Math.trunc(port / 10_000), port % 10_000]
  // A port has no zeros in front, and those below 1024 are not for everybody.
  if (rest < 1024) return distinguishes(check)
  others.push([`127.0.0.1${first}`, rest, glued])
  const senders: [Sender, likelyCause: string][] = [[ann, same]]
  await ann.number(0, 4, 4)
  for (const [localAddress, localPort, likelyCause] of others) {
    const sender = await openOrNone(check, { localAddress, localPort })
    if (!sender) return distinguishes(check)
    await sender.ask(likelyCause)
    await sender.number(1, senders.length + 6)
    senders.push([sender, likelyCause])
  }
  for (const [sender, likelyCause] of senders) await sender.ask(likelyCause)
}

/** Nothing where another program has the port. */
async function openOrNone(check: CheckContext, from: UdpProbeOptions): Promise<Sender | undefined> {
  try {
    return await Sender.open(check, from)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return undefined
    throw error
  }
}

/** A question behind each batch: nothing is lost on the way, and what is right is known all the time. */
export async function countsMany(check: CheckContext): Promise<void> {
  const ann = await Sender.open(check)
  const watch = check.stopwatch()
  let sent = 0
  /** False when it would take minutes: what it has counted so far is right. */
  const send = async (numbers: readonly number[], likelyCause: string) => {
    for (let from = 0; from < numbers.length; ) {
      const batch = numbers.slice(from, from + (sent === 0 ? FIRST_BATCH : BATCH))
      await ann.burst(batch)
      from += batch.length
      sent += batch.length
      await ann.ask(likelyCause)
      if (watch.read().leastMs > SLOW_MS * sent) return false
    }
    return true
  }
  // Numbers are missing all the way; those that came first are the first to come again.
  const step = check.random.between(2, 3)
  const numbers = Array.from({ length: MANY }, (_, n) => step * n)
  const few = 'only some of the numbers are remembered, and there may be any number of them'
  if (!(await send(numbers, few))) return
  if (
    !(await send(numbers, 'repeats are counted up to a limit only, or old numbers are forgotten'))
  )
    return
  const late = 'what is missing may come much later, and is not lost any more'
  await send(
    numbers.slice(0, BATCH).map(number => number + 1),
    late,
  )
}

/** One sender is silent, another one is not, and then a new one comes. */
export async function keepsItsCounts(check: CheckContext): Promise<void> {
  const [ann, ben] = [await Sender.open(check), await Sender.open(check)]
  await ann.number(0, 3, 3)
  await ann.ask()
  const forgets = 'a timeout makes it forget a sender, or ends it'
  const endMs = performance.now() + SILENCE_MS
  for (let number = 0; performance.now() < endMs; number += 2) {
    await ben.number(number, number)
    await ben.ask('it forgets a sender after some time, although it is heard all the time')
    await check.pause(BUSY_MS)
  }
  const cara = await Sender.open(check)
  await cara.number(1)
  await cara.ask()
  await ann.ask(forgets)
  await ann.number(1, 3)
  await ann.ask(forgets)
}
