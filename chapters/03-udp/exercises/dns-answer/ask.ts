/** Asks questions, one by one or many at once. */

import type { CheckContext } from '#lib/workshop/exercise.ts'
import type { UdpProbe } from '#lib/workshop/udp-probe.ts'
import { examine, NXDOMAIN, type Question, questionBytes, type Right } from './messages.ts'
import { ZONE } from './names.ts'

/** So many questions are on their way at most: datagrams are lost where many come. */
export const AT_ONCE = 20

/** A question, and its answer. */
export type Case = [question: Omit<Question, 'id'>, right: Right]

/** Asks from several sockets at once; of the answers that are wrong, the first one counts. */
export async function askMany(check: CheckContext, cases: readonly Case[]): Promise<void> {
  const ids = cases.map(() => check.random.below(0x10000))
  const lanes = Array.from({ length: AT_ONCE }, async (_, lane) => {
    const datagrams = await check.openUdp()
    for (let n = lane; n < cases.length; n += AT_ONCE) {
      const [question, right] = cases[n]!
      try {
        await ask(check, datagrams, { id: ids[n]!, ...question }, right)
      } catch (error) {
        return { n, error }
      }
    }
    return undefined
  })
  const failures = (await Promise.all(lanes)).filter(failure => failure !== undefined)
  const [first] = failures.sort((one, other) => one.n - other.n)
  if (first) throw first.error
}

/** Asks a question, with an id of its own where it has none, and examines the answer. */
export async function ask(
  check: CheckContext,
  datagrams: UdpProbe,
  question: Omit<Question, 'id'> & { id?: number },
  right: Right,
): Promise<void> {
  const whole = { id: check.random.below(0x10000), ...question }
  await datagrams.send(questionBytes(whole))
  await examine(check, datagrams, whole, right)
}

/** Each value of a byte in one place of a name, and behind or before a label of another one. */
export function everyByte({ random }: CheckContext): Case[] {
  const likelyCause = 'names are compared byte by byte, and only A to Z match a to z'
  const bytes = Array.from({ length: 256 }, (_, value) => String.fromCharCode(value))
  const [[name, addresses], [other]] = [random.of(ZONE), random.of(ZONE)]
  const label = random.below(name.length)
  const place = random.below(name[label]!.length)
  const letter = name[label]![place]!
  const changed = bytes.map((byte): Case => {
    const text = `${name[label]!.slice(0, place)}${byte}${name[label]!.slice(place + 1)}`
    const isSame = byte === letter || byte === letter.toUpperCase()
    const right = isSame ? { addresses, likelyCause } : { rcode: NXDOMAIN, likelyCause }
    return [{ name: name.with(label, text) }, right]
  })
  const longer = bytes.map((byte, n): Case => {
    const at = random.below(other.length)
    const text = n % 2 === 0 ? `${byte}${other[at]}` : `${other[at]}${byte}`
    return [{ name: other.with(at, text) }, { rcode: NXDOMAIN, likelyCause }]
  })
  return [...changed, ...longer]
}
