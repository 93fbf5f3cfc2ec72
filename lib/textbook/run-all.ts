import { availableParallelism } from 'node:os'
import type { ListedExperiment } from './load-experiments.ts'
import { type RunOutcome, runExperiment } from './run-experiment.ts'

export interface RunAllOptions {
  onStart?: (experiment: ListedExperiment) => void
  onEnd?: (experiment: ListedExperiment, outcome: RunOutcome) => void
  signal?: AbortSignal
  /** How long an experiment took the last time, in milliseconds: the longest start first. */
  lastMs?: (experiment: ListedExperiment) => number
}

/** Experiments mostly wait: several share a processor. Their start takes it whole, for a moment. */
const PER_PROCESSOR = 4

/**
 * Runs experiments side by side, each in its own process and network, and returns how they went.
 * Those that the signal left no time for are missing.
 */
export async function runAll(
  experiments: readonly ListedExperiment[],
  { onStart, onEnd, signal, lastMs = () => 0 }: RunAllOptions = {},
): Promise<Map<ListedExperiment, RunOutcome>> {
  const outcomes = new Map<ListedExperiment, RunOutcome>()
  const waiting = experiments.toSorted((a, b) => lastMs(b) - lastMs(a))
  const next = async (): Promise<void> => {
    for (let one = waiting.shift(); one && !signal?.aborted; one = waiting.shift()) {
      onStart?.(one)
      const outcome = await runExperiment(one, signal)
      if (signal?.aborted) return
      outcomes.set(one, outcome)
      onEnd?.(one, outcome)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() * PER_PROCESSOR }, next))
  return outcomes
}
