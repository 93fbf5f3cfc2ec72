/**
 * Events of different sources may stand in the wrong order when they are closer to each other than
 * this. It is the error of the offset between the clocks, and of the kernel's own rounding, as it
 * can be on a busy machine; on a quiet one it is about a microsecond.
 */
export const CLOCK_TOLERANCE_NS = 50_000

/** So well the offset is known on any machine that lets us look at the clocks twice in a row, in ns. */
const KNOWN_NS = 2000n
/** On one that does not, we look no longer than for this time, in ns. */
const LOOKED_NS = 1_000_000_000n

/** The two clocks of a process: milliseconds of the time of day, and nanoseconds since some moment. */
export interface Clocks {
  timeOfDayMs(): number
  monotonicNs(): bigint
}
const CLOCKS: Clocks = { timeOfDayMs: Date.now, monotonicNs: process.hrtime.bigint }

/**
 * Nanoseconds to add to a time of day (`CLOCK_REALTIME`, as strace and tcpdump print it) to get the
 * time of `process.hrtime` (`CLOCK_MONOTONIC`, as programs and tracefs record it).
 *
 * Node shows the time of day in whole milliseconds only. But the moment at which a millisecond begins
 * is exact, and lies between two looks at the other clock. A busy machine stops us between the two at
 * most of these moments: we go on until what is common to all of them is short.
 *
 * @see clock_gettime(2)
 */
export function realtimeToMonotonic({ timeOfDayMs, monotonicNs }: Clocks = CLOCKS): bigint {
  const beginNs = monotonicNs()
  let known: { least: bigint; most: bigint } | undefined
  for (;;) {
    const { least, most } = nextTick({ timeOfDayMs, monotonicNs })
    const both = known && { least: max(known.least, least), most: min(known.most, most) }
    // Nothing in common: the time of day was set meanwhile.
    known = both && both.least <= both.most ? both : { least, most }
    const { least: from, most: to } = known
    if (to - from <= KNOWN_NS || monotonicNs() - beginNs > LOOKED_NS) return (from + to) / 2n
  }
}

/** Watches until the time of day shows another millisecond: between which two offsets the right one lies. */
function nextTick({ timeOfDayMs, monotonicNs }: Clocks): { least: bigint; most: bigint } {
  // Before the last look that still showed the old millisecond, and after it.
  let before = monotonicNs()
  const old = timeOfDayMs()
  let after = monotonicNs()
  for (;;) {
    const ms = timeOfDayMs()
    const sinceEpoch = BigInt(ms) * 1_000_000n
    const now = monotonicNs()
    if (ms !== old) return { least: before - sinceEpoch, most: now - sinceEpoch }
    before = after
    after = now
  }
}

const max = (a: bigint, b: bigint) => (a > b ? a : b)
const min = (a: bigint, b: bigint) => (a < b ? a : b)

/** `1795233052.430196312` in nanoseconds; fewer digits after the point are read as zeros. */
export function parseSeconds(text: string): bigint {
  const [seconds = '0', fraction = ''] = text.split('.')
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9))
}
