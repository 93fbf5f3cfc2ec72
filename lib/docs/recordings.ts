import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { release, type } from 'node:os'
import { dirname, join } from 'node:path'
import { type CatalogueChapter, type CatalogueEntry, entriesOf, ROOT } from '../catalogue/index.ts'
import type { Recording, TraceEvent } from '../trace/recording.ts'
import { renderSvg } from '../trace/render-svg.ts'

/** The examples whose timeline is kept beside the chapter, as JSON and as a picture. */
export const RECORDED = ['02/echo']

/** Where an example's recording is kept, relative to the root: `…/recordings/echo`, no ending. */
export function recordingPath({ chapter, example }: CatalogueEntry): string {
  return `chapters/${chapter.folder}/recordings/${example.name}`
}

export function recordedEntries(chapters: readonly CatalogueChapter[]): CatalogueEntry[] {
  return entriesOf(chapters).filter(({ id }) => RECORDED.includes(id))
}

/** What a run looks like apart from times and ports: the events of each end, in order. */
export function shapeOf(events: readonly TraceEvent[]): Record<'server' | 'client', string[]> {
  const of = (end: string) =>
    events
      .filter(event => event.end === end)
      .map(({ lane, text }) => `${lane} ${text.replaceAll(/:\d+/g, ':PORT')}`)
  return { server: of('server'), client: of('client') }
}

/** Records what has changed its shape, draws what differs from its recording; returns the files. */
export async function syncRecordings(
  chapters: readonly CatalogueChapter[],
  run: (entry: CatalogueEntry) => Promise<TraceEvent[]>,
): Promise<string[]> {
  const written: string[] = []
  const write = (name: string, text: string) => {
    const file = join(ROOT, name)
    if (existsSync(file) && readFileSync(file, 'utf8') === text) return
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
    written.push(name)
  }
  for (const entry of recordedEntries(chapters)) {
    const path = recordingPath(entry)
    const events = await run(entry)
    let recording = readRecording(path)
    if (
      JSON.stringify(recording && shapeOf(recording.events)) !== JSON.stringify(shapeOf(events))
    ) {
      recording = makeRecording(entry, events)
      write(`${path}.json`, `${JSON.stringify(recording, null, 2)}\n`)
    }
    write(`${path}.svg`, renderSvg(recording!))
  }
  return written
}

export function readRecording(path: string): Recording | undefined {
  const file = join(ROOT, `${path}.json`)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

function makeRecording(entry: CatalogueEntry, events: readonly TraceEvent[]): Recording {
  const startNs = events[0]?.tNs ?? 0
  return {
    meta: {
      example: entry.id,
      kernel: `${type()} ${release().split('-')[0]}`,
      node: process.version,
      date: new Date().toISOString().slice(0, 10),
      lanes: { js: 'live' },
    },
    events: events.map(event => ({ ...event, tNs: event.tNs - startNs })),
  }
}
