import type { RunResult } from '#lib/observe/run-example.ts'
import { Merger } from '#lib/trace/merge.ts'
import { inOrder } from '#lib/trace/order.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'

/** The exit code of a run that was ended by Ctrl-C, as shells have it. */
export const INTERRUPTED = 130

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** How a run is followed. */
export interface LiveRun {
  /** Starts the run. It must end soon after `signal` says so, and leave nothing behind. */
  run: (options: {
    onEvent: (event: TraceEvent) => void
    signal: AbortSignal
  }) => Promise<RunResult>
  /** Gets the events in the order of time, as they happen or at the end. */
  show: (events: TraceEvent[]) => void
  /** How late an event may reach us and still be shown in its place. */
  holdMs: number
}

/**
 * Follows a run of an example until it ends, or until Ctrl-C or a reader who has left ends it.
 *
 * A terminal shows events as they happen; a file or a pipe gets them in perfect order at the end.
 */
export async function runLive({
  run,
  show,
  holdMs,
}: LiveRun): Promise<{ result: RunResult; stopped: boolean }> {
  const merger = new Merger(process.stdout.isTTY ? holdMs : Number.POSITIVE_INFINITY)
  const now = () => Number(process.hrtime.bigint())
  const ticker = setInterval(() => show(merger.ready(now())), holdMs / 2)
  const abort = new AbortController()
  const stop = () => {
    // Below the ^C that the terminal shows.
    if (process.stdout.isTTY && !abort.signal.aborted) console.log()
    abort.abort()
  }
  // `npm start | head`: nobody reads any more. End the programs as well.
  process.stdout.once('error', stop)
  for (const signal of SIGNALS) process.on(signal, stop)
  try {
    const result = await run({ onEvent: event => merger.push(event), signal: abort.signal })
    show(merger.flush())
    return { result, stopped: abort.signal.aborted }
  } finally {
    clearInterval(ticker)
    process.stdout.off('error', stop)
    for (const signal of SIGNALS) process.off(signal, stop)
  }
}

/**
 * The lines of a timeline in their places, those that stand for several events included. A terminal
 * has shown what came before: there, such a line comes when it is known.
 *
 * @param rest what is left to be said at the end; only asked for where there is no terminal, because
 *   everything comes at once there.
 */
export function inPlace(shown: TraceEvent[], rest: () => TraceEvent[]): TraceEvent[] {
  return process.stdout.isTTY ? shown : inOrder([...shown, ...rest()])
}
