/**
 * Measures a table: every candidate in a process of its own, all of them taking turns in one run.
 *
 * A round asks each candidate for one sample. Ratios are taken within a round, between samples that
 * are a fraction of a second apart, and then the median of them over all rounds: what slows the
 * machine for a while slows both sides of a ratio. The processes are started afresh a few times,
 * because two starts of one program can differ more than two samples of it.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { TYPESCRIPT_FLAGS } from '../lib/program/typescript.ts'
import type { Candidate, Table, Target } from './candidate.ts'
import { median, quantile } from './statistics.ts'
import type { Sample, SampleRequest } from './worker.ts'

export interface Effort {
  /** How often the processes are started. */
  starts: number
  /** Rounds for each start. */
  rounds: number
  sampleMs: number
  warmUpMs: number
}

export const fullEffort: Effort = { starts: 2, rounds: 9, sampleMs: 60, warmUpMs: 300 }
export const quickEffort: Effort = { starts: 1, rounds: 5, sampleMs: 40, warmUpMs: 200 }

export interface Row {
  id: string
  label: string
  package?: string
  nsPerFrame: number
  /** Middle half of the samples. */
  quartilesNs: [number, number]
  framesPerSecond: number
  megabytesPerSecond: number
  /** How many times as fast as the table's reference. */
  ratio: number
}

export interface Verdict extends Target {
  /** The fastest of `than` in this run. */
  fastest: string
  ratio: number
  met: boolean
}

export interface Measured {
  name: string
  title: string
  unit: string
  remark?: string
  reference: string
  samples: number
  rows: Row[]
  verdicts: Verdict[]
}

interface Runner {
  candidate: Candidate
  child: ChildProcess
}

async function start(table: Table, candidate: Candidate): Promise<Runner> {
  const child = fork(new URL('./worker.ts', import.meta.url), [table.name, candidate.id], {
    execArgv: ['--no-deprecation', ...TYPESCRIPT_FLAGS],
  })
  await answer({ candidate, child })
  return { candidate, child }
}

/** The next message of a process. */
async function answer({ candidate, child }: Runner): Promise<unknown> {
  const ended = new AbortController()
  try {
    return await Promise.race([
      once(child, 'message', ended).then(([message]) => message),
      once(child, 'exit', ended).then(([code, signal]) => {
        throw new Error(`the process of ${candidate.id} ended early (${code ?? signal})`)
      }),
    ])
  } finally {
    ended.abort()
  }
}

async function ask(runner: Runner, sampleMs: number): Promise<Sample> {
  runner.child.send({ sampleMs } satisfies SampleRequest)
  return (await answer(runner)) as Sample
}

async function stop({ child }: Runner): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill()
  await exit
}

/** Samples of all candidates, in the order of the table: `samples[candidate][round]`. */
async function samplesOf(
  table: Table,
  effort: Effort,
  progress: (text: string) => void,
): Promise<Sample[][]> {
  const samples: Sample[][] = table.candidates.map(() => [])
  for (let started = 0; started < effort.starts; started++) {
    const runners: Runner[] = []
    try {
      for (const candidate of table.candidates) {
        progress(`${table.name}: start ${started + 1} of ${effort.starts}, ${candidate.id}`)
        const runner = await start(table, candidate)
        runners.push(runner)
        await ask(runner, effort.warmUpMs)
      }
      for (let round = 0; round < effort.rounds; round++) {
        progress(`${table.name}: start ${started + 1}, round ${round + 1} of ${effort.rounds}`)
        for (const [i, runner] of runners.entries()) {
          samples[i]!.push(await ask(runner, effort.sampleMs))
        }
      }
    } finally {
      await Promise.all(runners.map(stop))
    }
  }
  return samples
}

export async function measure(
  table: Table,
  effort: Effort,
  progress: (text: string) => void,
): Promise<Measured> {
  const samples = await samplesOf(table, effort, progress)
  const ids = table.candidates.map(({ id }) => id)
  const ns = (id: string): number[] => samples[ids.indexOf(id)]!.map(s => s.nsPerFrame)
  const faster = (id: string, than: string): number => {
    const others = ns(than)
    return median(ns(id).map((own, round) => others[round]! / own))
  }
  const rows = table.candidates.map(({ id, label, package: name }): Row => {
    const nsPerFrame = median(ns(id))
    return {
      id,
      label,
      ...(name !== undefined && { package: name }),
      nsPerFrame,
      quartilesNs: [quantile(ns(id), 0.25), quantile(ns(id), 0.75)],
      framesPerSecond: 1e9 / nsPerFrame,
      megabytesPerSecond: (samples[ids.indexOf(id)]![0]!.bytesPerFrame * 1e3) / nsPerFrame,
      ratio: faster(id, table.reference),
    }
  })
  const verdicts = table.targets.map((target): Verdict => {
    const fastest = target.than.reduce((a, b) => (median(ns(a)) <= median(ns(b)) ? a : b))
    const ratio = faster(target.ours, fastest)
    return { ...target, fastest, ratio, met: ratio >= target.atLeast }
  })
  const { name, title, unit, remark, reference } = table
  return {
    name,
    title,
    unit,
    ...(remark !== undefined && { remark }),
    reference,
    samples: samples[0]!.length,
    rows,
    verdicts,
  }
}
