import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Merger } from '#lib/trace/merge.ts'
import { LANES, type TraceEvent } from '#lib/trace/recording.ts'
import { event } from './events.ts'

const HOLD_MS = 100

test('Merger gives events in the order of time, whatever way they came in, and loses none', () => {
  const arrivals = fc.array(
    fc.record({
      tNs: fc.integer({ min: 0, max: 1e9 }),
      lateNs: fc.integer({ min: 0, max: HOLD_MS * 1e6 }),
      asked: fc.boolean(),
    }),
    { maxLength: 200 },
  )
  fc.assert(
    fc.property(arrivals, list => {
      const merger = new Merger(HOLD_MS)
      const shown: TraceEvent[] = []
      const sent = list
        .toSorted((a, b) => a.tNs + a.lateNs - (b.tNs + b.lateNs))
        .map(({ tNs, lateNs, asked }, index) => {
          const sending = { ...event('server', 0, `event ${index}`), tNs }
          // The observer asks before an event is in as well as after: both are moments in time.
          if (!asked) shown.push(...merger.ready(tNs + lateNs))
          merger.push(sending)
          if (asked) shown.push(...merger.ready(tNs + lateNs))
          return sending
        })
      shown.push(...merger.flush())
      const times = shown.map(({ tNs }) => tNs)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      expect(new Set(shown)).toEqual(new Set(sent))
      expect(shown).toHaveLength(sent.length)
    }),
    { numRuns: 300 },
  )
})

test('Merger holds an event back for as long as an older one may come in, and no longer', () => {
  const merger = new Merger(HOLD_MS)
  const young = event('client', 50, 'young')
  const old = event('server', 10, 'old')
  merger.push(young)
  expect(merger.ready(149e6)).toEqual([])
  merger.push(old)
  expect(merger.ready(149e6)).toEqual([old])
  expect(merger.ready(150e6)).toEqual([young])
  expect(merger.flush()).toEqual([])
})

test('Merger keeps the order of arrival for events of the same moment', () => {
  const merger = new Merger(0)
  const events = ['a', 'b', 'c'].map(text => event('server', 1, text))
  for (const each of events) merger.push(each)
  expect(merger.ready(1e6)).toEqual(events)
})

test('Merger with an endless hold gives everything at the end', () => {
  const merger = new Merger(Number.POSITIVE_INFINITY)
  const [first, second] = [event('server', 1, 'a'), event('server', 2, 'b')]
  merger.push(second)
  merger.push(first)
  expect(merger.ready(Number.MAX_SAFE_INTEGER)).toEqual([])
  expect(merger.flush()).toEqual([first, second])
})

test('Merger puts causes before effects where both have the same time', () => {
  const merger = new Merger(0)
  const lanes = LANES.map(lane => ({ ...event('server', 1, lane), lane }) as TraceEvent)
  for (const each of [...lanes].reverse()) merger.push(each)
  expect(merger.ready(1e6).map(({ lane }) => lane)).toEqual(LANES)
})
