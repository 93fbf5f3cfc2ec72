/** `npm run bench`: the codecs beside the npm packages a reader would otherwise install. */

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { lineFeeders, prefixFeeders } from '../../bench/feeders.ts'
import { fullGrowth, growthNames, measureGrowth, quickGrowth } from '../../bench/growth.ts'
import { machine, machineLine } from '../../bench/machine.ts'
import { measureMemory, memoryNames } from '../../bench/memory.ts'
import {
  markdownOf,
  type Result,
  type Saved,
  terminalText,
  verdictsOf,
  withTables,
} from '../../bench/report.ts'
import { kinds } from '../../bench/sockets/kinds.ts'
import { SocketBench } from '../../bench/sockets/measure.ts'
import { fullSockets, quickSockets, socketQuestions } from '../../bench/sockets/tables.ts'
import { tables } from '../../bench/tables/index.ts'
import { fullEffort, measure, quickEffort } from '../../bench/throughput.ts'
import { problem } from './arguments.ts'

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

/** One line on stderr and exit code 2: the reader's mistake. */
function misuse(message: string): never {
  console.error(`bench: ${message}`)
  process.exit(2)
}

interface Wish {
  wanted: readonly Item[]
  quick: boolean
  everything: boolean
  write: boolean
}

function parse(): Wish {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        quick: { type: 'boolean', default: false },
        write: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
    if (values.help) {
      console.log(usage)
      process.exit(0)
    }
    if (values.list) {
      for (const { name, group, title } of items) {
        console.log(`${group.padEnd(13)} ${name.padEnd(19)} ${title}`)
      }
      process.exit(0)
    }
    const unknown = positionals.find(
      word => !items.some(({ name, group }) => name === word || group === word),
    )
    if (unknown !== undefined)
      misuse(`no group or table '${unknown}'; there is ${groups.join(', ')}`)
    const everything = positionals.length === 0
    if (values.write && values.quick) misuse('--quick is never written: leave out one of the two')
    const wanted = items.filter(
      ({ name, group }) => everything || positionals.includes(name) || positionals.includes(group),
    )
    return { wanted, everything, quick: values.quick, write: values.write || everything }
  } catch (error) {
    return misuse(problem(error))
  }
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

// Whoever reads this may stop early: `| head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

/** Five digits say all that a measurement knows. */
function shortNumber(_: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value)
    ? Number(value.toPrecision(5))
    : value
}

const { wanted, quick, everything, write } = parse()
const ran = machine(packagesOf(wanted))
console.log(`${machineLine(ran)}\n`)

// What was compiled is removed when this process exits; its children end when their input does.
for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
  process.once(signal, () => process.exit(code))
}

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

const verdicts = results.flatMap(verdictsOf)
console.log(`targets met: ${verdicts.filter(({ met }) => met).length} of ${verdicts.length}`)
if (write && !quick) {
  const date = new Date().toISOString().slice(0, 10)
  const docs = new URL('../../docs/', import.meta.url)
  const file = fileURLToPath(new URL('benchmarks.json', docs))
  const goVersion = (socketBench as SocketBench | null)?.goVersion ?? null
  const on = { ...ran, ...(goVersion !== null && { go: goVersion }) }
  const all = results.map(({ kind, table }) => ({ kind, ...table }))
  const saved = everything
    ? { date, machine: on, results: all }
    : withTables(JSON.parse(readFileSync(file, 'utf8')) as Saved, { date, machine: on }, results)
  writeFileSync(file, JSON.stringify(saved, shortNumber))
  const biome = fileURLToPath(new URL('../node_modules/@biomejs/biome/bin/biome', docs))
  spawnSync(process.execPath, [biome, 'format', '--write', file])
  writeFileSync(new URL('benchmarks.md', docs), markdownOf(readFileSync(file, 'utf8')))
  console.log('written: docs/benchmarks.json and docs/benchmarks.md')
}
