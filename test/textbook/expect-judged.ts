import { expect } from 'vitest'
import type { Claim } from '#lib/textbook/experiment.ts'
import { judgeOne } from '#lib/textbook/results.ts'

/** Expects that a claim is judged by what was seen: another observation gets another verdict. */
export function expectJudged(claim: Claim<unknown>, seen: unknown): void {
  expect(judgeOne(claim, seen)).toMatchObject({ verdict: claim.verdict, agrees: true })
  const otherwise = judgeOne(claim, claim.counterexample(structuredClone(seen)))
  expect(otherwise.agrees, 'the counterexample is judged as what was seen').toBe(false)
  // Another world, not one of which nothing can be said.
  expect(otherwise.verdict).not.toBe('unclear')
}
