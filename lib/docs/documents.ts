import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type CatalogueEntry, ROOT } from '../catalogue/index.ts'
import { Condenser } from '../trace/condense.ts'
import type { TraceEvent } from '../trace/recording.ts'
import { runExample } from '../trace/run-example.ts'

/** The project's Markdown files, relative to its root: those that git knows or would add. */
export function markdownFiles(): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md']
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' })
    .split('\0')
    .filter(name => name !== '' && existsSync(join(ROOT, name)))
}

/** Runs an example and returns its shortened timeline, in the order of time. */
export async function recordExample(entry: CatalogueEntry): Promise<TraceEvent[]> {
  const events: TraceEvent[] = []
  const result = await runExample(entry, { onEvent: event => events.push(event) })
  if (result.trouble !== undefined) throw new Error(`${entry.id}: ${result.trouble}`)
  events.sort((a, b) => a.tNs - b.tNs)
  const condenser = new Condenser()
  return [...events.flatMap(event => condenser.push(event)), ...condenser.flush()]
}
