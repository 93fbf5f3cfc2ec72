import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { Merger } from '#lib/trace/merge.ts'
import { inOrder } from '#lib/trace/order.ts'
import { LANES, type TraceEvent } from '#lib/trace/recording.ts'
import { event } from './events.ts'

/** Events of which many share a moment, each with a text of its own. */
const crowded = fc
  .array(fc.record({ ms: fc.integer({ min: 0, max: 5 }), lane: fc.constantFrom(...LANES) }), {
    maxLength: 30,
  })
  .map(list =>
    list.map(({ ms, lane }, at) => ({ ...event('server', ms, `event ${at}`), lane }) as TraceEvent),
  )

test('inOrder puts the earlier event first, and a cause before its effect', () => {
  fc.assert(
    fc.property(crowded, events => {
      const ordered = inOrder(events)
      expect(new Set(ordered)).toEqual(new Set(events))
      for (const [at, { tNs, lane, text }] of ordered.entries()) {
        const next = ordered[at + 1]
        if (next === undefined) continue
        expect(tNs).toBeLessThanOrEqual(next.tNs)
        if (tNs < next.tNs) continue
        expect(LANES.indexOf(lane)).toBeLessThanOrEqual(LANES.indexOf(next.lane))
        // Of one lane and one moment: as they came.
        const number = (words: string) => Number(words.split(' ')[1])
        if (lane === next.lane) expect(number(text)).toBeLessThan(number(next.text))
      }
    }),
    { numRuns: 50 },
  )
})

test('inOrder and Merger have one order', () => {
  fc.assert(
    fc.property(crowded, events => {
      const merger = new Merger(0)
      for (const each of events) merger.push(each)
      expect(merger.flush()).toEqual(inOrder(events))
    }),
    { numRuns: 50 },
  )
})

test('events are sorted by that order only', () => {
  const others = ['lib', 'chapters', 'test', 'bench'].flatMap(folder =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => join(folder, name))
      .filter(name => /[sS]ort(ed)?\([^\n]*\btNs - /.test(readFileSync(join(ROOT, name), 'utf8'))),
  )
  expect(others, 'use inOrder of lib/trace/order.ts').toEqual([])
})
