import { release, type } from 'node:os'
import type { LaneReport, Recording, TraceEvent } from '#lib/trace/recording.ts'

/** A run as it is kept in a file: its times count from its first event. */
export function recordingOf(
  example: string,
  { lanes, whySampled }: LaneReport,
  events: readonly TraceEvent[],
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
    },
    events: events.map(event => ({ ...withoutFrame(event), tNs: event.tNs - startNs })),
  }
}

function withoutFrame(event: TraceEvent): TraceEvent {
  if (event.lane !== 'packet') return event
  const { frame: _, ...kept } = event
  return kept
}
