/** The measurements as text of at most 100 columns, and as Markdown. */

import type { GrowthCell, GrowthTable, GrowthVerdict } from './growth.ts'
import { type Machine, machineLine } from './machine.ts'
import type { MemoryTable } from './memory.ts'
import type { SocketRow, SocketTable } from './sockets/tables.ts'
import type { Measured, Row, Verdict } from './throughput.ts'

export type Result =
  | { kind: 'throughput'; table: Measured }
  | { kind: 'growth'; table: GrowthTable }
  | { kind: 'memory'; table: MemoryTable }
  | { kind: 'sockets'; table: SocketTable }

/** A table before it is drawn; the first column is text, the others are figures. */
interface Grid {
  head: string[]
  body: string[][]
}

const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

const bytesText = (value: number): string => Math.round(value).toLocaleString('en-US')

function throughputGrid({ rows, unit, reference }: Measured): Grid {
  const base = rows.find(({ id }) => id === reference)!.label
  return {
    head: ['candidate', `M ${unit}/s`, 'ns each', 'middle half', `× ${shortened(base)}`],
    body: rows.map((row: Row) => [
      row.label,
      digits(row.framesPerSecond / 1e6),
      digits(row.nsPerFrame),
      row.quartilesNs.map(digits).join('–'),
      row.ratio.toFixed(2),
    ]),
  }
}

/** The name of a reference in a column's head, without what stands behind its comma. */
function shortened(label: string): string {
  return label.split(/[,:]/)[0]!
}

function growthText({ finished, fedShare, nsPerByte }: GrowthCell): string {
  return finished ? digits(nsPerByte) : `(${(fedShare * 100).toFixed(0)} %)`
}

function growthGrid({ rows }: GrowthTable): Grid {
  const worst = (cells: GrowthCell[], of: 'peakResident' | 'peakLive'): string =>
    Math.max(...cells.map(cell => cell[of])).toFixed(1)
  return {
    head: ['candidate', '64 KiB', '1 KiB', '64 B', '1 B', 'resident', 'reachable'],
    body: rows.map(({ label, cells }) => [
      label,
      ...cells.map(growthText),
      worst(cells, 'peakResident'),
      worst(cells, 'peakLive'),
    ]),
  }
}

function memoryGrid({ rows }: MemoryTable): Grid {
  return {
    head: ['candidate', 'bytes held'],
    body: rows.map(({ label, bytes, refusal }) => [label, refusal ?? bytesText(bytes)]),
  }
}

/** The columns behind a server's label: a heading, and the text of its figures. */
const socketColumns: Record<SocketTable['what'], [string, (f: SocketRow['figures']) => string][]> =
  {
    load: [
      ['1000 msg/s', f => digits(f.messagesPerSecond! / 1000)],
      ['middle half', f => `${digits(f.lowQuartile! / 1000)}–${digits(f.highQuartile! / 1000)}`],
      ['MB/s', f => digits(f.megabytesPerSecond!)],
      ['server µs', f => digits(f.serverUs!)],
      ['× raw echo', f => f.ratio!.toFixed(2)],
    ],
    latency: [
      ['1000 msg/s', f => digits(f.messagesPerSecond! / 1000)],
      ['p50 µs', f => bytesText(f.p50Us!)],
      ['p99 µs', f => bytesText(f.p99Us!)],
      ['its spread', f => `${bytesText(f.p99Least!)}–${bytesText(f.p99Most!)}`],
      ['late p99', f => bytesText(f.lateP99Us!)],
    ],
    memory: [
      ['bytes each', f => bytesText(f.bytesPerLink!)],
      ['spread', f => `${bytesText(f.least!)}–${bytesText(f.most!)}`],
      ['× bare net', f => f.ratio!.toFixed(2)],
    ],
    burst: [
      ['p50 ms', f => digits(f.p50Us! / 1000)],
      ['p99 ms', f => digits(f.p99Us! / 1000)],
      ['its spread', f => `${digits(f.p99Least! / 1000)}–${digits(f.p99Most! / 1000)}`],
      ['last ms', f => digits(f.maxUs! / 1000)],
    ],
  }

function socketGrid({ what, rows }: SocketTable): Grid {
  const columns = socketColumns[what]
  return {
    head: ['server', ...columns.map(([heading]) => heading)],
    body: rows.map(({ label, unmeasured, figures }) => [
      label,
      ...columns.map(([, text]) => (unmeasured === undefined ? text(figures) : '–')),
    ]),
  }
}

const gridOf = (result: Result): Grid => {
  if (result.kind === 'throughput') return throughputGrid(result.table)
  if (result.kind === 'growth') return growthGrid(result.table)
  if (result.kind === 'sockets') return socketGrid(result.table)
  return memoryGrid(result.table)
}

/** Says which servers have no figures, and what it takes to get them. */
function unmeasuredText({ rows }: SocketTable): string {
  const reasons = new Map<string, string[]>()
  for (const { label, unmeasured } of rows) {
    if (unmeasured === undefined) continue
    reasons.set(unmeasured, [...(reasons.get(unmeasured) ?? []), label.split(/,/)[0]!])
  }
  return [...reasons]
    .map(([reason, labels]) => ` ${[...new Set(labels)].join(', ')}: ${reason}.`)
    .join('')
}

/** What stands below a title: how to read the figures. */
function note(result: Result): string {
  if (result.kind === 'throughput') {
    const { samples, remark } = result.table
    return `Medians of ${samples} samples.${remark === undefined ? '' : ` ${remark}`}`
  }
  if (result.kind === 'sockets') return `${result.table.remark}${unmeasuredText(result.table)}`
  if (result.kind === 'memory') return 'Reachable memory, after garbage collection.'
  const { limitMs, repeats } = result.table
  return (
    `ns per byte by chunk size, medians of ${repeats}, or how much was taken when time was up, ` +
    `after ${limitMs / 1000} s; peak memory, × the frame.`
  )
}

function targetText(result: Result, verdict: Verdict | GrowthVerdict): string {
  const rows: readonly { id: string; label: string }[] = result.table.rows
  const named = (id: string): string => rows.find(row => row.id === id)?.label ?? id
  if ('atMost' in verdict) {
    const value = result.kind === 'memory' ? bytesText(verdict.value) : digits(verdict.value)
    const limit = result.kind === 'memory' ? bytesText(verdict.atMost) : digits(verdict.atMost)
    return `${named(verdict.ours)}: ${value}, at most ${limit}: ${verdict.text}`
  }
  const { ours, fastest, ratio, atLeast } = verdict
  return `${named(ours)}: ${ratio.toFixed(2)} × ${named(fastest)}, wanted at least ${atLeast}`
}

export function verdictsOf(result: Result): readonly (Verdict | GrowthVerdict)[] {
  return result.table.verdicts
}

/** Breaks a line at the last spaces that keep it within 100 columns. */
function wrapped(text: string, indent: string): string[] {
  const lines: string[] = []
  let rest = text
  while (rest.length > 100) {
    const at = rest.lastIndexOf(' ', 100)
    lines.push(rest.slice(0, at))
    rest = indent + rest.slice(at + 1)
  }
  return [...lines, rest]
}

/** One table for the terminal. */
export function terminalText(result: Result): string {
  const { head, body } = gridOf(result)
  const widths = head.map((_, i) => Math.max(...[head, ...body].map(line => line[i]!.length)))
  const draw = (line: string[]): string =>
    line
      .map((text, i) => (i === 0 ? text.padEnd(widths[0]!) : text.padStart(widths[i]!)))
      .join('  ')
      .trimEnd()
  return [
    `${result.table.name} · ${result.table.title}`,
    ...wrapped(note(result), ''),
    '',
    ...[head, ...body].map(line => `  ${draw(line)}`),
    '',
    ...verdictsOf(result).flatMap(verdict =>
      wrapped(
        `  ${verdict.met ? 'met   ' : 'MISSED'}  ${targetText(result, verdict)}`,
        ' '.repeat(10),
      ),
    ),
    '',
  ].join('\n')
}

const markdownCell = (text: string): string => text.replaceAll('|', '\\|')

function markdownTable({ head, body }: Grid): string {
  const draw = (line: string[]): string => `| ${line.map(markdownCell).join(' | ')} |`
  const rule = `|${head.map((_, i) => (i === 0 ? ' --- ' : ' ---: ')).join('|')}|`
  return [draw(head), rule, ...body.map(draw)].join('\n')
}

const paragraph = (text: string): string => wrapped(text, '').join('\n')

function markdownSection(result: Result, ran: Ran | undefined): string {
  const { name, title } = result.table
  const targets = verdictsOf(result).flatMap(verdict =>
    wrapped(`- ${verdict.met ? 'met' : '**missed**'}: ${targetText(result, verdict)}`, '  '),
  )
  return [
    `## ${name}`,
    paragraph(`${title[0]!.toUpperCase()}${title.slice(1)}. ${note(result)}`),
    ...(ran === undefined ? [] : [paragraph(measuredOn(ran))]),
    markdownTable(gridOf(result)),
    ...(targets.length > 0 ? [targets.join('\n')] : []),
  ].join('\n\n')
}

function measuredOn({ date, machine: ran }: Ran): string {
  const go = ran.go === undefined ? '' : `, ${ran.go}`
  return `Measured on ${date}: ${machineLine(ran)}${go}.`
}

/** `benchmarks.json`: one run, and tables that were measured anew since. */
export interface Saved {
  date: string
  machine: Machine
  results: (Result['table'] & { kind: Result['kind']; ran?: Ran })[]
}

/** When and on what a table was measured, if not with the others. */
export interface Ran {
  date: string
  machine: Machine
}

export function resultsOf({ results }: Saved): Result[] {
  return results.map(({ kind, ran: _, ...table }) => ({ kind, table }) as Result)
}

/** Puts tables that were measured anew in the place of the old ones; new ones come last. */
export function withTables(saved: Saved, { date, machine: ran }: Ran, anew: Result[]): Saved {
  const results = [...saved.results]
  for (const { kind, table } of anew) {
    const result = { kind, ...table, ran: { date, machine: ran } }
    const at = results.findIndex(({ name }) => name === table.name)
    if (at === -1) results.push(result)
    else results[at] = result
  }
  return { ...saved, results }
}

/** Says by how much the encoder is faster that no target counts, where it is. */
function fasterInPieces(results: readonly Result[]): string[] {
  return results.flatMap(({ kind, table }) => {
    if (kind !== 'throughput') return []
    const nsOf = (id: string): number => table.rows.find(row => row.id === id)?.nsPerFrame ?? NaN
    const factor = nsOf('encode') / nsOf('it-length-prefixed-list')
    if (!(factor > 1)) return []
    return [
      `No target counts an encoder that returns two pieces and copies nothing: in ${table.name} it ` +
        `is ${factor.toFixed(1)} times as fast as \`encode()\`.`,
    ]
  })
}

/** The versions of all packages, of the last run that measured them. */
function packagesOf({ machine: ran, results }: Saved): Record<string, string> {
  const all = { ...ran.packages }
  for (const result of results) Object.assign(all, result.ran?.machine.packages)
  return Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** `benchmarks.md`, made from the text of `benchmarks.json`. */
export function markdownOf(json: string): string {
  const saved = JSON.parse(json) as Saved
  const { machine: ran, date } = saved
  const results = resultsOf(saved)
  const all = results.flatMap(verdictsOf)
  const met = all.filter(verdict => verdict.met).length
  return `${[
    '# Benchmarks',
    'Generated by `npm run bench`; the same figures are in `benchmarks.json`. Do not edit.',
    paragraph(
      'Each candidate runs in a process of its own. The candidates of a table take turns in one ' +
        'run. A figure is the median of the samples, and a sample is a mean that includes garbage ' +
        'collection. Time is the time that the main thread had a core, so that other programs on ' +
        'the machine count for little. A ratio is the median of the ratios within a round, above ' +
        '1 = faster. All candidates yield the right frames, byte by byte: each is checked before ' +
        'it is timed. The large frames of the growth tables are checked by their length. Stream ' +
        'packages are driven with `write()` and `data` events, with a buffer large enough that ' +
        'they never have to wait, where they allow it.',
    ),
    paragraph(measuredOn({ date, machine: ran })),
    markdownTable({
      head: ['npm package', 'version'],
      body: Object.entries(packagesOf(saved)).map(([name, version]) => [`\`${name}\``, version]),
    }),
    paragraph([`Targets met: ${met} of ${all.length}.`, ...fasterInPieces(results)].join(' ')),
    ...results.map((result, i) => markdownSection(result, saved.results[i]!.ran)),
  ].join('\n\n')}\n`
}
