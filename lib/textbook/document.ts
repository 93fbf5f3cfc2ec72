import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import { join } from 'node:path'
import { wrapAnsi } from 'fast-wrap-ansi'
import { ROOT } from '../catalogue/index.ts'
import type { Claim } from './experiment.ts'
import { claimsOf, groupBy, type ListedExperiment } from './load.ts'
import { type ClaimResult, judgeOne } from './results.ts'
import { unusualSettings } from './settings.ts'

const JSON_FILE = 'docs/textbook-vs-kernel.json'
const MARKDOWN_FILE = 'docs/textbook-vs-kernel.md'

/** Observations of one machine, as they are kept beside the document. */
export interface RecordedObservations {
  kernel: string
  node: string
  date: string
  processors: number
  /** Kernel parameters that differ from a stock distribution. */
  settings: string[]
  /** By the experiment's file: what was seen, and how long that took. */
  experiments: Record<string, { seen: unknown; ms: number }>
}

/** Writes what was seen, and the document made of it; returns the names of both files. */
export function record(results: readonly ClaimResult[]): string[] {
  const observations: RecordedObservations = {
    kernel: `${type()} ${release().split('-')[0]}`,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    processors: cpus().length,
    settings: unusualSettings(),
    experiments: completeOnes(results),
  }
  writeFileSync(join(ROOT, JSON_FILE), `${JSON.stringify(observations, null, 2)}\n`)
  const listed = [...new Set(results.map(({ from }) => from))]
  writeFileSync(join(ROOT, MARKDOWN_FILE), renderDocument(listed, observations))
  return [JSON_FILE, MARKDOWN_FILE]
}

/** What is worth keeping: what was seen without all that its claims need says too little. */
export function completeOnes(results: readonly ClaimResult[]): RecordedObservations['experiments'] {
  const experiments: RecordedObservations['experiments'] = {}
  const partly = new Set(results.filter(one => !('seen' in one)).map(({ from }) => from.name))
  for (const result of results.toSorted((a, b) => a.from.name.localeCompare(b.from.name)))
    if ('seen' in result && !partly.has(result.from.name))
      experiments[result.from.name] = { seen: result.seen, ms: result.ms }
  return experiments
}

/**
 * The observations that were recorded last.
 *
 * @throws {Error} `ENOENT` when there are none.
 */
export function readRecorded(): RecordedObservations {
  return JSON.parse(readFileSync(join(ROOT, JSON_FILE), 'utf8'))
}

/** How long an experiment took when it was recorded; 0 for one that never was. */
export function readRecordedMs(): (one: ListedExperiment) => number {
  try {
    const { experiments } = readRecorded()
    return ({ name }) => experiments[name]?.ms ?? 0
  } catch {
    return () => 0
  }
}

/** The document, from the claims and what was seen. A claim that nobody has run is not in it. */
export function renderDocument(
  all: readonly ListedExperiment[],
  { kernel, node, date, processors, settings, experiments }: RecordedObservations,
): string {
  const listed = all.filter(({ name }) => name in experiments)
  const parts = [
    '# The textbook against the kernel',
    [
      'Each row is a statement as textbooks and study notes make it, and what a real kernel did when it was put to the',
      'test. The verdict is computed from what was seen. `npm run textbook` does it all again on your machine, and',
      '`npm run textbook -- 1.20` shows one claim step by step.',
    ].join('\n'),
    [
      `Seen on ${kernel}, Node ${node}, ${processors} processors, ${date}.`,
      ...(settings.length === 0
        ? []
        : [
            'What differs there from a stock distribution:',
            '',
            ...settings.map(s => `- \`${s}\``),
          ]),
    ].join('\n'),
    [
      'A claim *holds*, or it *depends* on something that it does not mention; it is *outdated* when it was true once,',
      'and *wrong* when it never was. ★ marks those that a chapter cannot do without.',
    ].join('\n'),
  ]
  for (const [chapter, claims] of groupBy(claimsOf(listed), ({ claim }) => chapterOf(claim.id))) {
    const judged = claims.map(({ claim, from }) => ({
      claim,
      from,
      judgement: judgeOne(claim, experiments[from.name]!.seen),
    }))
    const heading = ({ claim, judgement }: (typeof judged)[number]) =>
      headingOf(claim, judgement.verdict)
    const rows = judged.map(
      one =>
        `| [${one.claim.id}](#${anchor(heading(one))}) | ${one.claim.says} | ${one.judgement.verdict} |`,
    )
    parts.push(
      `## Chapter ${chapter}`,
      ['| claim | the textbook says | verdict |', '| --- | --- | --- |', ...rows].join('\n'),
    )
    for (const one of judged) {
      const { claim, from, judgement } = one
      const file = from.name.split('/').at(-1)
      parts.push(
        `### ${heading(one)}`,
        quote(claim.says),
        wrap(claim.truth),
        wrap(`Seen: ${inline(judgement.observed)}`),
        wrap(`Decided by ${claim.source}; put to the test by [${file}](../${from.name}).`),
      )
    }
  }
  return `${parts.join('\n\n')}\n`
}

/** The claims of a chapter as a Markdown table for its write-up, with links into the document. */
export function claimTable(
  all: readonly ListedExperiment[],
  { experiments }: RecordedObservations,
  chapter: string,
): string {
  const rows = claimsOf(all)
    .filter(({ claim, from }) => chapterOf(claim.id) === chapter && from.name in experiments)
    .map(({ claim, from }) => {
      const { verdict } = judgeOne(claim, experiments[from.name]!.seen)
      const example = claim.example === undefined ? '' : `\`${claim.example}\` `
      const link = `../../docs/textbook-vs-kernel.md#${anchor(headingOf(claim, verdict))}`
      return `| [${claim.id}](${link}) | ${claim.says} | ${claim.truth} | ${verdict} | ${example}|`
    })
  const head = '| claim | textbooks say | this kernel does | verdict | example |'
  return [head, '| --- | --- | --- | --- | --- |', ...rows].join('\n')
}

const headingOf = ({ id, star }: Claim<unknown>, verdict: string): string =>
  `${id}${star ? '★' : ''} ${verdict}`

const chapterOf = (id: string): string => id.split('.')[0]!.padStart(2, '0')

const COLUMNS = 118

const inline = (text: string): string => `\`${text.replaceAll('`', "'")}\``
const wrap = (text: string, columns = COLUMNS): string => wrapAnsi(text, columns)
const quote = (text: string): string =>
  wrap(text, COLUMNS - 2)
    .split('\n')
    .map(line => `> ${line}`)
    .join('\n')

/** A link to a section by its heading, as GitHub names it. */
export const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
