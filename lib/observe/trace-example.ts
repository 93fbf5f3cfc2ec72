import { createInterface } from 'node:readline'
import type { CatalogueEntry } from '#lib/catalogue/index.ts'
import { realtimeToMonotonic } from '#lib/kernel/clock.ts'
import { StraceReader } from '#lib/kernel/parse-strace.ts'
import { missing } from '#lib/kernel/requirements.ts'
import { straceCommand } from '#lib/kernel/strace-command.ts'
import type { Lane, LaneStatus, TraceEvent } from '#lib/trace/recording.ts'
import { KernelLanes } from './kernel-lanes.ts'
import { OBSERVER_FD, type Observer, type RunResult, runExample } from './run-example.ts'

/** What to see of a run, and where to send it. */
export interface TraceOptions {
  /** Which lanes are wanted. */
  lanes: readonly Lane[]
  /** Packets come with all their bytes, as `frame`. */
  frames?: boolean
  /** Called for every event as it comes in: in order for each source, merged by the caller. */
  onEvent: (event: TraceEvent) => void
  /**
   * Called once for each wanted lane, before the programs start: whether it is there, or why not;
   * where it is sampled, `why` that is.
   */
  onLane: (lane: Lane, status: LaneStatus, why?: string) => void
  /** Ends the run early: both programs and all observers are stopped. */
  signal?: AbortSignal
  /** How long the client may take. */
  limitMs?: number
}

/**
 * Runs an example like `runExample`, watched in the wanted lanes, all by the clock of
 * `process.hrtime`.
 *
 * What is missing on this machine is told by `onLane`, and the run goes on without it. Whatever
 * happens, the programs and all that watched them are gone when the promise settles, and also
 * when this process is killed.
 *
 * @example
 * ```ts
 * await traceExample(entry, {
 *   lanes: ['js', 'syscall', 'state', 'packet'],
 *   onEvent: event => merger.push(event),
 *   onLane: (lane, status) => console.log(lane, status),
 * })
 * ```
 */
export async function traceExample(
  entry: CatalogueEntry,
  options: TraceOptions,
): Promise<RunResult> {
  const { lanes, frames = false, onEvent, onLane, signal, limitMs } = options
  const kernelLanes = new KernelLanes(entry, { lanes, frames, onEvent, onLane })
  if (lanes.includes('js')) onLane('js', 'live')
  const hasCalls = lanes.includes('syscall') && checkCalls(onLane)
  await kernelLanes.start()
  try {
    return await runExample(entry, {
      onEvent(event) {
        kernelLanes.learnPorts(event)
        if (lanes.includes('js')) onEvent(event)
      },
      ...(hasCalls && { observer: straceObserver(onEvent) }),
      ...(signal && { signal }),
      ...(limitMs !== undefined && { limitMs }),
    })
  } finally {
    await kernelLanes.stop()
  }
}

/** Whether there can be system calls; says so. */
function checkCalls(onLane: TraceOptions['onLane']): boolean {
  const trouble = missing('strace')
  onLane('syscall', trouble === undefined ? 'live' : `missing: ${trouble}`)
  return trouble === undefined
}

/** Runs each program under strace, and reads what it says. */
function straceObserver(onEvent: TraceOptions['onEvent']): Observer {
  const offset = realtimeToMonotonic()
  let path: string | undefined
  return {
    wrap: command => straceCommand(command, OBSERVER_FD),
    onPath(where) {
      path = where
    },
    onStart(end, pid, output) {
      const reader = new StraceReader({
        pid,
        path,
        onCall({ realtimeNs, pid: _, ...call }) {
          onEvent({ ...call, lane: 'syscall', end, tNs: Number(realtimeNs + offset) })
        },
      })
      createInterface({ input: output }).on('line', line => reader.push(line))
    },
  }
}
