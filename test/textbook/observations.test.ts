import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadChapters, ROOT } from '#lib/catalogue/index.ts'
import { renderDocument, trueOrFalse } from '#lib/textbook/document.ts'
import { claimsOf, loadExperiments } from '#lib/textbook/load-experiments.ts'
import {
  observationOf,
  type RecordedObservation,
  readObservations,
  recordable,
} from '#lib/textbook/observations.ts'
import type { ClaimResult } from '#lib/textbook/results.ts'

const all = await loadExperiments()
const claims = claimsOf(all)
const observations = readObservations(all)
const chapters = await loadChapters()

test('renderDocument shows a claim that was never recorded, or cannot be judged by what was, as not yet recorded', () => {
  const [never, stale, ...rest] = claims.map(({ claim }) => claim.id)
  const [first, second] = [never, stale].map(id => claims.find(({ claim }) => claim.id === id)!)
  const some = new Map(observations)
  some.delete(first!.from.name)
  some.set(second!.from.name, { ...anyObservation(), seen: null })
  const document = renderDocument(all, some)
  const folded = trueOrFalse(all, some, '01', [never!, stale!])
  for (const id of [never, stale]) {
    expect(document).toMatch(
      new RegExp(`^\\| \\[${id}\\]\\(#\\S+\\).* \\| not yet recorded \\|$`, 'm'),
    )
    expect(document).toMatch(new RegExp(`^### ${id}★? not yet recorded$`, 'm'))
    expect(document).toContain(`\`npm run textbook -- ${id} --record\``)
    expect(folded).toContain(`Not yet recorded: [${id}](../../docs/textbook-vs-kernel.md#`)
  }
  expect(document.match(/^### .* not yet recorded$/gm)!.length).toBeLessThan(rest.length)
  // With no observation at all, there is still a document.
  expect(renderDocument(all, new Map())).not.toContain('Seen on')
})

test('renderDocument says where a claim was seen on another machine than the others', () => {
  const { name, experiment } = all.find(({ experiment: { claims } }) => claims.length === 1)!
  const some = new Map(observations)
  const other = {
    kernel: 'Linux 9.9.9',
    node: 'v99.0.0',
    date: '2030-01-02',
    settings: ['a = 1'],
  }
  some.set(name, { ...some.get(name)!, ...other })
  const document = renderDocument(all, some)
  const [, section = ''] = document.split(`### ${experiment.claims[0]!.id}`)
  expect(section.replaceAll(/\s+/g, ' ')).toContain(
    `Seen on Linux 9.9.9, Node v99.0.0, ${some.get(name)!.processors} processors, 2030-01-02 (\`a = 1\`): \``,
  )
  expect(document.match(/Linux 9\.9\.9/g)).toHaveLength(1)
})
const anyObservation = (): RecordedObservation => [...observations.values()][0]!

test('readObservations takes what is damaged, or of another form, for not recorded', () => {
  const folder = mkdtempSync(join(tmpdir(), 'socket-kit-observations-'))
  const good = JSON.stringify(anyObservation())
  const without = (key: string) => JSON.stringify({ ...anyObservation(), [key]: undefined })
  const texts = {
    good,
    cut: good.slice(0, 50),
    empty: '',
    null: 'null',
    list: '[]',
    ...Object.fromEntries(Object.keys(anyObservation()).map(key => [key, without(key)])),
  }
  try {
    const listed = Object.entries(texts).map(([name, text]) => {
      writeFileSync(join(folder, `${name}.seen.json`), text)
      return { ...all[0]!, name, file: join(folder, `${name}.ts`) }
    })
    const missing = { ...all[0]!, name: 'missing', file: join(folder, 'missing.ts') }
    expect([...readObservations([...listed, missing])]).toEqual([['good', anyObservation()]])
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('recordable leaves out an experiment of which a claim was not judged as expected, and says why', () => {
  const [a, b, c] = all
  const result = (from: typeof a, more: object) => {
    return { claim: from!.experiment.claims[0]!, from, ...more } as ClaimResult
  }
  const seen = { seen: 1, ms: 2, agrees: true, steps: [], verdict: 'holds', observed: '' }
  const results = [
    ...[result(a, seen), result(a, { skipped: 'needs tcpdump' })],
    ...[result(b, seen), result(c, { ...seen, agrees: false, verdict: 'unclear' })],
  ]
  expect(recordable(results)).toEqual([
    { from: a, why: `${a!.experiment.claims[0]!.id} needs tcpdump` },
    { from: b, seen: 1, ms: 2 },
    {
      from: c,
      why: `${c!.experiment.claims[0]!.id} came out as unclear, not as ${c!.experiment.claims[0]!.verdict}`,
    },
  ])
})

test('beside the experiments is no observation of one that is gone', () => {
  const files = chapters.flatMap(({ folder }) => {
    const experiments = `chapters/${folder}/experiments`
    if (!existsSync(join(ROOT, experiments))) return []
    return readdirSync(join(ROOT, experiments)).map(file => `${experiments}/${file}`)
  })
  const known = all.map(({ name }) => observationOf(name))
  expect(known).toEqual(expect.arrayContaining(files.filter(file => file.endsWith('.seen.json'))))
})
