import { release, type } from 'node:os'
import { isThere } from '#lib/trace/lanes.ts'
import { onLoopback } from '#lib/trace/place.ts'
import type { LaneReport, Place, Recording, TraceEvent } from '#lib/trace/recording.ts'

/** A run as it is kept in a file: its times count from its first event. */
export function recordingOf(
  example: string,
  { lanes, whySampled }: LaneReport,
  events: readonly TraceEvent[],
  place: Place = onLoopback(isThere(lanes.packet)),
): Recording {
  const startNs = events[0]?.tNs ?? 0
  return {
    meta: {
      example,
      kernel: `${type()} ${release().split('-')[0]}`,
      node: process.version,
      date: new Date().toISOString().slice(0, 10),
      lanes,
      ...(whySampled !== undefined && { whySampled }),
      ...place,
    },
    events: events.map(event => since(startNs, event)),
  }
}

/** The event with its times counted from that one, and without the bytes of a packet. */
function since(startNs: number, event: TraceEvent): TraceEvent {
  const tNs = event.tNs - startNs
  if (event.lane !== 'packet') return { ...event, tNs }
  const { frame: _, sentNs, arrivedNs, ...kept } = event
  return {
    ...kept,
    tNs,
    ...(sentNs !== undefined && { sentNs: sentNs - startNs }),
    ...(arrivedNs !== undefined && { arrivedNs: arrivedNs - startNs }),
  }
}
