import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Condenser } from '../../lib/trace/condense.ts'
import type { JsEvent } from '../../lib/trace/recording.ts'
import { event, eventsInOrder } from './events.ts'

const condense = (events: readonly JsEvent[]): JsEvent[] => {
  const condenser = new Condenser()
  const shown = [...events.flatMap(each => condenser.push(each)), ...condenser.flush()]
  return shown as JsEvent[]
}

const SUMMARY = /^… (\d+) more (\S+)(?: → false)?(?:, (\d+) bytes)?$/

describe('Condenser, for any run,', () => {
  const property = (check: (events: JsEvent[], shown: JsEvent[]) => void) =>
    fc.assert(
      fc.property(eventsInOrder, events => {
        check(events, condense(events))
      }),
      { numRuns: 300 },
    )

  test('shows each print, listening, error and exit', () => {
    const always = ({ event: name = '' }: JsEvent) =>
      ['print', 'listening', 'error', 'exit'].includes(name)
    property((events, shown) => {
      expect(shown.filter(always)).toEqual(events.filter(always))
    })
  })

  test('counts every event of every kind', () => {
    const counts = (events: JsEvent[]) => {
      const sums: Record<string, number> = {}
      for (const { end, event: name, text } of events) {
        const key = `${end} ${name}`
        sums[key] = (sums[key] ?? 0) + Number(SUMMARY.exec(text)?.[1] ?? 1)
      }
      return sums
    }
    property((events, shown) => {
      expect(counts(shown)).toEqual(counts(events))
    })
  })

  test('adds up the bytes, in numbers and in words', () => {
    const sum = (events: JsEvent[]) => {
      const sums: Record<string, number> = {}
      for (const { end, event: name, bytes = 0 } of events) {
        const key = `${end} ${name}`
        sums[key] = (sums[key] ?? 0) + bytes
      }
      return sums
    }
    property((events, shown) => {
      expect(sum(shown)).toEqual(sum(events))
      for (const { text, bytes = 0 } of shown) {
        const summary = SUMMARY.exec(text)
        if (summary) expect(Number(summary[3] ?? 0)).toBe(bytes)
      }
    })
  })

  test('stays in the order of time', () => {
    property((_events, shown) => {
      const times = shown.map(({ tNs }) => tNs)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
    })
  })

  test('shows at most six of a kind on one socket, and a line for the rest', () => {
    property(events => {
      const data = events.map(each => ({ ...each, event: 'data', text: 'data' }))
      const counts: Record<string, number> = {}
      for (const { end, socket } of condense(data)) {
        const key = `${end} ${socket}`
        counts[key] = (counts[key] ?? 0) + 1
      }
      expect(Math.max(0, ...Object.values(counts))).toBeLessThanOrEqual(7)
    })
  })
})

const ALWAYS = ['print', 'listening', 'error', 'exit', 'destroy()', 'resetAndDestroy()']
test.each(ALWAYS)('Condenser shows every %s, however many', name => {
  const events = Array.from({ length: 20 }, (_, ms) => event('client', ms, `${name} ${ms}`))
  expect(condense(events)).toEqual(events)
})

test('Condenser shows a short run as it is', () => {
  const events = Array.from({ length: 6 }, (_, ms) => event('server', ms, 'data 1 byte "x"'))
  expect(condense(events)).toEqual(events)
  // A line that says "1 more" would save nothing.
  const seven = [...events, event('server', 6, 'data 1 byte "x"')]
  expect(condense(seven)).toEqual(seven)
})

test('Condenser says how many more there were, before the next line of output', () => {
  const data = Array.from({ length: 9 }, (_, ms) =>
    event('server', ms, 'data 10 bytes', { bytes: 10, socket: 1 }),
  )
  const print = event('server', 20, 'done', { event: 'print' })
  const rest = {
    tNs: 20e6,
    end: 'server',
    lane: 'js',
    event: 'data',
    bytes: 30,
    socket: 1,
    count: 3,
  }
  expect(condense([...data, print])).toEqual([
    ...data.slice(0, 6),
    { ...rest, text: '… 3 more data, 30 bytes' },
    print,
  ])
})

test('Condenser counts the two programs apart, and says the rest at the end', () => {
  const events = Array.from({ length: 16 }, (_, ms) =>
    event(ms % 2 === 0 ? 'server' : 'client', ms, 'data'),
  )
  expect(
    condense(events)
      .slice(12)
      .map(({ end, tNs, text }) => [end, tNs, text]),
  ).toEqual([
    ['server', 15e6, '… 2 more data'],
    ['client', 15e6, '… 2 more data'],
  ])
})

test('Condenser counts sockets apart, and says the rest of a socket before it closes', () => {
  const data = Array.from({ length: 16 }, (_, ms) =>
    event('server', ms, 'data 1 byte', { socket: 1 + (ms % 2), bytes: 1 }),
  )
  const close = event('server', 20, 'close', { socket: 2 })
  const shown = condense([...data, close]).map(({ socket, text }) => `#${socket} ${text}`)
  expect(shown.slice(12)).toEqual([
    '#2 … 2 more data, 2 bytes',
    '#2 close',
    '#1 … 2 more data, 2 bytes',
  ])
})

test('Condenser counts a write() that returned false as a kind of its own', () => {
  const writes = Array.from({ length: 10 }, (_, ms) =>
    event('client', ms, `write(1 byte "x")${ms % 5 === 4 ? ' → false' : ''}`, { event: 'write()' }),
  )
  const texts = condense(writes).map(({ text }) => text)
  expect(texts.filter(text => text.endsWith('→ false'))).toHaveLength(2)
  expect(texts.at(-1)).toBe('… 2 more write()')
})
