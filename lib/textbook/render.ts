import { wrapAnsi } from 'fast-wrap-ansi'
import pc from 'picocolors'
import { groupBy } from '#lib/trace/group-by.ts'
import type { TextStyle } from '#lib/trace/render-text.ts'
import type { Verdict } from './experiment.ts'
import { claimsOf, type ListedClaim, type ListedExperiment } from './load-experiments.ts'
import type { ClaimResult } from './results.ts'

type Colors = ReturnType<typeof pc.createColors>

const ID = 6
const VERDICT = 10
const GAP = '  '
/** Below this, four columns would be too narrow to read: a claim gets lines of its own. */
const TABLE_FROM = 88

/** All results as a table: claim, what the textbook says, what this kernel says, verdict. */
export function renderResults(results: readonly ClaimResult[], style: TextStyle): string {
  const colors = pc.createColors(style.color)
  const rows = results.map(result => ({
    id: `${result.claim.id}${result.claim.essential ? '★' : ''}`,
    statement: result.claim.statement,
    seen: seenText(result),
    verdict: verdictText(result),
    paint: painter(result, colors),
  }))
  if (style.columns < TABLE_FROM) {
    return rows
      .map(({ id, statement, seen, verdict, paint }) =>
        [
          `${colors.bold(id)} ${paint(verdict)}`,
          indent(`textbook: ${statement}`, style.columns),
          indent(`kernel:   ${seen}`, style.columns),
        ].join('\n'),
      )
      .join('\n\n')
  }
  const rest = style.columns - ID - VERDICT - 3 * GAP.length
  const widths = [ID, Math.floor(rest * 0.45), rest - Math.floor(rest * 0.45), VERDICT]
  const line = (cells: string[], paint: (cell: string, at: number) => string) => {
    const columns = cells.map((cell, at) => wrapAnsi(cell, widths[at]!, { hard: true }).split('\n'))
    const height = Math.max(...columns.map(({ length }) => length))
    return Array.from({ length: height }, (_, row) =>
      columns
        .map((cell, at) => paint((cell[row] ?? '').padEnd(widths[at]!), at))
        .join(GAP)
        .trimEnd(),
    ).join('\n')
  }
  const head = line(['claim', 'the textbook says', 'your kernel says', 'verdict'], cell =>
    colors.dim(cell),
  )
  const body = rows.map(({ id, statement, seen, verdict, paint }) =>
    line([id, statement, seen, verdict], (cell, at) => {
      if (at === 0) return colors.bold(cell)
      return at === 3 ? paint(cell) : cell
    }),
  )
  return [head, ...body].join('\n')
}

/** How many claims came out how, in one sentence; what needs a look, in lines of its own. */
export function renderSummary(results: readonly ClaimResult[], style: TextStyle): string {
  const judged = results.filter(result => 'agrees' in result)
  const counts = (['holds', 'depends', 'outdated', 'wrong'] satisfies Verdict[])
    .map(verdict => ({ verdict, count: judged.filter(r => r.verdict === verdict).length }))
    .filter(({ count }) => count > 0)
    .map(({ verdict, count }) => `${count} ${verdict}`)
  const lines = [`${judged.length} claims tested: ${counts.join(', ') || 'none'}.`]
  for (const result of results) {
    const { id } = result.claim
    if ('failed' in result) lines.push(`${id} failed: ${result.failed}`)
    else if ('agrees' in result && !result.agrees)
      lines.push(`${id}: expected ${result.claim.verdict}, your kernel says ${result.verdict}`)
  }
  const reasons = groupBy(
    results.filter(result => 'skipped' in result),
    ({ skipped }) => skipped,
  )
  for (const [reason, skipped] of reasons)
    lines.push(`not run: ${skipped.map(({ claim }) => claim.id).join(', ')}: ${reason}`)
  return lines.map(line => wrapAnsi(line, style.columns)).join('\n')
}

/** One claim in full: what was done, what was seen, which source decides. */
export function renderDetail(result: ClaimResult, style: TextStyle): string {
  const colors = pc.createColors(style.color)
  const { claim, from } = result
  const paragraph = (title: string, text: string) =>
    `${colors.dim(title)}\n${indent(text, style.columns)}`
  const parts = [
    `${colors.bold(`${claim.id}${claim.essential ? '★' : ''}`)} ${painter(result, colors)(verdictText(result))}`,
    paragraph('The textbook says', claim.statement),
  ]
  if ('steps' in result && result.steps.length > 0) {
    const steps = result.steps.map(({ step, atMs }) =>
      hang(`${String(atMs).padStart(6)} ms  `, step, style.columns),
    )
    parts.push(`${colors.dim(`What was done: ${from.experiment.title}`)}\n${steps.join('\n')}`)
  }
  parts.push(
    paragraph('What was seen', seenText(result)),
    paragraph('How it really is', claim.truth),
    ...(claim.appliesTo === undefined
      ? []
      : [paragraph(`Where it is ${claim.verdict}`, claim.appliesTo)]),
    paragraph('What decides', claim.source),
    paragraph('The program', from.name),
  )
  return parts.join('\n\n')
}

/** The claims that can be tested, one line each. */
export function renderClaims(experiments: readonly ListedExperiment[], style: TextStyle): string {
  const { bold, dim } = pc.createColors(style.color)
  const row = ({ claim, from: { experiment } }: ListedClaim) => {
    const all = [...experiment.needs, ...(claim.needs ?? [])]
    const needs = all.filter(need => need !== 'linux')
    const notes = [...needs, ...(experiment.slow ? ['slow'] : [])].join(', ')
    const id = `${claim.id}${claim.essential ? '★' : ''}`.padEnd(ID)
    const text = `${claim.statement}${notes ? dim(` (${notes})`) : ''}`
    return hang(`${bold(id)}${GAP}`, text, style.columns, ID + GAP.length)
  }
  return claimsOf(experiments).map(row).join('\n')
}

function seenText(result: ClaimResult): string {
  if ('skipped' in result) return `not run: ${result.skipped}`
  return 'failed' in result ? `failed: ${result.failed}` : result.observed
}

function verdictText(result: ClaimResult): string {
  if ('skipped' in result) return 'not run'
  if ('failed' in result) return 'failed'
  return result.agrees ? result.verdict : `${result.verdict} !`
}

function painter(result: ClaimResult, colors: Colors): (text: string) => string {
  if ('skipped' in result) return colors.dim
  if ('failed' in result || !result.agrees) return colors.red
  return result.verdict === 'holds' ? colors.green : colors.yellow
}

const indent = (text: string, columns: number): string => hang('  ', text, columns)

/** A text whose first line begins with `head`, and whose further lines stand below its text. */
function hang(head: string, text: string, columns: number, width = head.length): string {
  const lines = wrapAnsi(text, Math.max(10, columns - width), { hard: true }).split('\n')
  return lines.map((line, at) => `${at === 0 ? head : ' '.repeat(width)}${line}`).join('\n')
}
