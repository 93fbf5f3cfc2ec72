import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  type CatalogueChapter,
  type CatalogueEntry,
  entriesOf,
  ROOT,
} from '#lib/catalogue/index.ts'
import { lanesFor } from '#lib/observe/lanes-for.ts'
import { recordingOf } from '#lib/observe/recording-of.ts'
import { traceExample } from '#lib/observe/trace-example.ts'
import { makeFolder } from '#lib/program/make-folder.ts'
import { LaneStatuses } from '#lib/trace/lanes.ts'
import { inOrder } from '#lib/trace/order.ts'
import type { Lane, PacketEvent, Recording, TraceEvent } from '#lib/trace/recording.ts'
import { renderSvg } from '#lib/trace/render-svg.ts'
import { viewOf } from '#lib/trace/view.ts'

/** Where an example's recording is kept, relative to the root: `…/recordings/echo`, no ending. */
export function recordingPath({ chapter, example }: CatalogueEntry): string {
  return `chapters/${chapter.folder}/recordings/${example.name}`
}

/** The examples whose run is kept beside the chapter, as JSON and as a picture. */
export function recordedEntries(chapters: readonly CatalogueChapter[]): CatalogueEntry[] {
  return entriesOf(chapters).filter(({ example }) => example.recorded)
}

/**
 * Runs an example and records it in all lanes that this machine can see, explained and shortened.
 * `onPacket` gets each packet with its bytes, which a recording does not keep.
 *
 * @throws {Error} in one line, when the run did not go well.
 */
export async function record(
  entry: CatalogueEntry,
  lanes: readonly Lane[] = lanesFor(entry.example),
  onPacket?: (packet: PacketEvent) => void,
): Promise<Recording> {
  const events: TraceEvent[] = []
  const statuses = new LaneStatuses()
  const { trouble } = await traceExample(entry, {
    lanes,
    frames: onPacket !== undefined,
    onEvent(event) {
      events.push(event)
      if (event.lane === 'packet') onPacket?.(event)
    },
    onLane: statuses.note,
  })
  if (trouble !== undefined) throw new Error(`${entry.id}: ${trouble}`)
  return recordingOf(entry.id, statuses, viewOf(inOrder(events), { condensed: true }))
}

export function readRecording(path: string): Recording | undefined {
  const file = join(ROOT, `${path}.json`)
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined
}

/**
 * The picture of a recording as it stands in a write-up: sequence numbers from 0, and without the
 * sender's variables, which chapters about them show.
 */
export function pictureOf({ meta, events }: Recording): string {
  const { tcp: _tcp, ...lanes } = meta.lanes
  const shown = viewOf(events, { relative: true }).filter(({ lane }) => lane !== 'tcp')
  return renderSvg({ meta: { ...meta, lanes }, events: shown })
}

/** Writes a file below the root if that changes it; says whether it did. */
export function writeIfNew(name: string, text: string): boolean {
  const file = join(ROOT, name)
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return false
  makeFolder(dirname(file))
  writeFileSync(file, text)
  return true
}
