import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execaNode } from 'execa'
import { describe, expect, onTestFinished, test } from 'vitest'
import { check } from '../../bench/candidate.ts'
import { markdownOf, resultsOf, type Saved, terminalText, withTables } from '../../bench/report.ts'
import { median, quantile } from '../../bench/statistics.ts'
import { tables } from '../../bench/tables/index.ts'
import { type Measured, measure } from '../../bench/throughput.ts'
import { KIT } from '../support/kit-folder.ts'
import { spread } from '../support/slow.ts'
import { WITHOUT_PACKAGES } from './packages.ts'

const root = new URL('../../', import.meta.url)

async function bench(...words: string[]) {
  const { exitCode, stdout, stderr } = await execaNode('bench/main.ts', words, {
    cwd: KIT,
    nodeOptions: ['--import', 'tsx'],
    reject: false,
  })
  return { exitCode, stdout, stderr }
}

describe.each(tables.map(table => [table.name, table] as const))('bench %s', (_, table) => {
  const candidates = table.candidates.map(candidate => [candidate.id, candidate] as const)
  test.for(spread(candidates, 1, 3))(
    '%s yields the right frames',
    async ([id, candidate], { skip }) => {
      if (WITHOUT_PACKAGES && candidate.package) skip('needs npm ci --prefix bench')
      const work = await candidate.prepare()
      expect(work.payloads.length).toBeGreaterThan(100)
      await check(id, work)
      // A second pass must go on where the first one ended, as it does when it is timed.
      const before = work.tally.frames
      await work.run()
      expect(work.tally.frames - before).toBe(work.payloads.length)
    },
  )

  test('compares candidates that are there', () => {
    const ids = table.candidates.map(({ id }) => id)
    expect(new Set(ids).size).toBe(ids.length)
    expect(ids).toContain(table.reference)
    for (const { ours, than } of table.targets) {
      expect(ids).toEqual(expect.arrayContaining([ours, ...than]))
    }
  })
})

test('bench check notices a frame that is missing, and one that is different', async () => {
  const work = await tables[0]!.candidates[0]!.prepare()
  const [first, ...others] = work.payloads
  const wrong = [Buffer.from(first!).fill(0), ...others]
  await expect(check('x', { ...work, payloads: others })).rejects.toThrow('x yields')
  await expect(check('x', { ...work, payloads: wrong })).rejects.toThrow('other bytes in frame 0')
})

describe('bench', () => {
  test.each([
    [['lengthprefix'], "no group or table 'lengthprefix'; there is length-prefix, lines, "],
    [['--fast'], "Unknown option '--fast'"],
    [['lines', '--write', '--quick'], '--quick is never written: leave out one of the two'],
    [['--quick=yes'], "Option '--quick' does not take an argument"],
  ])('%j is one line and exit code 2', async (words, message) => {
    const { exitCode, stdout, stderr } = await bench(...words)
    expect({ exitCode, stdout, lines: stderr.split('\n').length }).toEqual({
      exitCode: 2,
      stdout: '',
      lines: 1,
    })
    expect(stderr.startsWith(`bench: ${message}`)).toBe(true)
  })

  test('--list names every group and table', async () => {
    const { exitCode, stdout } = await bench('--list')
    expect(exitCode).toBe(0)
    const groups = new Set(stdout.split('\n').map(line => line.split(' ')[0]))
    expect([...groups]).toEqual([
      'length-prefix',
      'lines',
      'varint',
      'slip',
      'http1',
      'encode',
      'growth',
      'memory',
      'sockets',
    ])
    for (const { name } of tables) expect(stdout).toContain(` ${name} `)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })

  test('says in one line how to install what is compared', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const own = (from: string) => basename(from) !== 'node_modules'
    cpSync(new URL('bench', root), join(folder, 'bench'), { recursive: true, filter: own })
    for (const name of ['lib', 'node_modules', 'package.json']) {
      symlinkSync(fileURLToPath(new URL(name, root)), join(folder, name))
    }
    const options = { cwd: folder, nodeOptions: ['--import', 'tsx'], reject: false }
    const { exitCode, stderr, stdout } = await execaNode('bench/main.ts', ['lines'], options)
    expect({ exitCode, stderr, stdout }).toEqual({
      exitCode: 1,
      stderr:
        'bench: not installed: @serialport/parser-slip-encoder, binary-split …; install what is compared: npm ci --prefix bench',
      stdout: '',
    })
  })

  const measures = 'measures every candidate of a table, in processes of their own'
  test.skipIf(WITHOUT_PACKAGES)(`${measures}${WITHOUT_PACKAGES}`, async () => {
    const table = tables.find(({ name }) => name === 'encode-slab-16')!
    const effort = { starts: 1, rounds: 3, sampleMs: 1, warmUpMs: 1 }
    const { rows, verdicts, samples } = await measure(table, effort, () => {})
    expect(samples).toBe(3)
    expect(rows.map(({ id }) => id)).toEqual(table.candidates.map(({ id }) => id))
    expect(rows.find(({ id }) => id === table.reference)?.ratio).toBe(1)
    for (const { nsPerFrame, framesPerSecond, quartilesNs } of rows) {
      expect(nsPerFrame).toBeGreaterThan(0)
      expect(framesPerSecond * nsPerFrame).toBeCloseTo(1e9, -1)
      expect(quartilesNs[0]).toBeLessThanOrEqual(quartilesNs[1])
    }
    expect(verdicts).toHaveLength(1)
    expect(verdicts[0]!.met).toBe(verdicts[0]!.ratio >= 0.8)
  })

  test('takes the middle of the samples', () => {
    expect(median([3, 1, 2])).toBe(2)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(quantile([0, 10, 20, 30], 0.25)).toBe(7.5)
    expect(median([])).toBeNaN()
  })
})

describe('docs/benchmarks', () => {
  const json = readFileSync(new URL('docs/benchmarks.json', root), 'utf8')
  const results = resultsOf(JSON.parse(json) as Saved)

  test('benchmarks.md is made from benchmarks.json', () => {
    expect(readFileSync(new URL('docs/benchmarks.md', root), 'utf8')).toBe(markdownOf(json))
  })

  test('the documents say by how much the encoder is faster that no target counts', () => {
    const table = results.find(({ table }) => table.name === 'encode-1024')?.table as Measured
    const nsOf = (id: string) => table.rows.find(row => row.id === id)!.nsPerFrame
    const factor = (nsOf('encode') / nsOf('it-length-prefixed-list')).toFixed(1)
    for (const file of ['benchmarks.md', 'framing.md']) {
      const text = readFileSync(new URL(`docs/${file}`, root), 'utf8').replaceAll(/\s+/g, ' ')
      expect(text).toMatch(/returns (a frame in )?two pieces and copies nothing/)
      expect(text).toContain(`is ${factor} times as fast`)
    }
    // Where it is not faster there is nothing to say.
    const { date, machine, results: saved } = JSON.parse(json) as Saved
    const others = saved.filter(({ name }) => name !== 'encode-1024')
    const shorter = markdownOf(JSON.stringify({ date, machine, results: others }))
    expect(shorter).toMatch(/^Targets met: \d+ of \d+\.$/m)
  })

  test('a table that was measured anew takes the place of the old one, and says when and where', () => {
    const saved = JSON.parse(json) as Saved
    const [first, second] = saved.results
    const { kind, ran: _, ...table } = first!
    const rows = [...(table as Measured).rows].reverse()
    const machine = { ...saved.machine, cpu: 'Another', go: 'go1', packages: { slip: '9.9.9' } }
    const anew = [{ kind, table: { ...table, rows } } as (typeof results)[0]]
    const merged = withTables(saved, { date: '2000-01-01', machine }, anew)
    expect(merged.results.map(({ name }) => name)).toEqual(saved.results.map(({ name }) => name))
    expect(resultsOf(merged)[0]!.table.rows).toEqual(rows)
    expect(merged.results[1]).toBe(second)
    const [, , text] = markdownOf(JSON.stringify(merged)).split('\n## ')
    expect(markdownOf(JSON.stringify(merged))).toContain('| `slip` | 9.9.9 |')
    expect(markdownOf(JSON.stringify(merged)).split('\n## ')[1]).toMatch(
      /\n\nMeasured on 2000-01-01: Another, \d[^\n]+\n?[^\n]*go1\.\n/,
    )
    expect(text).not.toContain('2000-01-01')
  })

  test('benchmarks.json has every throughput table and its candidates', () => {
    const measured = results.filter(({ kind }) => kind === 'throughput')
    expect(measured.map(({ table }) => [table.name, table.rows.map(({ id }) => id)])).toEqual(
      tables.map(({ name, candidates }) => [name, candidates.map(({ id }) => id)]),
    )
  })

  test('a table fits a terminal of 100 columns', () => {
    for (const result of results) {
      for (const line of terminalText(result).split('\n')) {
        expect(line.length, line).toBeLessThanOrEqual(100)
      }
    }
  })
})
