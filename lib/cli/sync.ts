/**
 * `npm run docs:sync`: brings everything that is generated up to date: npm scripts, tables, the code
 * and output in write-ups, the document about the claims, and the pictures of recordings. What differs only in numbers from run to
 * run is left as it is.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type CatalogueChapter,
  type CatalogueEntry,
  loadChapters,
  ROOT,
  scriptsOf,
} from '#lib/catalogue/index.ts'
import { markdownFiles, recordExample } from '#lib/pages/documents.ts'
import { comparable, findEmbeds, needsOf, renderEmbed, replaceEmbeds } from '#lib/pages/embed.ts'
import {
  pictureOf,
  readRecording,
  recordedEntries,
  recordingPath,
  writeIfNew,
} from '#lib/pages/recordings.ts'
import { renderStateDiagram } from '#lib/pages/state-diagram.ts'
import { DIAGRAM, readWitnesses } from '#lib/pages/state-machine.ts'
import { documentOf } from '#lib/textbook/document.ts'
import { loadExperiments } from '#lib/textbook/load.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { onlyHelp } from './arguments.ts'
import { runCommand } from './run-command.ts'

const USAGE = `Brings up to date what is generated: npm scripts, tables, the code and output in
write-ups, docs/textbook-vs-kernel.md, and the pictures of recordings.

usage: npm run docs:sync`

const runs = new Map<string, Promise<TraceEvent[]>>()
const run = (entry: CatalogueEntry): Promise<TraceEvent[]> => {
  const known = runs.get(entry.id) ?? recordExample(entry)
  runs.set(entry.id, known)
  return known
}

await runCommand(main)

async function main(args: string[]): Promise<number> {
  const over = onlyHelp('npm run docs:sync', args, USAGE)
  if (over !== undefined) return over
  const chapters = await loadChapters()
  syncScripts(chapters)
  syncPictures(chapters)
  const { name, text } = documentOf(await loadExperiments())
  if (writeIfNew(name, text)) console.log(`wrote ${name}`)
  for (const file of markdownFiles()) await syncDocument(file, chapters)
  return 0
}

/** Scripts of the catalogue come last in package.json, in the catalogue's order. */
function syncScripts(chapters: readonly CatalogueChapter[]): void {
  const file = join(ROOT, 'package.json')
  const before = readFileSync(file, 'utf8')
  const manifest: { scripts: Record<string, string> } = JSON.parse(before)
  const others = Object.entries(manifest.scripts).filter(([name]) => !/^\d\d:/.test(name))
  manifest.scripts = { ...Object.fromEntries(others), ...scriptsOf(chapters) }
  write('package.json', before, `${JSON.stringify(manifest, null, 2)}\n`)
}

/** Draws the recordings again. `npm run record` makes them. */
function syncPictures(chapters: readonly CatalogueChapter[]): void {
  for (const entry of recordedEntries(chapters)) {
    const name = `${recordingPath(entry)}.svg`
    const recording = readRecording(recordingPath(entry))
    if (recording && writeIfNew(name, pictureOf(recording))) console.log(`wrote ${name}`)
  }
  if (writeIfNew(DIAGRAM, renderStateDiagram(readWitnesses()))) console.log(`wrote ${DIAGRAM}`)
}

async function syncDocument(name: string, chapters: readonly CatalogueChapter[]): Promise<void> {
  const before = readFileSync(join(ROOT, name), 'utf8')
  const bodies: string[] = []
  for (const embed of findEmbeds(before)) {
    const { lacks } = needsOf(embed)
    if (lacks !== undefined) {
      console.log(`${name}: ${embed.what} is left as it is (needs ${lacks})`)
      bodies.push(embed.body)
      continue
    }
    const body = await renderEmbed(embed, { chapters, run })
    const [old, fresh] = comparable(embed, body)
    bodies.push(old === fresh ? embed.body : body)
  }
  write(name, before, replaceEmbeds(before, bodies))
}

function write(name: string, before: string, after: string): void {
  if (after === before) return
  writeFileSync(join(ROOT, name), after)
  console.log(`wrote ${name}`)
}
