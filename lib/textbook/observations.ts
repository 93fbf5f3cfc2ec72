import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import type { Claim, Judgement } from './experiment.ts'
import type { ListedExperiment } from './load-experiments.ts'
import { type ClaimResult, judgeOne } from './results.ts'
import type { SettingsUsed } from './unusual-settings.ts'

/** Where and when something was seen. */
export interface Circumstances {
  kernel: string
  node: string
  processors: number
  /** `2026-11-30` */
  date: string
  /** Kernel parameters that the experiment had and that differ from a stock distribution. */
  settings: string[]
  /** The host's parameters that the experiment's private network could not have. */
  notCopied: string[]
}

/** What an experiment has seen, as it is kept beside it: `experiments/<slug>.seen.json`. */
export interface RecordedObservation extends Circumstances {
  /** How long it took. */
  ms: number
  seen: unknown
}

/** Observations by the name of their experiment. One that was never recorded is missing. */
export type RecordedObservations = ReadonlyMap<string, RecordedObservation>

/** The file of an experiment's observation: its own name, and what is in it. */
export const observationOf = (experiment: string): string =>
  experiment.replace(/\.[^./]+$/, '.seen.json')

/** What was seen of these experiments when they were last recorded, as far as it can be read. */
export function readObservations(experiments: readonly ListedExperiment[]): RecordedObservations {
  const observations = new Map<string, RecordedObservation>()
  for (const { name, file } of experiments) {
    const observation = readObservation(observationOf(file))
    if (observation !== undefined) observations.set(name, observation)
  }
  return observations
}

/** A file that is missing, damaged, or of another form is as good as none: record it anew. */
function readObservation(path: string): RecordedObservation | undefined {
  if (!existsSync(path)) return undefined
  try {
    const found: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isObservation(found) ? found : undefined
  } catch {
    return undefined
  }
}

function isObservation(found: unknown): found is RecordedObservation {
  const { kernel, node, date, processors, ms, settings, notCopied, ...rest } = Object(found)
  return (
    [kernel, node, date].every(text => typeof text === 'string') &&
    [processors, ms].every(number => typeof number === 'number') &&
    [settings, notCopied].every(Array.isArray) &&
    'seen' in rest
  )
}

/** What a recorded observation says about a claim; undefined where it is none that can be judged. */
export function judgeRecorded(
  claim: Claim<unknown>,
  observation: RecordedObservation | undefined,
): Judgement | undefined {
  if (observation === undefined) return undefined
  try {
    return judgeOne(claim, observation.seen)
  } catch {
    return undefined // of an experiment that saw other things
  }
}

/** Keeps what an experiment has seen; returns the name of the file. */
export function keepObservation(
  { name, file }: Pick<ListedExperiment, 'name' | 'file'>,
  { seen, ms }: { seen: unknown; ms: number },
  had: SettingsUsed,
): string {
  const observation: RecordedObservation = {
    kernel: `${type()} ${release().split('-')[0]}`,
    node: process.version,
    processors: cpus().length,
    date: new Date().toISOString().slice(0, 10),
    settings: had.unusual,
    notCopied: had.notCopied,
    ms,
    seen,
  }
  writeFileSync(observationOf(file), `${JSON.stringify(observation, null, 2)}\n`)
  return observationOf(name)
}

/** What became of an experiment whose observation is to be kept. */
export type Recordable = { from: ListedExperiment } & (
  | { seen: unknown; ms: number }
  | { why: string }
)

/**
 * Which experiments are worth keeping. One of which a claim was not judged, or came out otherwise than
 * expected, is not: what it saw says too little, or asks for a look at the claim.
 */
export function recordable(results: readonly ClaimResult[]): Recordable[] {
  const experiments = [...new Set(results.map(({ from }) => from))]
  return experiments.map(from => {
    const own = results.filter(result => result.from === from)
    const why = own.flatMap(result => whyNot(result) ?? [])
    const [first] = own
    if (why.length > 0 || first === undefined || !('seen' in first))
      return { from, why: why.join('; ') }
    return { from, seen: first.seen, ms: first.ms }
  })
}

function whyNot(result: ClaimResult): string | undefined {
  const { id, verdict } = result.claim
  if ('skipped' in result) return `${id} ${result.skipped}`
  if ('failed' in result) return `${id} failed`
  return result.agrees ? undefined : `${id} came out as ${result.verdict}, not as ${verdict}`
}
