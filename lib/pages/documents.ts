import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ignore from 'ignore'
import { type CatalogueEntry, ROOT } from '#lib/catalogue/index.ts'
import { runExample } from '#lib/observe/run-example.ts'
import { condensed } from '#lib/trace/condense.ts'
import { inOrder } from '#lib/trace/order.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'

/**
 * The project's Markdown files, relative to its root: all that `.gitignore` lets through. Git itself is
 * not asked: it may be missing, not know an archive, or refuse the checkout of another user.
 */
export function markdownFiles(root = ROOT): string[] {
  const ignored = ignore()
    .add('.git')
    .add(readFileSync(join(root, '.gitignore'), 'utf8'))
  const filesIn = (folder: string): string[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap(entry => {
      const name = `${folder}${entry.name}`
      if (entry.isDirectory()) return ignored.ignores(`${name}/`) ? [] : filesIn(`${name}/`)
      return name.endsWith('.md') && !ignored.ignores(name) ? [name] : []
    })
  return filesIn('').sort()
}

/** An example that did not run to its end: the message names it, and says what happened. */
export class ExampleError extends Error {}

/**
 * Runs an example and returns its shortened timeline, in the order of time.
 *
 * @throws {ExampleError} where the example does not start, or takes too long.
 */
export async function recordExample(entry: CatalogueEntry): Promise<TraceEvent[]> {
  const events: TraceEvent[] = []
  const result = await runExample(entry, { onEvent: event => events.push(event) })
  if (result.trouble !== undefined) throw new ExampleError(`${entry.id}: ${result.trouble}`)
  return condensed(inOrder(events))
}
