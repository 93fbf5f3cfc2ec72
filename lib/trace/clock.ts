/**
 * Events of different sources may stand in the wrong order when they are closer to each other than
 * this. It is the error of the offset between the clocks, and of the kernel's own rounding, as it
 * can be on a busy machine; on a quiet one it is about a microsecond.
 */
export const CLOCK_TOLERANCE_NS = 50_000

/**
 * Nanoseconds to add to a time of day (`CLOCK_REALTIME`, as strace and tcpdump print it) to get the
 * time of `process.hrtime` (`CLOCK_MONOTONIC`, as programs and tracefs record it).
 *
 * Node shows the time of day in whole milliseconds only. But the moment at which a millisecond
 * begins is exact, so we watch for it: seen too late by some, too early by none, and the least late
 * of `ticks` observations is right to about a microsecond.
 *
 * @see clock_gettime(2)
 */
export function realtimeToMonotonic(ticks = 8): bigint {
  let best: bigint | undefined
  for (let tick = 0; tick < ticks; tick++) {
    const start = Date.now()
    let ms = start
    let at = 0n
    while (ms === start) {
      ms = Date.now()
      at = process.hrtime.bigint()
    }
    const offset = at - BigInt(ms) * 1_000_000n
    if (best === undefined || offset < best) best = offset
  }
  return best!
}

/** `1795233052.430196312` in nanoseconds; fewer digits after the point are read as zeros. */
export function parseSeconds(text: string): bigint {
  const [seconds = '0', fraction = ''] = text.split('.')
  return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0').slice(0, 9))
}
