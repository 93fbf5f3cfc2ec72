import type { Claim, Judgement } from './experiment.ts'
import { claimsOf, type ListedExperiment } from './load-experiments.ts'
import type { RunOutcome, Step } from './run-experiment.ts'
import { unmetNeeds } from './unmet-needs.ts'

/** What became of one claim. */
export type ClaimResult = {
  claim: Claim<unknown>
  from: ListedExperiment
} & (
  | ({
      /** Whether the verdict is the one that we expect. */
      agrees: boolean
      steps: readonly Step[]
      seen: unknown
      ms: number
    } & Judgement)
  | { skipped: string }
  | { failed: string; steps: readonly Step[] }
)

/** Judges every claim of every experiment that has run, in the order of their numbers. */
export function judgeAll(outcomes: ReadonlyMap<ListedExperiment, RunOutcome>): ClaimResult[] {
  return claimsOf([...outcomes.keys()]).map(({ claim, from }) => {
    const outcome = outcomes.get(from)!
    if ('skipped' in outcome) return { claim, from, skipped: outcome.skipped }
    const { steps, ms } = outcome
    const lacks = unmetNeeds(claim.needs ?? [])
    if (lacks.length > 0) return { claim, from, skipped: lacks.join(', ') }
    if ('failed' in outcome) return { claim, from, failed: outcome.failed, steps }
    if ('inconclusive' in outcome) {
      const judgement = {
        verdict: 'unclear',
        observed: outcome.inconclusive,
        agrees: false,
      } as const
      return { claim, from, ...judgement, steps, seen: null, ms }
    }
    const { seen } = outcome
    try {
      return { claim, from, ...judgeOne(claim, seen), steps, seen, ms }
    } catch (error) {
      const failed = `cannot be judged: ${(error as Error).message}`
      return { claim, from, failed, steps }
    }
  })
}

/** What an observation says about a claim, and whether that is what we expect. */
export function judgeOne(claim: Claim<unknown>, seen: unknown): Judgement & { agrees: boolean } {
  const judgement = claim.judge(seen)
  return { ...judgement, agrees: judgement.verdict === claim.verdict }
}

/** A result as `--json` prints it. */
export function resultAsJson(result: ClaimResult): Record<string, unknown> {
  const { id, statement, appliesTo } = result.claim
  if ('skipped' in result) return { id, claim: statement, skipped: result.skipped }
  if ('failed' in result)
    return { id, claim: statement, failed: result.failed, evidence: { steps: result.steps } }
  const { verdict, observed, agrees, steps, seen, ms } = result
  const about = appliesTo === undefined ? {} : { appliesTo }
  return {
    id,
    claim: statement,
    verdict,
    ...about,
    observed,
    agrees,
    evidence: { steps, seen },
    ms,
  }
}
