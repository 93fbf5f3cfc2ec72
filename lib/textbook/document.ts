import { readFileSync, writeFileSync } from 'node:fs'
import { cpus, release, type } from 'node:os'
import { join } from 'node:path'
import { wrapAnsi } from 'fast-wrap-ansi'
import { ROOT } from '../catalogue/index.ts'
import type { Claim } from './experiment.ts'
import { claimsOf, groupBy, type ListedExperiment } from './load.ts'
import { type ClaimResult, judgeOne } from './results.ts'
import type { SettingsHad } from './settings.ts'

const JSON_FILE = 'docs/textbook-vs-kernel.json'
const MARKDOWN_FILE = 'docs/textbook-vs-kernel.md'

/** Observations of one machine, as they are kept beside the document. */
export interface RecordedObservations {
  kernel: string
  node: string
  date: string
  processors: number
  /** Kernel parameters that the experiments had and that differ from a stock distribution. */
  settings: string[]
  /** The host's parameters that an experiment's private network could not have. */
  notCopied: string[]
  /** By the experiment's file: what was seen, and how long that took. */
  experiments: Record<string, { seen: unknown; ms: number }>
}

/** Writes what was seen, and the document made of it; returns the names of both files. */
export function record(results: readonly ClaimResult[], had: SettingsHad): string[] {
  const observations: RecordedObservations = {
    kernel: `${type()} ${release().split('-')[0]}`,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    processors: cpus().length,
    settings: had.unusual,
    notCopied: had.notCopied,
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
  recorded: RecordedObservations,
): string {
  const { experiments } = recorded
  const listed = all.filter(({ name }) => name in experiments)
  const parts = [
    '# The textbook against the kernel',
    [
      'Each row has a statement as textbooks and study notes make it, and what a real kernel did when it was put to the',
      'test. The verdict is computed from what was seen. `npm run textbook` repeats all of it on your machine, and',
      '`npm run textbook -- 1.20` shows one claim step by step.',
    ].join('\n'),
    machine(recorded),
    [
      'A claim *holds*, or it *depends* on something that it does not mention; it is *outdated* when it used to be true,',
      'and *wrong* when it never was. The kernels, versions or standards for which a claim is outdated or wrong are named',
      'in brackets. ★ marks the claims that a chapter cannot do without.',
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
        `| [${one.claim.id}](#${anchor(heading(one))}) | ${one.claim.says} | ${verdictCell(one.claim, one.judgement.verdict)} |`,
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
        ...(claim.appliesTo === undefined
          ? []
          : [wrap(`${capital(claim.verdict)} for: ${claim.appliesTo}.`)]),
        wrap(`Seen: ${inline(judgement.observed)}`),
        wrap(`Decided by ${claim.source}; put to the test by [${file}](../${from.name}).`),
      )
    }
  }
  return `${parts.join('\n\n')}\n`
}

/** Where the observations were made, and with which settings. */
function machine(recorded: RecordedObservations): string {
  const { kernel, node, date, processors, settings, notCopied } = recorded
  const lines = [
    `Seen on ${kernel}, Node ${node}, ${processors} processors, ${date}.`,
    'An experiment runs in a private network namespace where it can. The kernel gives a new namespace its own defaults,',
    'so the host’s settings are copied into it first: what is seen is what this kernel does with these settings.',
  ]
  if (settings.length > 0) lines.push('The settings that differ from a stock distribution:')
  const parts = [lines.join('\n'), ...(settings.length > 0 ? [list(settings)] : [])]
  if (notCopied.length > 0)
    parts.push('The host’s settings that could not be copied:', list(notCopied))
  return parts.join('\n\n')
}

const list = (settings: readonly string[]): string => settings.map(s => `- \`${s}\``).join('\n')

/** A verdict, with what it applies to: `outdated (Linux since 5.4)`. */
const verdictCell = (claim: Claim<unknown>, verdict: string): string =>
  claim.appliesTo === undefined || verdict !== claim.verdict
    ? verdict
    : `${verdict} (${claim.appliesTo})`

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

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
      return `| [${claim.id}](${link}) | ${claim.says} | ${claim.truth} | ${verdictCell(claim, verdict)} | ${example}|`
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
