import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { isolation } from '#lib/kernel/isolation.ts'
import { toolEnv } from '#lib/kernel/tools.ts'
import { TYPESCRIPT_FLAGS } from '#lib/program/typescript.ts'
import { readSettings, type Settings } from './host-settings.ts'
import type { ListedExperiment } from './load-experiments.ts'
import { unmetNeeds } from './unmet-needs.ts'

/** A line on the report channel of the process that runs an experiment. */
export type Report = Step | Result | SettingsReport

/** How it ended. */
type Result = { seen: unknown } | { inconclusive: string } | { failed: string }

/** The kernel parameters that an experiment had, and the host's that it could not have. */
interface SettingsReport {
  settings: Settings
  notCopied: readonly string[]
}

/** What was done or seen, and when, in milliseconds since the experiment began. */
export interface Step {
  step: string
  atMs: number
}

/** How a run of an experiment went. */
export type RunOutcome = { steps: Step[]; ms: number } & Partial<SettingsReport> &
  (Result | { skipped: string })

const RUN_ONE = fileURLToPath(new URL('./run-one.ts', import.meta.url))
const LIMIT_MS = 40_000
const SLOW_LIMIT_MS = 240_000

/**
 * Runs an experiment in a process of its own, in a private network where one can be had.
 *
 * Never throws: what went wrong is part of the outcome. When the promise settles, everything that
 * the experiment made is gone.
 */
export function runExperiment(
  { file, experiment }: ListedExperiment,
  signal?: AbortSignal,
  onStep?: (step: Step) => void,
): Promise<RunOutcome> {
  const lacks = unmetNeeds(experiment.needs)
  if (lacks.length > 0) return Promise.resolve({ skipped: lacks.join(', '), steps: [], ms: 0 })

  const way = isolation()
  const words = way ? [way.command, ...way.args, process.execPath] : [process.execPath]
  const [command = '', ...args] = words
  const steps: Step[] = []
  const startMs = performance.now()
  const child = spawn(
    command,
    [...args, ...TYPESCRIPT_FLAGS, RUN_ONE, file, ...(way ? ['private', host()] : ['host'])],
    {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
      env: toolEnv(),
      // A group of its own: Ctrl-C is for us, and we end it.
      detached: true,
    },
  )
  let result: Result | undefined
  let had: SettingsReport | undefined
  let errors = ''
  child.stderr!.setEncoding('utf8').on('data', text => {
    errors += text
  })
  createInterface({ input: child.stdio[3] as Readable }).on('line', line => {
    const report = JSON.parse(line) as Report
    if ('step' in report) {
      steps.push(report)
      onStep?.(report)
    } else if ('settings' in report) had = report
    else result = report
  })
  // Ours to hold open; the experiment's process ends when it closes.
  child.stdio[4]!.on('error', () => {})

  const end = (why: string) => {
    result ??= { failed: why }
    // The whole group: a program that was stopped would stay for ever.
    if (child.pid !== undefined) killGroup(child.pid)
  }
  const limitMs = experiment.slow ? SLOW_LIMIT_MS : LIMIT_MS
  const timer = setTimeout(() => {
    const last = steps.at(-1)?.step ?? 'nothing was done yet'
    end(`still running after ${limitMs / 1000} s; its last step: ${last}`)
  }, limitMs)
  const stop = () => end('stopped')
  signal?.addEventListener('abort', stop)
  if (signal?.aborted) stop()
  return new Promise(resolve => {
    const settle = (how: string) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      const ms = Math.round(performance.now() - startMs)
      resolve({ steps, ms, ...had, ...(result ?? { failed: firstError(errors) ?? how }) })
    }
    child.once('error', error => settle(error.message))
    child.once('close', (code, why) => settle(why ? `ended by ${why}` : `exit code ${code}`))
  })
}

/** The settings of this host, for the private network of an experiment. */
const host = (): string => JSON.stringify(readSettings())

/** Ends a process and all that it has started. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}

const firstError = (text: string): string | undefined => /^\w*Error\b.*/m.exec(text)?.[0]
