import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadChapters, ROOT } from '../../lib/catalogue/index.ts'
import { recordExample } from '../../lib/docs/documents.ts'
import {
  RECORDED,
  readRecording,
  recordedEntries,
  recordingPath,
  shapeOf,
} from '../../lib/docs/recordings.ts'
import type { Recording } from '../../lib/trace/recording.ts'
import { renderSvg } from '../../lib/trace/render-svg.ts'
import { event, eventsInOrder } from './events.ts'

const recording = (events: Recording['events'], example = '02/echo'): Recording => ({
  meta: {
    example,
    kernel: 'Linux 6.1',
    node: 'v20.0.0',
    date: '2026-01-01',
    lanes: { js: 'live' },
  },
  events,
})

/** Parses each text as XML; throws with expat's message where one is not well-formed. */
function parseXml(texts: readonly string[]): void {
  const program = `
import json, sys, xml.etree.ElementTree as tree
for text in json.load(sys.stdin): tree.fromstring(text.encode('utf-8'))`
  execFileSync('python3', ['-c', program], { input: JSON.stringify(texts), stdio: 'pipe' })
}

const hasPython = (() => {
  try {
    execFileSync('python3', ['-c', 'import xml.etree.ElementTree'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

describe('renderSvg', () => {
  test.skipIf(!hasPython)('makes well-formed XML of any text (needs python3)', () => {
    const texts = fc.sample(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'<>&"\'-]!') })),
      { numRuns: 200, seed: 1 },
    )
    const hostile = [
      '</text>',
      '<!--',
      ']]>',
      '&amp;',
      '&#0;',
      '\u0000\u001b[31m',
      '\ud800',
      '\uffff',
    ]
    parseXml([
      ...[...texts, ...hostile].map(text =>
        renderSvg(recording([event('server', 0, text, { event: 'print' })], text)),
      ),
      ...fc.sample(eventsInOrder, { numRuns: 20, seed: 1 }).map(list => renderSvg(recording(list))),
      renderSvg(recording([])),
    ])
  })

  test.skipIf(!hasPython)('is held to XML by a check that can fail (needs python3)', () => {
    expect(() => parseXml(['<svg><text></svg>'])).toThrow('mismatched tag')
    expect(() => parseXml(['<svg>\u001b</svg>'])).toThrow('invalid token')
  })

  test('escapes what has a meaning in XML, once', () => {
    const svg = renderSvg(recording([event('server', 0, 'a < b && c > "d" &amp;')]))
    expect(svg).toContain('>a &lt; b &amp;&amp; c &gt; "d" &amp;amp;</text>')
  })

  test('says what was recorded, and on what', () => {
    const svg = renderSvg(recording([]))
    expect(svg).toContain(
      '<title>Timeline of 02/echo, recorded on Linux 6.1, Node v20.0.0, 2026-01-01',
    )
  })

  test('gives every event its line, and a long one as many as it needs', () => {
    const rows = (text: string) => [
      ...renderSvg(recording([event('client', 0, text)])).matchAll(/class="client">/g),
    ]
    expect(rows('short')).toHaveLength(1)
    expect(rows('word '.repeat(30))).toHaveLength(4)
  })

  test('draws the same recording in the same way', () => {
    fc.assert(
      fc.property(eventsInOrder, events => {
        expect(renderSvg(recording(structuredClone(events)))).toBe(renderSvg(recording(events)))
      }),
      { numRuns: 30 },
    )
  })
})

const entries = recordedEntries(await loadChapters())

test('RECORDED names examples of the catalogue', () => {
  expect(entries.map(({ id }) => id)).toEqual(RECORDED)
})

describe.each(entries)('recording of $id', entry => {
  const kept = readRecording(recordingPath(entry))!

  test('is the one that its picture was drawn from', () => {
    const svg = readFileSync(join(ROOT, `${recordingPath(entry)}.svg`), 'utf8')
    expect(svg, 'run npm run docs:sync').toBe(renderSvg(kept))
  })

  test('has the shape of a run of today', async () => {
    const today = shapeOf(await recordExample(entry))
    expect(shapeOf(kept.events), 'run npm run docs:sync').toEqual(today)
  })

  test('starts at 0 and is in the order of time', () => {
    const times = kept.events.map(({ tNs }) => tNs)
    expect(times[0]).toBe(0)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    expect(kept.meta.example).toBe(entry.id)
  })
})
