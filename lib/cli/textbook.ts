/** `npm run textbook`: puts the textbook's claims to the test on this kernel. */

import { release } from 'node:os'
import { plural } from '#lib/program/plural.ts'
import { writeDocument } from '#lib/textbook/document.ts'
import { claimsOf, type ListedExperiment, loadExperiments } from '#lib/textbook/load-experiments.ts'
import { keepObservation, readObservations, recordable } from '#lib/textbook/observations.ts'
import { renderClaims, renderDetail, renderResults, renderSummary } from '#lib/textbook/render.ts'
import { judgeAll, resultAsJson } from '#lib/textbook/results.ts'
import { runAll } from '#lib/textbook/run-all.ts'
import type { RunOutcome } from '#lib/textbook/run-experiment.ts'
import { type SettingsUsed, settingsUsed } from '#lib/textbook/unusual-settings.ts'
import { ArgumentError } from './arguments.ts'
import { INTERRUPTED } from './live-run.ts'
import { runCommand } from './run-command.ts'
import { terminalColumns, wantsColor } from './terminal.ts'
import { TextbookProgress } from './textbook-progress.ts'

const USAGE = `Tests what textbooks say about sockets on your own kernel.

usage: npm run textbook               every claim, side by side
       npm run textbook -- 01         the claims of a chapter
       npm run textbook -- 1.20       one claim, step by step
       npm run textbook -- --list     the claims that can be tested

  --slow    also those that take longer than 20 s
  --json    results (or, with --list, the claims) as JSON (npm run -s textbook -- --json)
  --record  keep what was seen beside each experiment, as <experiment>.seen.json, and
            write docs/textbook-vs-kernel.md from all that is kept
  --help

Exit code: 0 when your kernel does what we expect, 1 when it does not, or an experiment failed.`

interface Arguments {
  names: string[]
  list: boolean
  json: boolean
  slow: boolean
  record: boolean
}

const flag = { type: 'boolean', default: false } as const

await runCommand({
  name: 'npm run textbook',
  usage: USAGE,
  flags: { list: flag, json: flag, slow: flag, record: flag },
  run: (flags, names) => textbook({ ...flags, names }),
})

async function textbook(given: Arguments): Promise<number> {
  if (given.record && given.list)
    throw new ArgumentError('--record runs experiments, and --list none: give one of them')
  const all = await loadExperiments()
  const ids = claimsOf(all).map(({ claim }) => claim.id)
  const chapters = new Set(ids.map(chapterOfId))
  for (const name of given.names) {
    if (ids.includes(name) || chapters.has(chapterOfName(name))) continue
    throw new ArgumentError(noSuch(name, ids))
  }
  const wanted = (id: string) =>
    given.names.length === 0 ||
    given.names.some(name => name === id || chapterOfName(name) === chapterOfId(id))
  const named = all.filter(({ experiment }) => experiment.claims.some(({ id }) => wanted(id)))
  const style = { columns: terminalColumns(), color: wantsColor() }
  if (given.list && given.json) {
    const claims = claimsOf(named).filter(({ claim }) => wanted(claim.id))
    const listed = claims.map(({ claim: { id, essential, statement, verdict, source } }) => {
      return { id, essential, claim: statement, verdict, source }
    })
    console.log(JSON.stringify(listed, null, 2))
    return 0
  }
  if (given.list) {
    console.log(renderClaims(named, style))
    return 0
  }
  // A claim that is asked for by its number runs, slow or not.
  const chosen = named.filter(
    ({ experiment }) =>
      !experiment.slow ||
      given.slow ||
      experiment.claims.some(({ id }) => given.names.includes(id)),
  )
  return run(given, { all, chosen, wanted, style, slow: named.length - chosen.length })
}

/** What a reader has asked for. */
interface Choice {
  all: readonly ListedExperiment[]
  chosen: readonly ListedExperiment[]
  wanted: (id: string) => boolean
  style: { columns: number; color: boolean }
  /** How many slow experiments are left out. */
  slow: number
}

async function run(
  given: Arguments,
  { all, chosen, wanted, style, slow }: Choice,
): Promise<number> {
  const abort = new AbortController()
  const stop = () => abort.abort()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
  process.stdout.once('error', stop)
  const progress = new TextbookProgress(chosen.length, given.json)
  const startMs = performance.now()
  const recorded = readObservations(chosen)
  const outcomes = await runAll(chosen, {
    onStart: one => progress.started(one),
    onEnd: (one, outcome) => progress.ended(one, outcome),
    signal: abort.signal,
    lastMs: ({ name }) => recorded.get(name)?.ms ?? 0,
  })
  progress.close()
  const tookMs = performance.now() - startMs
  const results = judgeAll(outcomes).filter(({ claim }) => wanted(claim.id))
  if (given.json) console.log(JSON.stringify(results.map(resultAsJson), null, 2))
  else if (results.length > 0) {
    const ids = results.map(({ claim }) => claim.id)
    const single = ids.length <= 3 && ids.every(id => given.names.includes(id))
    if (single) console.log(results.map(result => renderDetail(result, style)).join('\n\n'))
    else console.log(`${renderResults(results, style)}\n\n${renderSummary(results, style)}`)
    const had = settingsUsed(outcomes.values())
    console.log(`\n${machine(had)}\n${duration(tookMs, outcomes)}${slowNote(slow)}`)
  }
  if (abort.signal.aborted) {
    console.error(`stopped: ${outcomes.size} of ${chosen.length} experiments had finished`)
    return INTERRUPTED
  }
  const good = results.every(result => 'skipped' in result || ('agrees' in result && result.agrees))
  const kept = given.record ? record(all, outcomes) : true
  return good && kept ? 0 : 1
}

/**
 * Keeps the observations of the experiments whose claims all came out as expected, and says why those of
 * the others are not kept. True where there was one to keep.
 */
function record(
  all: readonly ListedExperiment[],
  outcomes: ReadonlyMap<ListedExperiment, RunOutcome>,
): boolean {
  let kept = 0
  for (const one of recordable(judgeAll(outcomes))) {
    if ('why' in one) {
      console.error(`not recorded: ${one.from.name}: ${one.why}`)
      continue
    }
    // On standard error: with --json, standard output has the results and nothing else.
    console.error(
      `wrote ${keepObservation(one.from, one, settingsUsed([outcomes.get(one.from)!]))}`,
    )
    kept++
  }
  if (kept === 0) return false
  console.error(`wrote ${writeDocument(all)}; npm run docs:sync writes the tables of the chapters`)
  return true
}

function noSuch(name: string, ids: readonly string[]): string {
  const what = JSON.stringify(name)
  const isClaim = /^\d+\.\d+$/.test(name)
  const chapter = isClaim ? chapterOfId(name) : chapterOfName(name)
  if (chapter === '') return `no claim ${what}: give a number like ${ids[0]}, or --list`
  const beside = ids.filter(id => chapterOfId(id) === chapter)
  if (beside.length > 0) return `no claim ${what} to test; its chapter has ${beside.join(', ')}`
  const known = [...new Set(ids.map(chapterOfId))].map(id => id.padStart(2, '0'))
  return `chapter ${chapter} has no claims to test yet; there are ${known.join(', ')}`
}

/** The chapter of a claim: `1` for `1.20`. */
function chapterOfId(id: string): string {
  return id.split('.')[0]!
}

/** The chapter that a reader means by `01`, `1` or `01-socket`; empty where it is none. */
function chapterOfName(name: string): string {
  return /^0*(\d+)(-.*)?$/.exec(name)?.[1] ?? ''
}

function machine({ unusual, notCopied }: SettingsUsed): string {
  const where = `${process.platform === 'linux' ? 'Linux' : process.platform} ${release()}, Node ${process.version}`
  const lines = unusual.length === 0 ? [`${where}.`] : [`${where}, with`, ...unusual]
  if (notCopied.length > 0)
    lines.push('The private networks could not have these settings of the host:', ...notCopied)
  return lines.map(line => (line.startsWith('net.') ? `  ${line}` : line)).join('\n')
}

function duration(tookMs: number, outcomes: ReadonlyMap<unknown, RunOutcome>): string {
  const ran = [...outcomes.values()].filter(outcome => !('skipped' in outcome))
  const sum = ran.reduce((total, { ms }) => total + ms, 0)
  const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`
  if (ran.length < 2) return `It took ${seconds(tookMs)}.`
  return `${ran.length} experiments side by side took ${seconds(tookMs)}; one after the other, ${seconds(sum)}.`
}

function slowNote(slow: number): string {
  return slow === 0 ? '' : `\n${plural(slow, 'slow experiment')} left out: add --slow.`
}
