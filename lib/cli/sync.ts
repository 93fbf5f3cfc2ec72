/**
 * `npm run docs:sync`: brings everything that is generated up to date: npm scripts, tables, and the
 * code and output in write-ups. What differs only in numbers from run to run is left as it is.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CatalogueEntry, loadChapters, ROOT, scriptsOf } from '../catalogue/index.ts'
import { markdownFiles, recordExample } from '../docs/documents.ts'
import { findEmbeds, normalise, renderEmbed, replaceEmbeds } from '../docs/embed.ts'
import { syncRecordings } from '../docs/recordings.ts'
import type { TraceEvent } from '../trace/recording.ts'

const chapters = await loadChapters()
const runs = new Map<string, Promise<TraceEvent[]>>()
const run = (entry: CatalogueEntry): Promise<TraceEvent[]> => {
  const known = runs.get(entry.id) ?? recordExample(entry)
  runs.set(entry.id, known)
  return known
}

syncScripts()
for (const name of await syncRecordings(chapters, run)) console.log(`wrote ${name}`)
for (const file of markdownFiles()) await syncDocument(file)

/** Scripts of the catalogue come last in package.json, in the catalogue's order. */
function syncScripts(): void {
  const file = join(ROOT, 'package.json')
  const before = readFileSync(file, 'utf8')
  const manifest: { scripts: Record<string, string> } = JSON.parse(before)
  const others = Object.entries(manifest.scripts).filter(([name]) => !/^\d\d:/.test(name))
  manifest.scripts = { ...Object.fromEntries(others), ...scriptsOf(chapters) }
  write('package.json', before, `${JSON.stringify(manifest, null, 2)}\n`)
}

async function syncDocument(name: string): Promise<void> {
  const before = readFileSync(join(ROOT, name), 'utf8')
  const bodies: string[] = []
  for (const embed of findEmbeds(before)) {
    const body = await renderEmbed(embed, { chapters, run })
    const same = normalise({ ...embed, body }) === normalise(embed)
    bodies.push(same ? embed.body : body)
  }
  write(name, before, replaceEmbeds(before, bodies))
}

function write(name: string, before: string, after: string): void {
  if (after === before) return
  writeFileSync(join(ROOT, name), after)
  console.log(`wrote ${name}`)
}
