import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { wrapAnsi } from 'fast-wrap-ansi'
import { slug } from 'github-slugger'
import { ROOT } from '#lib/catalogue/index.ts'
import { groupBy } from '#lib/trace/group-by.ts'
import type { Judgement } from './experiment.ts'
import { claimsOf, type ListedClaim, type ListedExperiment } from './load-experiments.ts'
import {
  type Circumstances,
  judgeRecorded,
  type RecordedObservation,
  type RecordedObservations,
  readObservations,
} from './observations.ts'

export const TEXTBOOK_DOCUMENT = 'docs/textbook-vs-kernel.md'
/** In place of a verdict. */
const NOT_YET = 'not yet recorded'

/** The file that `renderDocument` makes, and what it has to hold. */
export function documentOf(all: readonly ListedExperiment[]): { name: string; text: string } {
  return { name: TEXTBOOK_DOCUMENT, text: renderDocument(all, readObservations(all)) }
}

/** Writes the document anew from the observations beside the experiments; returns its name. */
export function writeDocument(all: readonly ListedExperiment[]): string {
  const { name, text } = documentOf(all)
  writeFileSync(join(ROOT, name), text)
  return name
}

/** A claim with what was seen of it, as far as that is recorded. */
interface RecordedClaim extends ListedClaim {
  observation: RecordedObservation | undefined
  judgement: Judgement | undefined
}

function recordedClaims(
  all: readonly ListedExperiment[],
  observations: RecordedObservations,
): RecordedClaim[] {
  return claimsOf(all).map(({ claim, from }) => {
    const observation = observations.get(from.name)
    return { claim, from, observation, judgement: judgeRecorded(claim, observation) }
  })
}

/** The document, from the claims and what was seen. */
export function renderDocument(
  all: readonly ListedExperiment[],
  observations: RecordedObservations,
): string {
  const usual = mostFrequent([...observations.values()])
  const parts = [
    '# The textbook against the kernel',
    [
      'Each row has a statement as textbooks and study notes make it, and what a real kernel did when it was put to the',
      'test. The verdict is computed from what was seen. `npm run textbook` repeats all of it on your machine, and',
      '`npm run textbook -- 1.20` shows one claim step by step.',
    ].join('\n'),
    ...(usual === undefined ? [] : [machine(usual, observations)]),
    [
      'A claim *holds*, or it *depends* on something that it does not mention; it is *outdated* when it used to be true,',
      'and *wrong* when it never was. The kernels, versions or standards for which a claim is outdated or wrong are named',
      'in brackets. A ★ behind the number in a heading marks a claim that its chapter cannot do without.',
    ].join('\n'),
  ]
  const claims = recordedClaims(all, observations)
  for (const [chapter, ofChapter] of groupBy(claims, ({ claim }) => chapterOf(claim.id))) {
    const rows = ofChapter.map(one => {
      const { id, statement } = one.claim
      return `| [${id}](#${slug(heading(one))}) | ${statement} | ${verdictCell(one)} |`
    })
    parts.push(
      `## Chapter ${chapter}`,
      ['| claim | the textbook says | verdict |', '| --- | --- | --- |', ...rows].join('\n'),
      ...ofChapter.flatMap(one => section(one, usual)),
    )
  }
  return `${parts.join('\n\n')}\n`
}

/** The paragraphs about one claim. */
function section(one: RecordedClaim, usual: Circumstances | undefined): string[] {
  const { claim, from, observation, judgement } = one
  const file = from.name.split('/').at(-1)
  const { appliesTo } = claim
  return [
    `### ${heading(one)}`,
    quote(claim.statement),
    wrap(claim.truth),
    ...(appliesTo === undefined ? [] : [wrap(`${capital(claim.verdict)} for: ${appliesTo}.`)]),
    judgement === undefined || observation === undefined
      ? wrap(`Not yet recorded: \`npm run textbook -- ${claim.id} --record\` does that.`)
      : wrap(`Seen${elsewhere(observation, usual)}: ${inline(judgement.observed)}`),
    wrap(`Decided by ${claim.source}; put to the test by [${file}](../${from.name}).`),
  ]
}

/** The circumstances that most observations have in common, but for the date. */
function mostFrequent(
  observations: readonly RecordedObservation[],
): RecordedObservation | undefined {
  const groups = [...groupBy(observations, sameness).values()]
  return groups.toSorted((a, b) => b.length - a.length)[0]?.[0]
}

const sameness = ({ kernel, node, processors, settings, notCopied }: Circumstances): string =>
  JSON.stringify([kernel, node, processors, settings, notCopied])

/** Where most observations were made, and with which settings. */
function machine(usual: Circumstances, observations: RecordedObservations): string {
  const { kernel, node, processors, settings, notCopied } = usual
  const alike = [...observations.values()].filter(one => sameness(one) === sameness(usual))
  const dates = alike.map(({ date }) => date).toSorted()
  const [first, last] = [dates[0], dates.at(-1)]
  const when = first === last ? first : `${first} to ${last}`
  const rest = alike.length < observations.size ? ' Where it was another machine, it says so.' : ''
  const lines = [
    `Seen on ${kernel}, Node ${node}, ${processors} processors, ${when}.${rest}`,
    'An experiment runs in a private network namespace where it can. The kernel gives a new namespace its own defaults,',
    'so the host’s settings are copied into it first: what is seen is what this kernel does with these settings.',
  ]
  if (settings.length > 0) lines.push('The settings that differ from a stock distribution:')
  const parts = [lines.join('\n'), ...(settings.length > 0 ? [list(settings)] : [])]
  if (notCopied.length > 0)
    parts.push('The host’s settings that could not be copied:', list(notCopied))
  return parts.join('\n\n')
}

/** Where an observation was made, if not where most of them were. */
function elsewhere(observation: Circumstances, usual: Circumstances | undefined): string {
  if (usual !== undefined && sameness(observation) === sameness(usual)) return ''
  const { kernel, node, processors, date, settings } = observation
  const unusual = settings.length > 0 ? ` (${settings.map(inline).join(', ')})` : ''
  return ` on ${kernel}, Node ${node}, ${processors} processors, ${date}${unusual}`
}

const list = (settings: readonly string[]): string => settings.map(s => `- \`${s}\``).join('\n')

/** A verdict, with what it applies to: `outdated (Linux since 5.4)`. */
function verdictCell({ claim, judgement }: RecordedClaim): string {
  if (judgement === undefined) return NOT_YET
  const { verdict } = judgement
  return claim.appliesTo === undefined || verdict !== claim.verdict
    ? verdict
    : `${verdict} (${claim.appliesTo})`
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** The answers to true or false. */
const ANSWERS: Record<Judgement['verdict'], string> = {
  holds: 'True',
  depends: 'It depends',
  outdated: 'No longer true',
  wrong: 'False',
  unclear: 'Undecided',
}

/**
 * The claims of a chapter for its write-up, or those that are named: the reader decides, and then opens the answer, which has
 * a link into the document.
 */
export function trueOrFalse(
  all: readonly ListedExperiment[],
  observations: RecordedObservations,
  chapter: string,
  ids: readonly string[] = [],
): string {
  const claims = recordedClaims(all, observations).filter(
    ({ claim }) => chapterOf(claim.id) === chapter,
  )
  const wanted = ids.map(id => {
    const one = claims.find(({ claim }) => claim.id === id)
    if (!one) throw new Error(`no claim "${id}" in chapter ${chapter}: correct the comment`)
    return one
  })
  const items = (ids.length > 0 ? wanted : claims).map(one => [
    listItem(one.claim.statement),
    '<details>',
    '<summary>True or false?</summary>',
    answer(one),
    '</details>',
  ])
  return items.map(([item = '', ...rest]) => [item, indented(rest)].join('\n\n')).join('\n\n')
}

function answer(one: RecordedClaim): string {
  const { claim, judgement } = one
  const link = `[${claim.id}](../../docs/textbook-vs-kernel.md#${slug(heading(one))})`
  if (judgement === undefined) return wrap(`${capital(NOT_YET)}: ${link}.`, COLUMNS - 2)
  const applies = claim.appliesTo !== undefined && judgement.verdict === claim.verdict
  const where = applies ? ` (${claim.appliesTo})` : ''
  const verdict = `**${ANSWERS[judgement.verdict]}**${where}.`
  return wrap(`${verdict} ${claim.truth} What a kernel did: ${link}.`, COLUMNS - 2)
}

const listItem = (text: string): string => `- ${wrap(text, COLUMNS - 2).replaceAll('\n', '\n  ')}`

/** Blocks below a list item; an empty line between those that Markdown must not join. */
function indented([open = '', summary = '', ...rest]: readonly string[]): string {
  const text = [`${open}\n${summary}`, ...rest].join('\n\n')
  return text.replaceAll(/^(?=.)/gm, '  ')
}

const heading = ({ claim: { id, essential }, judgement }: RecordedClaim): string =>
  `${id}${essential ? '★' : ''} ${judgement?.verdict ?? NOT_YET}`

const chapterOf = (id: string): string => id.split('.')[0]!.padStart(2, '0')

const COLUMNS = 118

const inline = (text: string): string => `\`${text.replaceAll('`', "'")}\``
const wrap = (text: string, columns = COLUMNS): string => wrapAnsi(text, columns)
const quote = (text: string): string =>
  wrap(text, COLUMNS - 2)
    .split('\n')
    .map(line => `> ${line}`)
    .join('\n')
