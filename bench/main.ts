/** `npm run bench`: the codecs beside the npm packages a reader would otherwise install. */

import { spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { UsageError } from '../lib/cli/arguments.ts'
import { runCommand } from '../lib/cli/run-command.ts'
import { lineFeeders, prefixFeeders } from './feeders.ts'
import { fullGrowth, growthNames, measureGrowth, quickGrowth } from './growth.ts'
import { machine, machineLine, missingPackages } from './machine.ts'
import { measureMemory, memoryNames } from './memory.ts'
import {
  markdownOf,
  type Result,
  type Saved,
  terminalText,
  verdictsOf,
  withTables,
} from './report.ts'
import { kinds } from './sockets/kinds.ts'
import { SocketBench } from './sockets/measure.ts'
import { fullSockets, quickSockets, socketQuestions } from './sockets/tables.ts'
import { tables } from './tables/index.ts'
import { fullEffort, measure, quickEffort } from './throughput.ts'

const usage = `usage: npm run bench -- [group or table …] [--quick] [--list]

  without a name: everything, and docs/benchmarks.json and docs/benchmarks.md are written anew
  with names:     only those, printed and not written
  --write         put the named tables, measured in full, in the place of the written ones
  --quick         fewer and shorter samples, for a first look; never written
  --list          what there is to name`

interface Item {
  name: string
  group: string
  title: string
}

const items: readonly Item[] = [
  ...tables.map(({ name, group, title }) => ({ name, group, title })),
  ...growthNames.map(name => ({ name, group: 'growth', title: 'one large frame, small chunks' })),
  ...memoryNames.map(name => ({ name, group: 'memory', title: 'what is held on to' })),
  ...socketQuestions.map(({ name, title }) => ({ name, group: 'sockets', title })),
]

const groups = [...new Set(items.map(({ group }) => group))]

/** @throws {UsageError} where there is nothing of that name. */
function itemsOf(names: readonly string[]): readonly Item[] {
  const unknown = names.find(
    word => !items.some(({ name, group }) => name === word || group === word),
  )
  if (unknown !== undefined) {
    throw new UsageError(
      `bench: no group or table '${unknown}'; there is ${groups.join(', ')} (npm run bench -- --list)`,
    )
  }
  return items.filter(
    ({ name, group }) => names.length === 0 || names.includes(name) || names.includes(group),
  )
}

/** The step that is being measured, on a line that the next one overwrites. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${text}`)
}

/** Clients and compiled servers, once for all tables over sockets. */
let socketBench: SocketBench | null = null

async function resultOf({ name, group }: Item, quick: boolean): Promise<Result> {
  if (group === 'growth') {
    const effort = quick ? quickGrowth : fullGrowth
    return { kind: 'growth', table: await measureGrowth(name, effort, progress) }
  }
  if (group === 'sockets') {
    socketBench ??= await SocketBench.start(quick ? quickSockets : fullSockets, progress)
    const question = socketQuestions.find(known => known.name === name)!
    return { kind: 'sockets', table: await socketBench.measure(question) }
  }
  if (group === 'memory') return { kind: 'memory', table: await measureMemory(name, progress) }
  const table = tables.find(known => known.name === name)!
  return {
    kind: 'throughput',
    table: await measure(table, quick ? quickEffort : fullEffort, progress),
  }
}

/** The npm packages that are measured in these tables. */
function packagesOf(wanted: readonly Item[]): string[] {
  const names = wanted.map(({ name }) => name)
  const has = (...groups: string[]): boolean => wanted.some(({ group }) => groups.includes(group))
  const candidates = [
    ...tables.filter(({ name }) => names.includes(name)).flatMap(table => table.candidates),
    ...(has('growth', 'memory') ? [...prefixFeeders, ...lineFeeders] : []),
    ...(has('sockets') ? kinds : []),
  ]
  return candidates.flatMap(({ package: name }) => (name === undefined ? [] : [name]))
}

/** Five digits say all that a measurement knows. */
function shortNumber(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value)
    ? Number(value.toPrecision(5))
    : value
}

const DOCS = new URL('../docs/', import.meta.url)
const JSON_FILE = fileURLToPath(new URL('benchmarks.json', DOCS))
const PAGE = fileURLToPath(new URL('benchmarks.md', DOCS))

const flag = { type: 'boolean', default: false } as const

await runCommand({
  name: 'npm run bench',
  usage,
  flags: { quick: flag, write: flag, list: flag },
  lineFor: mistake => `bench: ${mistake} (npm run bench -- --help)`,
  run: bench,
})

async function bench(
  { quick, write, list }: { quick: boolean; write: boolean; list: boolean },
  names: readonly string[],
): Promise<number> {
  if (list) {
    for (const { name, group, title } of items) {
      console.log(`${group.padEnd(13)} ${name.padEnd(19)} ${title}`)
    }
    return 0
  }
  const wanted = itemsOf(names)
  if (write && quick) {
    throw new UsageError('bench: --quick is never written: leave out one of the two')
  }
  const missing = missingPackages()
  if (missing.length > 0) {
    const some = missing.length > 2 ? `${missing.slice(0, 2).join(', ')} …` : missing.join(', ')
    console.error(`bench: not installed: ${some}; install what is compared: npm ci --prefix bench`)
    return 1
  }
  const written = !quick && (write || names.length === 0)
  // Found out now, not after everything was measured.
  if (written) for (const file of [JSON_FILE, PAGE]) accessSync(file, constants.W_OK)
  const ran = machine(packagesOf(wanted))
  console.log(`${machineLine(ran)}\n`)
  // The children end when their input does, and what was compiled is removed on exit.
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => process.exit(code))
  }
  process.stdout.once('error', () => process.exit(0))
  const results = await measureAll(wanted, quick)
  const verdicts = results.flatMap(verdictsOf)
  console.log(`targets met: ${verdicts.filter(({ met }) => met).length} of ${verdicts.length}`)
  if (written) writeDocuments(ran, results, names.length === 0)
  return 0
}

async function measureAll(wanted: readonly Item[], quick: boolean): Promise<Result[]> {
  const results: Result[] = []
  try {
    for (const item of wanted) {
      const result = await resultOf(item, quick)
      progress('')
      console.log(terminalText(result))
      results.push(result)
    }
  } finally {
    await (socketBench as SocketBench | null)?.stop()
  }
  return results
}

function writeDocuments(
  ran: ReturnType<typeof machine>,
  results: Result[],
  everything: boolean,
): void {
  const date = new Date().toISOString().slice(0, 10)
  const goVersion = (socketBench as SocketBench | null)?.goVersion ?? null
  const on = { ...ran, ...(goVersion !== null && { go: goVersion }) }
  const all = results.map(({ kind, table }) => ({ kind, ...table }))
  const saved = everything
    ? { date, machine: on, results: all }
    : withTables(
        JSON.parse(readFileSync(JSON_FILE, 'utf8')) as Saved,
        { date, machine: on },
        results,
      )
  writeFileSync(JSON_FILE, JSON.stringify(saved, shortNumber))
  const biome = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', DOCS))
  spawnSync(process.execPath, [biome, 'format', '--write', JSON_FILE])
  writeFileSync(PAGE, markdownOf(readFileSync(JSON_FILE, 'utf8')))
  console.log('written: docs/benchmarks.json and docs/benchmarks.md')
}
