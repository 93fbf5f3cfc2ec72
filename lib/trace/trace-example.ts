import type { CatalogueEntry } from '../catalogue/index.ts'
import type { Lane, LaneStatus, TraceEvent } from './recording.ts'
import { type RunResult, runExample } from './run-example.ts'

export interface TraceOptions {
  lanes: readonly Lane[]
  /** Called in order for each source; merge with Merger. */
  onEvent(event: TraceEvent): void
  /** Called once for each wanted lane before the client starts. */
  onLane(lane: Lane, status: LaneStatus): void
  signal?: AbortSignal
  limitMs?: number
}

/** Runs an example and observes it at the wanted levels. For now: the JavaScript lane. */
export function traceExample(entry: CatalogueEntry, options: TraceOptions): Promise<RunResult> {
  const { lanes, onEvent, onLane, signal, limitMs } = options
  for (const lane of lanes) onLane(lane, lane === 'js' ? 'live' : 'missing: not built yet')
  return runExample(entry, {
    onEvent,
    ...(signal === undefined ? {} : { signal }),
    ...(limitMs === undefined ? {} : { limitMs }),
  })
}
