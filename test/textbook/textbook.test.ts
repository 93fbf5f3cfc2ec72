import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { beforeAll, describe, expect, test } from 'vitest'
import { missing } from '#lib/kernel/requirements.ts'
import { byId, claimsOf, loadExperiments } from '#lib/textbook/load-experiments.ts'
import { readObservations } from '#lib/textbook/observations.ts'
import { KIT } from '../support/kit-folder.ts'
import { evenly, withSome } from '../support/slow.ts'
import { canBeUnprivileged, UNPRIVILEGED } from '../support/unprivileged.ts'
import { expectJudged } from './expect-judged.ts'

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

describe.each(tested)('claim $claim.id', ({ claim, from }) => {
  const needs = [...from.experiment.needs, ...(claim.needs ?? [])]
  const lacks = needs.flatMap(need => missing(need) ?? [])
  const why = lacks.length > 0 ? ` (${lacks[0]})` : ''

  test.skipIf(lacks.length > 0)(`comes out as ${claim.verdict} on this kernel${why}`, () => {
    const result = resultOf(claim.id)!
    expect(result).toMatchObject({ verdict: claim.verdict, agrees: true })
    expect(result.observed).toMatch(/\S/)
    expect(result.observed).not.toMatch(/undefined|NaN|null|\[object/)
    expect(result.evidence!.steps.length).toBeGreaterThan(0)
    // What is recorded is judged in claims.test.ts.
    if (!observations.has(from.name)) expectJudged(claim, result.evidence!.seen)
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
