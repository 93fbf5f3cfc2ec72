import { groupBy } from './group-by.ts'
import { compareTimes } from './order.ts'
import { corruptedBits, packetIdentity } from './packet-identity.ts'

/** A packet as it was seen at one capture point. */
export interface Sighting {
  /** Monotonic time in nanoseconds, by a clock that all capture points share. */
  tNs: number
  /** From its IP header on, as much as was captured: the same amount at all capture points. */
  bytes: Uint8Array
}

/**
 * One way of a packet from one end of a link to the other.
 *
 * With `sent` alone, it was lost. With `arrived` alone, it came from nowhere that was seen.
 */
export interface Crossing<S extends Sighting> {
  sent?: S
  arrived?: S
  /** The packet arrives once more: `sent` stands in an earlier crossing, too. */
  copy?: true
  /** Some of its bits are not what was sent. */
  corrupted?: true
}

/** What arrives with more of its bits changed cannot be told from another packet. */
const MAX_CORRUPTED_BITS = 8

/** What was sent, and whether something was found that it has become. */
interface Sent<S> {
  sighting: S
  taken: boolean
}

/**
 * Finds out what became of each packet between the two ends of a link: `sent` was captured where it
 * begins, `arrived` where it ends.
 *
 * A packet is known by its bytes, apart from those that routers change: see `packetIdentity`. Packets with
 * the same bytes are taken in order: the first that arrives is the first that was sent. Nothing
 * arrives before it was sent. What arrives more often than it was sent is a copy; what arrives like
 * no packet that was sent, but differs from one in a few bits, is that one, corrupted.
 *
 * @returns The crossings, by the time at which they begin. Each packet that was sent, and each that
 * arrived, stands in one, and the original of a copy in more.
 */
export function matchCaptures<S extends Sighting>(
  sent: readonly S[],
  arrived: readonly S[],
): Crossing<S>[] {
  const all: Sent<S>[] = sent.toSorted(compareTimes).map(sighting => ({ sighting, taken: false }))
  const sameBytes = groupBy(all, ({ sighting }) => packetIdentity(sighting.bytes))
  /** Of each group, how many were taken: the first ones. */
  const takenOf = new Map<Sent<S>[], number>()
  const crossings: Crossing<S>[] = []
  const strangers: S[] = []
  for (const arrival of arrived.toSorted(compareTimes)) {
    const group = sameBytes.get(packetIdentity(arrival.bytes)) ?? []
    const count = takenOf.get(group) ?? 0
    const next = group[count]
    if (next && next.sighting.tNs <= arrival.tNs) {
      takenOf.set(group, count + 1)
      crossings.push(crossingOf(next, arrival))
    } else if (count > 0) crossings.push(crossingOf(group[count - 1]!, arrival))
    else strangers.push(arrival)
  }
  crossings.push(...matchCorrupted(all, strangers))
  const lost = all.filter(({ taken }) => !taken).map(({ sighting }) => ({ sent: sighting }))
  return [...crossings, ...lost].sort((a, b) => compareTimes(beginOf(a), beginOf(b)))
}

/** Takes each arrival for the packet that it differs from least, where that is little enough. */
function matchCorrupted<S extends Sighting>(
  all: readonly Sent<S>[],
  strangers: readonly S[],
): Crossing<S>[] {
  const sameLength = groupBy(all, ({ sighting }) => sighting.bytes.length)
  const pairs = strangers.flatMap(arrival =>
    (sameLength.get(arrival.bytes.length) ?? [])
      .filter(({ sighting }) => sighting.tNs <= arrival.tNs)
      .map(from => {
        const bits = corruptedBits(from.sighting.bytes, arrival.bytes, MAX_CORRUPTED_BITS)
        return { arrival, from, bits }
      })
      .filter(({ bits }) => bits <= MAX_CORRUPTED_BITS),
  )
  const crossings = new Map<S, Crossing<S>>()
  for (let count = 1; count <= MAX_CORRUPTED_BITS; count++) {
    // One that is missing is more likely than one that has arrived already.
    for (const mayBeTaken of [false, true]) {
      for (const { arrival, from, bits } of pairs) {
        if (bits !== count || crossings.has(arrival) || (from.taken && !mayBeTaken)) continue
        crossings.set(arrival, crossingOf(from, arrival))
      }
    }
  }
  return strangers.map(arrival => crossings.get(arrival) ?? { arrived: arrival })
}

function crossingOf<S extends Sighting>(from: Sent<S>, arrived: S): Crossing<S> {
  const { sighting: sent, taken } = from
  from.taken = true
  return {
    sent,
    arrived,
    ...(taken && { copy: true as const }),
    // Also of one with the same identity: of that, the checksum is no part.
    ...(corruptedBits(sent.bytes, arrived.bytes, 0) > 0 && { corrupted: true as const }),
  }
}

/** When it becomes visible: a copy, and what nobody sent, where it arrives. */
const beginOf = ({ sent, arrived, copy }: Crossing<Sighting>): Sighting =>
  (copy ? arrived : (sent ?? arrived))!
