import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadChapters, ROOT } from '#lib/catalogue/index.ts'
import { lanesFor } from '#lib/observe/lanes-for.ts'
import {
  pictureOf,
  readRecording,
  record,
  recordedEntries,
  recordingPath,
} from '#lib/pages/recordings.ts'
import { LANES } from '#lib/trace/recording.ts'
import { ONLY_SLOW, withSlow } from '../support/slow.ts'
import { shapeOf } from './shape.ts'

const chapters = await loadChapters()

test('recordings are those of the examples that are marked as recorded', () => {
  for (const chapter of chapters) {
    const folder = `chapters/${chapter.folder}/recordings`
    const files = existsSync(join(ROOT, folder)) ? readdirSync(join(ROOT, folder)) : []
    const wanted = chapter.examples
      .filter(({ recorded }) => recorded)
      .flatMap(({ name }) => [`${name}.json`, `${name}.svg`])
    const toDo = `${folder}: run npm run record, or correct "recorded" in chapter.ts`
    expect(files.sort(), toDo).toEqual(wanted.sort())
  }
})

const entries = recordedEntries(chapters).filter(entry => readRecording(recordingPath(entry)))

describe.each(entries)('recording of $id', entry => {
  const kept = readRecording(recordingPath(entry))!

  test('is the one that its picture was drawn from', () => {
    const svg = readFileSync(join(ROOT, `${recordingPath(entry)}.svg`), 'utf8')
    expect(svg, 'run npm run docs:sync').toBe(pictureOf(kept))
  })

  test('has all lanes that apply, with every transition and not samples of them', () => {
    const lanes = lanesFor(entry.example)
    expect(kept.meta.lanes).toEqual(Object.fromEntries(lanes.map(lane => [lane, 'live'])))
    expect(new Set(kept.events.map(({ lane }) => lane))).toEqual(new Set(lanes))
  })

  const again = `has the shape of a run of today, in all lanes that can be seen here ${ONLY_SLOW}`
  test.skipIf(!withSlow)(again, async () => {
    const today = await record(entry)
    const live = LANES.filter(lane => today.meta.lanes[lane] === 'live')
    expect(live).toContain('js')
    expect(shapeOf(today.events, live), 'if that is right: npm run record').toEqual(
      shapeOf(kept.events, live),
    )
  })

  test('starts at 0 and is in the order of time', () => {
    const times = kept.events.map(({ tNs }) => tNs)
    expect(times[0]).toBe(0)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(kept.meta.example).toBe(entry.id)
  })

  test('tells what every event below JavaScript means', () => {
    const silent = kept.events.filter(
      ({ lane, means, count }) => lane !== 'js' && means === undefined && count === undefined,
    )
    expect(silent).toEqual([])
  })
})
