/**
 * `npm run docs:sync`: updates everything that is generated: npm scripts and exports, tables, the code
 * and output in documents, the document about the claims, and the pictures of recordings. What differs
 * from run to run only in its numbers is left as it is.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { packageExports } from '#lib/catalogue/codecs.ts'
import {
  type CatalogueChapter,
  type CatalogueEntry,
  loadChapters,
  ROOT,
  scriptsOf,
} from '#lib/catalogue/index.ts'
import { CONCEPT_PICTURES } from '#lib/pages/concept-pictures.ts'
import { ExampleError, markdownFiles, recordExample } from '#lib/pages/documents.ts'
import {
  type Embed,
  findEmbeds,
  needsOf,
  renderEmbed,
  replaceEmbeds,
  skippedBecause,
  updated,
} from '#lib/pages/embed.ts'
import { FIRST_MESSAGE, renderFirstMessage } from '#lib/pages/first-message.ts'
import {
  pictureOf,
  readRecording,
  recordedEntries,
  recordingPath,
  writeIfNew,
} from '#lib/pages/recordings.ts'
import { shownRun } from '#lib/pages/shown-run.ts'
import { renderStateDiagram } from '#lib/pages/state-diagram.ts'
import { DIAGRAM, readWitnesses } from '#lib/pages/state-machine.ts'
import { nearest } from '#lib/program/nearest.ts'
import { documentOf, TEXTBOOK_DOCUMENT } from '#lib/textbook/document.ts'
import { loadExperiments } from '#lib/textbook/load-experiments.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { UsageError } from './arguments.ts'
import { readersFolder, runCommand } from './run-command.ts'

const USAGE = `Updates what is generated: npm scripts and exports in package.json, tables, the code and
output in documents, docs/textbook-vs-kernel.md, and the pictures of recordings.

usage: npm run docs:sync                  everything
       npm run docs:sync -- FILE ...      package.json, these Markdown files, and the pictures
                                          that explain something`

/** Examples mostly wait: several share a processor. */
const PER_PROCESSOR = 2

const runs = new Map<string, Promise<TraceEvent[]>>()
const run = (entry: CatalogueEntry): Promise<TraceEvent[]> => {
  const known = runs.get(entry.id) ?? recordExample(entry)
  runs.set(entry.id, known)
  return known
}

await runCommand({
  name: 'npm run docs:sync',
  usage: USAGE,
  run: (_, words) => sync(words),
})

async function sync(words: readonly string[]): Promise<number> {
  const known = markdownFiles()
  const files = words.length > 0 ? words.map(word => documentNamed(word, known)) : known
  const chapters = await loadChapters()
  syncManifest(chapters)
  if (words.length === 0) syncPictures(chapters)
  if (files.includes(TEXTBOOK_DOCUMENT)) {
    const { name, text } = documentOf(await loadExperiments())
    if (writeIfNew(name, text)) console.log(`wrote ${name}`)
  }
  await runExamples(files, chapters)
  let exitCode = 0
  for (const file of files) if (!(await syncDocument(file, chapters))) exitCode = 1
  // Some show what the documents print.
  for (const { file, draw } of CONCEPT_PICTURES) {
    if (writeIfNew(file, draw())) console.log(`wrote ${file}`)
  }
  return exitCode
}

/** Finds the document that a reader means, from where the reader stands. */
function documentNamed(word: string, known: readonly string[]): string {
  const file = relative(ROOT, resolve(readersFolder(), word))
  if (known.includes(file)) return file
  const close = nearest(file, known)
  const advice = close === undefined ? 'give one like docs/observing.md' : `did you mean ${close}?`
  throw new UsageError(`no Markdown file "${word}" in the project: ${advice}`)
}

/** Runs the examples of all documents, several at a time. How each went shows where it is needed. */
async function runExamples(
  files: readonly string[],
  chapters: readonly CatalogueChapter[],
): Promise<void> {
  const shown = files.flatMap(file => findEmbeds(readFileSync(join(ROOT, file), 'utf8')))
  const entries = shown
    .filter(({ kind }) => kind === 'timeline' || kind === 'output')
    .map(({ what }) => shownRun(what, chapters).entry)
  const waiting = new Map(entries.map(entry => [entry.id, entry])).values()
  const next = async (): Promise<void> => {
    for (const entry of waiting) await run(entry).catch(() => {})
  }
  await Promise.all(Array.from({ length: availableParallelism() * PER_PROCESSOR }, next))
}

/**
 * What package.json says of the examples and of the codecs. The catalogue's scripts come last, in its
 * order.
 */
function syncManifest(chapters: readonly CatalogueChapter[]): void {
  const file = join(ROOT, 'package.json')
  const before = readFileSync(file, 'utf8')
  const manifest: { scripts: Record<string, string>; exports: object } = JSON.parse(before)
  const others = Object.entries(manifest.scripts).filter(([name]) => !/^\d\d:/.test(name))
  manifest.scripts = { ...Object.fromEntries(others), ...scriptsOf(chapters) }
  manifest.exports = packageExports()
  write('package.json', before, `${JSON.stringify(manifest, null, 2)}\n`)
}

/** Draws the recordings again, and what is drawn from them. `npm run record` makes them. */
function syncPictures(chapters: readonly CatalogueChapter[]): void {
  for (const entry of recordedEntries(chapters)) {
    const name = `${recordingPath(entry)}.svg`
    const recording = readRecording(recordingPath(entry))
    if (recording && writeIfNew(name, pictureOf(recording))) console.log(`wrote ${name}`)
  }
  if (writeIfNew(DIAGRAM, renderStateDiagram(readWitnesses()))) console.log(`wrote ${DIAGRAM}`)
  const first = readRecording(FIRST_MESSAGE.recording)
  if (first && writeIfNew(FIRST_MESSAGE.picture, renderFirstMessage(first))) {
    console.log(`wrote ${FIRST_MESSAGE.picture}`)
  }
}

/** @returns whether all of its generated parts are up to date now, or could not be looked at here. */
async function syncDocument(name: string, chapters: readonly CatalogueChapter[]): Promise<boolean> {
  const before = readFileSync(join(ROOT, name), 'utf8')
  const bodies: string[] = []
  let isComplete = true
  for (const embed of findEmbeds(before)) {
    const { lacks } = needsOf(embed)
    if (lacks !== undefined) {
      console.log(`${name}: ${embed.what} is left as it is (needs ${lacks})`)
      bodies.push(embed.body)
      continue
    }
    const body = await freshBody(embed, name, chapters)
    if (body instanceof ExampleError) {
      console.error(`${name}: ${embed.kind} ${embed.what} is left as it is: ${body.message}`)
      isComplete = false
      bodies.push(embed.body)
      continue
    }
    const reason = embed.kind === 'run' ? skippedBecause(body) : undefined
    if (reason !== undefined) console.log(`${name}: ${embed.what} is left as it is (${reason})`)
    bodies.push(reason === undefined ? updated(embed, body) : embed.body)
  }
  write(name, before, replaceEmbeds(before, bodies))
  return isComplete
}

async function freshBody(
  embed: Embed,
  document: string,
  chapters: readonly CatalogueChapter[],
): Promise<string | ExampleError> {
  try {
    return await renderEmbed(embed, { document, chapters, run })
  } catch (error) {
    if (error instanceof ExampleError) return error
    throw error
  }
}

function write(name: string, before: string, after: string): void {
  if (after === before) return
  writeFileSync(join(ROOT, name), after)
  console.log(`wrote ${name}`)
}
