import { describe, expect, test } from 'vitest'
import { realtimeToMonotonic } from '#lib/kernel/clock.ts'
import { Random } from '#lib/program/random.ts'

const OFFSET_NS = -1_795_233_052_430_196_312n
/** What each look at a clock takes, in nanoseconds. */
const LOOK_NS = 100n

/** Clocks of a machine that stops the process for milliseconds, before one of so many looks. */
function clocks(every: number, options: { setAfterNs?: bigint } = {}) {
  const random = new Random(1, `stops before one of ${every}`)
  let ns = 17n
  let offset = OFFSET_NS
  const look = () => {
    ns += LOOK_NS
    if (random.between(1, every) === 1) ns += BigInt(random.between(1, 9_000_000))
    if (options.setAfterNs !== undefined && ns > options.setAfterNs) offset = OFFSET_NS - 5_000_000n
    return ns
  }
  return {
    timeOfDayMs: () => Number((look() - offset) / 1_000_000n),
    monotonicNs: look,
    right: () => offset,
  }
}

describe('realtimeToMonotonic', () => {
  test.each([1_000_000, 5000, 500, 50])('is right where one of %i looks is late', every => {
    const machine = clocks(every)
    const error = Number(realtimeToMonotonic(machine) - machine.right())
    expect(Math.abs(error)).toBeLessThanOrEqual(1000)
  })

  test('is right when the time of day is set meanwhile', () => {
    const machine = clocks(500, { setAfterNs: 3_000_000n })
    const error = Number(realtimeToMonotonic(machine) - machine.right())
    expect(Math.abs(error)).toBeLessThanOrEqual(1000)
  })

  test('comes to an end where every look is late', () => {
    const machine = clocks(1)
    const error = Number(realtimeToMonotonic(machine) - machine.right())
    expect(Math.abs(error)).toBeLessThan(20_000_000)
  })
})
