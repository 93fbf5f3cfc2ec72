import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { beforeAll, describe, expect, test } from 'vitest'
import { entriesOf, loadChapters, ROOT } from '#lib/catalogue/index.ts'
import { missing } from '#lib/kernel/requirements.ts'
import { renderDocument } from '#lib/textbook/document.ts'
import { byId, claimIds, claimsOf, loadExperiments } from '#lib/textbook/load-experiments.ts'
import { readObservations } from '#lib/textbook/observations.ts'
import { judgeOne } from '#lib/textbook/results.ts'
import { KIT } from '../support/kit-folder.ts'
import { evenly, withSome } from '../support/slow.ts'
import { canBeUnprivileged, UNPRIVILEGED } from '../support/unprivileged.ts'

interface Result {
  id: string
  verdict?: string
  observed?: string
  agrees?: boolean
  failed?: string
  skipped?: string
  evidence?: { steps: unknown[]; seen: unknown }
  ms?: number
}

const all = await loadExperiments()
const claims = claimsOf(all)
const observations = readObservations(all)
/** Quick tests run a few experiments; what the others have seen is judged from what was recorded. */
const tested = withSome
  ? claims
  : evenly(
      claims.filter(({ from }) => !from.experiment.slow),
      8,
    )
const chapters = await loadChapters()

/** One run of the very command that a reader types, for all tests below. */
let results: readonly Result[]
let exitCode: number | undefined
beforeAll(async () => {
  const ids = tested.map(({ claim }) => claim.id)
  const which = withSome ? ['--slow'] : ids
  const words = ['run', '--silent', 'textbook', '--', '--json', ...which]
  const run = await execa('npm', words, { cwd: KIT, reject: false, stderr: 'ignore' })
  results = JSON.parse(run.stdout)
  exitCode = run.exitCode
}, 1_200_000)
const resultOf = (id: string): Result | undefined => results.find(result => result.id === id)

test('npm run textbook -- --json has a result for every claim, in the order of their numbers', () => {
  expect(results.map(({ id }) => id)).toEqual(tested.map(({ claim }) => claim.id))
  expect(results.map(({ id }) => id)).toEqual(results.map(({ id }) => id).toSorted(byId))
  expect(exitCode).toBe(0)
})

describe.each(claims)('claim $claim.id', ({ claim, from }) => {
  const needs = [...from.experiment.needs, ...(claim.needs ?? [])]
  const lacks = needs.flatMap(need => missing(need) ?? [])

  const isTested = tested.some(one => one.claim.id === claim.id)
  const out = test.skipIf(lacks.length > 0)
  if (isTested)
    out(
      `comes out as ${claim.verdict} on this kernel${lacks.length > 0 ? ` (${lacks[0]})` : ''}`,
      () => {
        const result = resultOf(claim.id)!
        expect(result).toMatchObject({ verdict: claim.verdict, agrees: true })
        expect(result.observed).toMatch(/\S/)
        expect(result.observed).not.toMatch(/undefined|NaN|null|\[object/)
        expect(result.evidence!.steps.length).toBeGreaterThan(0)
      },
    )

  test('is judged by what was seen: another observation gets another verdict', ({ skip }) => {
    // What was recorded; for a new experiment, what it has seen just now.
    const observation = observations.get(from.name) ?? resultOf(claim.id)?.evidence
    if (observation === undefined) skip('needs an observation')
    const { seen } = observation!
    expect(judgeOne(claim, seen)).toMatchObject({ verdict: claim.verdict, agrees: true })
    const otherwise = judgeOne(claim, claim.counterexample(structuredClone(seen)))
    expect(otherwise.agrees).toBe(false)
    // Another world, not one of which nothing can be said.
    expect(otherwise.verdict).not.toBe('unclear')
  })

  test('says what a reader needs', () => {
    const isUntrue = claim.verdict === 'wrong' || claim.verdict === 'outdated'
    expect(claim.appliesTo ?? '').toMatch(isUntrue ? /Linux|RFC \d|POSIX/ : /^$/)
    for (const text of [claim.statement, claim.truth]) expect(text).toMatch(/^\S.*[.?!]$/s)
    expect(claim.source).toMatch(/RFC \d+|\w\(\d\w?\)|kernel/)
    const examples = entriesOf(chapters).map(({ id }) => id)
    expect([undefined, ...examples]).toContain(claim.example)
  })
})

test.skipIf(!withSome)(
  'npm run textbook tests on the host’s loopback what needs no network of its own',
  async () => {
    // As on a system that allows no namespaces.
    const folder = mkdtempSync(join(tmpdir(), 'socket-kit-path-'))
    writeFileSync(join(folder, 'unshare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    try {
      const run = await execa('npm', ['run', '--silent', 'textbook', '--', '--json'], {
        cwd: KIT,
        reject: false,
        stderr: 'ignore',
        env: { PATH: `${folder}:${process.env.PATH}` },
      })
      const found: Result[] = JSON.parse(run.stdout)
      // What is slow is left out without --slow, and not even said to be skipped.
      const inPrivate = claims.filter(
        ({ from: { experiment } }) => experiment.needs.includes('namespace') && !experiment.slow,
      )
      const skipped = found.filter(one => one.skipped !== undefined).map(({ id }) => id)
      expect(skipped).toEqual(expect.arrayContaining(inPrivate.map(({ claim }) => claim.id)))
      const others = found.filter(one => one.skipped === undefined)
      expect(others.filter(one => !one.agrees)).toEqual([])
      expect(others.length).toBeGreaterThan(0)
      expect(run.exitCode).toBe(0)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)

/** What plain Node can show, at least in part. With --slow, 6.16 and 6.21 as well. */
const WITHOUT_RIGHTS = [
  ...['1.10', '3.1', '3.3', '3.6', '3.11', '3.12'],
  ...['4.1', '4.4', '4.5', '5.7', '6.1', ...(withSome ? ['6.16'] : [])],
]

test.skipIf(!canBeUnprivileged)(
  'npm run textbook tests without root and without namespaces what needs neither (needs root, to do without it)',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'socket-kit-path-'))
    writeFileSync(join(folder, 'unshare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    try {
      const [unshare = '', ...words] = UNPRIVILEGED
      const asked = [...WITHOUT_RIGHTS, '3.5', '4.2', '5.8']
      const run = await execa(
        unshare,
        [...words, 'npm', 'run', '--silent', 'textbook', '--', '--json', ...asked],
        {
          cwd: KIT,
          reject: false,
          stderr: 'ignore',
          env: { PATH: `${folder}:${process.env.PATH}` },
        },
      )
      const found: Result[] = JSON.parse(run.stdout)
      const agreeing = found.filter(one => one.agrees).map(({ id }) => id)
      expect(agreeing).toEqual(WITHOUT_RIGHTS.toSorted(byId))
      // Of the same experiments, what only packets can show.
      const skipped = found.filter(one => one.skipped !== undefined)
      expect(skipped.map(({ id }) => id)).toEqual(['3.5', '4.2', '5.8'])
      for (const { skipped: why } of skipped) expect(why).toMatch(/^needs (root|tcpdump) /)
      expect(run.exitCode).toBe(0)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)

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
