import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Condenser, condensed } from '#lib/trace/condense.ts'
import type { JsEvent, TraceEvent } from '#lib/trace/recording.ts'
import { event, eventsInOrder } from './events.ts'

const condense = (events: readonly JsEvent[]) => condensed(events) as JsEvent[]

const SUMMARY = /^… (\d+) more (\S+|“.+”)(?: events| → false)?(?:, (\d+) bytes?)?$/

describe('Condenser, for any run,', () => {
  const property = (check: (events: JsEvent[], shown: JsEvent[]) => void) =>
    fc.assert(
      fc.property(eventsInOrder, events => {
        check(events, condense(events))
      }),
      { numRuns: 300 },
    )

  test('shows each listening, error and exit', () => {
    const always = ({ event: name = '' }: JsEvent) => ['listening', 'error', 'exit'].includes(name)
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

const ALWAYS = ['listening', 'error', 'exit', 'destroy()', 'resetAndDestroy()']
test.each(ALWAYS)('Condenser shows every %s of a socket, however many', name => {
  const events = Array.from({ length: 20 }, (_, ms) =>
    event('client', ms, `${name} ${ms}`, { socket: 1 }),
  )
  expect(condense(events)).toEqual(events)
})

const print = (ms: number, text: string) => event('server', ms, text, { event: 'print' })

test('Condenser shows every line of output that says something of its own', () => {
  const events = Array.from({ length: 20 }, (_, ms) => print(ms, `got ${'a'.repeat(ms + 1)}`))
  expect(condense(events)).toEqual(events)
})

test('Condenser counts lines of output that differ in numbers only, from the ninth on', () => {
  const events = Array.from({ length: 500 }, (_, ms) =>
    print(ms, `closed 127.0.0.1:${40_000 + ms} ${ms % 3} requests`),
  )
  const shown = condense([...events, print(500, 'done')])
  expect(shown.map(({ text }) => text)).toEqual([
    ...events.slice(0, 8).map(({ text }) => text),
    '… 492 more “closed … requests”',
    'done',
  ])
  expect(shown[8]).toMatchObject({ event: 'print', count: 492, tNs: 8e6 })
})

test('Condenser goes on counting when a line of output is counted', () => {
  const events = Array.from({ length: 100 }, (_, round) => [
    event('server', round * 2, 'data 1 byte', { socket: 1, bytes: 1 }),
    print(round * 2 + 1, `took ${round} bytes`),
  ]).flat()
  const texts = condense(events).map(({ text }) => text)
  expect(texts).toHaveLength(8 + 8 + 6 + 2)
  expect(texts.filter(text => text.startsWith('…'))).toEqual([
    '… 92 more “took … bytes”',
    '… 86 more data events, 86 bytes',
  ])
})

/** A story that each of many connections tells, in all lanes, with a line of output at its end. */
const story = (n: number, ms: number): TraceEvent[] => {
  const at = (step: number) => ({ tNs: (ms + step) * 1e6, end: 'server' as const })
  const fd = 20 + (n % 2)
  const ends = { local: '127.0.0.1:7020', remote: `127.0.0.1:${40_000 + n}` }
  const state = (step: number, from: string, to: string): TraceEvent => {
    return { ...at(step), lane: 'state', from, to, ...ends, text: `${from} → ${to}` }
  }
  const call = (step: number, name: string): TraceEvent => {
    return { ...at(step), lane: 'syscall', call: name, fd, result: 5, text: `${name}(${fd})` }
  }
  return [
    event('server', ms, 'connection', { socket: n }),
    state(1, 'SYN-RECEIVED', 'ESTABLISHED'),
    call(2, 'read'),
    event('server', ms + 3, 'destroy()', { socket: n }),
    call(4, 'close'),
    state(5, 'ESTABLISHED', 'FIN-WAIT-1'),
    print(ms + 6, `closed 127.0.0.1:${40_000 + n}`),
  ]
}

test('Condenser tells of three connections one by one, and of the others together, in all lanes', () => {
  const events = Array.from({ length: 300 }, (_, at) => story(at + 1, at * 10)).flat()
  const condenser = new Condenser()
  const shown = [...events.flatMap(each => condenser.push(each)), ...condenser.flush()]
  const first = events.filter(({ tNs }) => tNs < 40e6)
  const prints = events.filter(each => each.lane === 'js' && each.event === 'print')
  expect(shown.slice(0, first.length)).toEqual(first)
  expect(shown.slice(first.length, first.length + 4)).toEqual(prints.slice(4, 8))
  expect(shown.slice(first.length + 4).map(({ lane, text }) => `${lane} ${text}`)).toEqual([
    'js … 296 more connection events',
    'state … 296 more SYN-RECEIVED → ESTABLISHED',
    'syscall … 296 more read, 1480 bytes',
    'js … 296 more destroy()',
    'syscall … 296 more close',
    'state … 296 more ESTABLISHED → FIN-WAIT-1',
    'js … 292 more “closed …”',
  ])
})

test('Condenser shows one of the others again after what was not printed before', () => {
  const socket = (n: number) => event('server', n * 10, 'connection', { socket: n })
  const events = [1, 2, 3, 4, 5, 6].map(socket)
  const texts = condense([...events, print(65, 'now the slow ones'), socket(7), socket(8)])
  expect(texts.slice(3).map(({ socket: n, text }) => (n ? `#${n} ${text}` : text))).toEqual([
    '#4 connection',
    '… 2 more connection events',
    'now the slow ones',
    '#7 connection',
    '#8 connection',
  ])
})

test('Condenser shows a short run as it is', () => {
  const events = Array.from({ length: 6 }, (_, ms) => event('server', ms, 'data 1 byte "x"'))
  expect(condense(events)).toEqual(events)
  // A line that says "1 more" would save nothing.
  const seven = [...events, event('server', 6, 'data 1 byte "x"')]
  expect(condense(seven)).toEqual(seven)
})

test('Condenser puts the line that stands for several events where the first of them happened', () => {
  const data = Array.from({ length: 9 }, (_, ms) =>
    event('server', ms * 10, 'data 1 byte', { socket: 1, bytes: 1 }),
  )
  const others = [event('client', 65, 'connect'), event('client', 95, 'end')]
  const texts = condense([...data.slice(0, 7), others[0]!, ...data.slice(7), others[1]!]).map(
    ({ text }) => text,
  )
  expect(texts.slice(6)).toEqual(['… 3 more data events, 3 bytes', 'connect', 'end'])
})

test('Condenser says how many more there were, before the next line of output', () => {
  const data = Array.from({ length: 9 }, (_, ms) =>
    event('server', ms, 'data 10 bytes', { bytes: 10, socket: 1 }),
  )
  const print = event('server', 20, 'done', { event: 'print' })
  const rest = {
    tNs: 6e6,
    end: 'server',
    lane: 'js',
    event: 'data',
    bytes: 30,
    socket: 1,
    count: 3,
  }
  expect(condense([...data, print])).toEqual([
    ...data.slice(0, 6),
    { ...rest, text: '… 3 more data events, 30 bytes' },
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
    ['server', 12e6, '… 2 more data events'],
    ['client', 13e6, '… 2 more data events'],
  ])
})

test('Condenser counts sockets apart, and says the rest of a socket before it closes', () => {
  const data = Array.from({ length: 16 }, (_, ms) =>
    event('server', ms, 'data 1 byte', { socket: 1 + (ms % 2), bytes: 1 }),
  )
  const close = event('server', 20, 'close', { socket: 2 })
  const shown = condense([...data, close]).map(({ socket, text }) => `#${socket} ${text}`)
  expect(shown.slice(12)).toEqual([
    '#1 … 2 more data events, 2 bytes',
    '#2 … 2 more data events, 2 bytes',
    '#2 close',
  ])
})

test('Condenser counts a write() that returned false as a kind of its own', () => {
  const writes = Array.from({ length: 10 }, (_, ms) =>
    event('client', ms, `write(1 byte "x")${ms % 5 === 4 ? ' → false' : ''}`, { event: 'write()' }),
  )
  const texts = condense(writes).map(({ text }) => text)
  expect(texts.filter(text => text.endsWith('→ false'))).toHaveLength(2)
  expect(texts.slice(7)).toEqual(['… 2 more write()', writes.at(-1)?.text])
})
