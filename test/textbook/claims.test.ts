import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { entriesOf, loadChapters, ROOT } from '#lib/catalogue/index.ts'
import { renderDocument } from '#lib/textbook/document.ts'
import { claimIds, claimsOf, loadExperiments } from '#lib/textbook/load-experiments.ts'
import { readObservations } from '#lib/textbook/observations.ts'
import { expectJudged } from './expect-judged.ts'

const all = await loadExperiments()
const claims = claimsOf(all)
const observations = readObservations(all)
const examples = entriesOf(await loadChapters()).map(({ id }) => id)

describe.each(claims)('claim $claim.id', ({ claim, from }) => {
  const observation = observations.get(from.name)
  // Of one that is not recorded, textbook.test.ts judges what it sees then.
  if (observation !== undefined)
    test('is judged by what was recorded: another observation gets another verdict', () =>
      expectJudged(claim, observation.seen))

  test('says what a reader needs', () => {
    const isUntrue = claim.verdict === 'wrong' || claim.verdict === 'outdated'
    expect(claim.appliesTo ?? '').toMatch(isUntrue ? /Linux|RFC \d|POSIX/ : /^$/)
    for (const text of [claim.statement, claim.truth]) expect(text).toMatch(/^\S.*[.?!]$/s)
    expect(claim.source).toMatch(/RFC \d+|\w\(\d\w?\)|kernel/)
    expect([undefined, ...examples]).toContain(claim.example)
  })
})

test('no claim is tested by two experiments', () => {
  const ids = claims.map(({ claim }) => claim.id)
  expect(ids).toEqual([...new Set(ids)])
})

describe('docs/textbook-vs-kernel.md', () => {
  test('is what the recorded observations say (npm run docs:sync)', () => {
    const text = readFileSync(join(ROOT, 'docs/textbook-vs-kernel.md'), 'utf8')
    expect(text).toBe(renderDocument(all, observations))
  })

  test('names in its tables what a verdict of wrong or outdated applies to', () => {
    const text = readFileSync(join(ROOT, 'docs/textbook-vs-kernel.md'), 'utf8')
    const untrue = claims.filter(
      ({ claim, from }) => claim.appliesTo !== undefined && observations.has(from.name),
    )
    for (const { claim } of untrue) {
      const row = text.split('\n').find(line => line.startsWith(`| [${claim.id}](`))
      expect(row).toContain(`| ${claim.verdict} (${claim.appliesTo}) |`)
    }
  })
})

test('claimIds names the claims of an experiment', () => {
  const one = all.find(({ name }) => name.endsWith('/sequence-numbers.ts'))!
  expect(claimIds(one)).toBe('2.2 2.3 2.4 2.5')
})
