/** Runs one experiment in this process, and reports on descriptor 3: see `run-experiment.ts`. */
import { writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { pathToFileURL } from 'node:url'
import { Inconclusive, Lab } from '#lib/lab/lab.ts'
import type { Experiment } from './experiment.ts'
import { copySettings, readSettings } from './host-settings.ts'
import type { Report } from './run-experiment.ts'

const REPORTS = 3
const LIFELINE = 4

const [file = '', where = 'host', hostSettings = '{}'] = process.argv.slice(2)
const startMs = performance.now()
const report = (what: Report): void => void writeSync(REPORTS, `${JSON.stringify(what)}\n`)

// Our runner holds the other end. When it dies, so do we, and our namespace with us.
new Socket({ fd: LIFELINE })
  .on('close', () => {
    // Ourselves and all that we have started, also what was stopped. The first process of a
    // namespace is immune, and exits.
    process.kill(0, 'SIGKILL')
    process.exit(1)
  })
  .resume()
  .unref()

try {
  const { default: experiment } = (await import(pathToFileURL(file).href)) as {
    default: Experiment<unknown>
  }
  const isPrivate = where === 'private'
  const { copied, notCopied } = copySettings(isPrivate ? JSON.parse(hostSettings) : {})
  report({ settings: readSettings(), notCopied })
  const lab = new Lab(isPrivate, copied)
  try {
    const seen = await experiment.run(lab, step => {
      report({ step, atMs: Math.round(performance.now() - startMs) })
    })
    report({ seen })
  } finally {
    await lab.close()
  }
} catch (error) {
  if (error instanceof Inconclusive) report({ inconclusive: error.message })
  else report({ failed: error instanceof Error ? error.message : String(error) })
}
process.exit(0)
