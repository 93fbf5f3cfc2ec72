import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LineBudget } from '#lib/trace/line-budget.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { event, eventsInOrder } from './events.ts'

const within = (events: readonly TraceEvent[], full: number, most: number): TraceEvent[] => {
  const budget = new LineBudget({ full, most }, () => 1)
  return [...events.flatMap(each => budget.push(each)), ...budget.flush()]
}

describe('LineBudget, for any run,', () => {
  const property = (check: (events: TraceEvent[], shown: TraceEvent[]) => void) =>
    fc.assert(
      fc.property(eventsInOrder, events => {
        check(events, within(events, 10, 20))
      }),
    )

  test('counts every event of each end', () => {
    const counts = (events: readonly TraceEvent[]) =>
      (['server', 'client'] as const).map(end =>
        events.filter(each => each.end === end).reduce((sum, { count = 1 }) => sum + count, 0),
      )
    property((events, shown) => expect(counts(shown)).toEqual(counts(events)))
  })

  test('stays in the order of time', () => {
    property((_, shown) => {
      const times = shown.map(({ tNs }) => tNs)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
    })
  })
})

test('LineBudget shows a short run as it is', () => {
  const events = Array.from({ length: 10 }, (_, ms) => event('server', ms, 'data 1 byte'))
  expect(within(events, 10, 20)).toEqual(events)
})

test('LineBudget shows, once it is short, what is new, what failed and what the client prints', () => {
  const data = (ms: number) => event('server', ms, 'data 1 byte')
  const print = (end: 'client' | 'server', ms: number, text: string) =>
    event(end, ms, text, { event: 'print' })
  const events = [
    ...[0, 1, 2, 3].map(data),
    event('server', 4, 'drain'),
    ...[5, 6].map(data),
    event('client', 7, 'error ECONNRESET', { event: 'error' }),
    print('server', 8, 'served 1'),
    print('server', 9, 'served 2'),
    print('client', 10, 'got 1'),
    print('client', 11, 'got 2'),
  ]
  expect(within(events, 2, 20).map(({ tNs, text }) => [tNs / 1e6, text])).toEqual([
    [0, 'data 1 byte'],
    [1, 'data 1 byte'],
    [2, '… 2 more events'],
    [4, 'drain'],
    [5, '… 2 more events'],
    [7, 'error ECONNRESET'],
    [8, 'served 1'],
    // A line that says "1 more" would save nothing.
    [9, 'served 2'],
    [10, 'got 1'],
    [11, 'got 2'],
  ])
})

test('LineBudget keeps to its lines, however much the client prints', () => {
  const prints = Array.from({ length: 100 }, (_, ms) =>
    event('client', ms, `got ${'a'.repeat(ms + 1)}`, { event: 'print' }),
  )
  const shown = within(prints, 10, 20)
  expect(shown.slice(0, 20)).toEqual(prints.slice(0, 20))
  expect(shown.slice(20).map(({ text }) => text)).toEqual(['… 80 more events'])
})

test('LineBudget adds up what its events already stand for', () => {
  const more = (ms: number) => event('server', ms, '… 7 more data events', { count: 7 })
  const texts = within([0, 1, 2].map(more), 1, 1).map(({ text }) => text)
  expect(texts).toEqual(['… 7 more data events', '… 14 more events'])
})

test('LineBudget says whether something was left out', () => {
  const budget = new LineBudget({ full: 1, most: 2 }, () => 1)
  const folded = [0, 1, 2].map(ms => {
    budget.push(event('server', ms, 'data'))
    budget.flush()
    return budget.hasFolded
  })
  expect(folded).toEqual([false, false, false])
  for (const ms of [3, 4]) budget.push(event('server', ms, 'data'))
  budget.flush()
  expect(budget.hasFolded).toBe(true)
})
