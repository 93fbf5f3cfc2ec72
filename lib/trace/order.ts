import { LANES, type TraceEvent } from './recording.ts'

/** What of an event decides its place. */
type Placed = Pick<TraceEvent, 'tNs' | 'lane'>

/** The earlier one first. */
export const compareTimes = (one: { tNs: number }, other: { tNs: number }): number =>
  one.tNs - other.tNs

/**
 * The order of events, for `sort`: the earlier one first, and of two that the clock cannot tell
 * apart the cause before its effect. The order of the lanes is that of causes: the program asks,
 * the kernel acts, and what it sends is seen last.
 */
export function compareEvents(one: Placed, other: Placed): number {
  return compareTimes(one, other) || LANES.indexOf(one.lane) - LANES.indexOf(other.lane)
}

/** The events in that order. Those of one lane and one moment stay as they came. */
export function inOrder<E extends Placed>(events: readonly E[]): E[] {
  return events.toSorted(compareEvents)
}
