import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { wrapAnsi } from 'fast-wrap-ansi'
import { describe, expect, test } from 'vitest'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { TextTimeline } from '#lib/trace/render-text.ts'
import { event } from './events.ts'

const EVENTS = [
  event('server', 1000, 'listening 127.0.0.1:7020'),
  event('server', 1000.5, 'listening 127.0.0.1:7020', { event: 'print' }),
  event('client', 1200, 'connect 127.0.0.1:7020', { socket: 1 }),
  event('server', 1201.25, 'data 6 bytes "hello\\n"', { socket: 1 }),
]

function render(columns: number, color = false, events: readonly TraceEvent[] = EVENTS): string {
  const timeline = new TextTimeline({ columns, color })
  return [timeline.header(), ...events.map(each => timeline.event(each))].join('\n')
}

describe('TextTimeline has', () => {
  test('two columns at 100 columns', () => {
    expect(render(100)).toBe(
      [
        '       ms  server                                       client',
        '           listening 127.0.0.1:7020',
        '           › listening 127.0.0.1:7020',
        '                                                        Node starts: 0.2 s',
        '      0.0                                               connect 127.0.0.1:7020',
        '      1.3  data 6 bytes "hello\\n"',
      ].join('\n'),
    )
  })

  test('two columns at 80 columns', () => {
    expect(render(80)).toBe(
      [
        '       ms  server                             client',
        '           listening 127.0.0.1:7020',
        '           › listening 127.0.0.1:7020',
        '                                              Node starts: 0.2 s',
        '      0.0                                     connect 127.0.0.1:7020',
        '      1.3  data 6 bytes "hello\\n"',
      ].join('\n'),
    )
  })

  test('one column at 60 columns, which says whose event it is', () => {
    expect(render(60)).toBe(
      [
        '       ms  server, client',
        '           server listening 127.0.0.1:7020',
        '           server › listening 127.0.0.1:7020',
        '           client Node starts: 0.2 s',
        '      0.0  client connect 127.0.0.1:7020',
        '      1.3  server data 6 bytes "hello\\n"',
      ].join('\n'),
    )
  })

  test('the rest of a long text below it, indented', () => {
    const text = 'the quick brown fox jumps over the lazy dog and goes on to jump over the next'
    const long = [event('client', 0, text, { event: 'print' })]
    expect(render(80, false, long).split('\n').slice(1)).toEqual([
      '      0.0                                     › the quick brown fox jumps over',
      '                                                the lazy dog and goes on to',
      '                                                jump over the next',
    ])
    expect(render(60, false, long).split('\n').slice(1)).toEqual([
      '      0.0  client › the quick brown fox jumps over the lazy',
      '                    dog and goes on to jump over the next',
    ])
  })
})

describe('TextTimeline for any text and any width', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 150 }),
    fc.string({ unit: 'binary', maxLength: 100 }),
    fc.string({ unit: fc.constantFrom('漢', '字', '🙂', 'a', ' '), maxLength: 100 }),
    fc.lorem({ maxCount: 30 }),
  )
  const events = fc.array(
    fc.record({
      end: fc.constantFrom('server' as const, 'client' as const),
      ms: fc.double({ min: 0, max: 60_000, noNaN: true }),
      text: texts,
      socket: fc.integer({ min: 1, max: 600 }),
      name: fc.constantFrom('print', 'data'),
    }),
    { maxLength: 8 },
  )

  test('fits every line into the width', () => {
    fc.assert(
      fc.property(
        events,
        fc.integer({ min: 40, max: 200 }),
        fc.boolean(),
        (list, columns, color) => {
          const rendered = render(
            columns,
            color,
            list.map(({ end, ms, text, socket, name }) =>
              event(end, ms, text, { event: name, socket }),
            ),
          )
          for (const line of rendered.split('\n')) {
            const { length } = wrapAnsi(line, columns, { hard: true, trim: false }).split('\n')
            expect(length, `${columns} columns: ${JSON.stringify(line)}`).toBe(1)
          }
        },
      ),
      { numRuns: 200 },
    )
  })

  test('lets no control character of the text through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 100 }), text => {
        const rendered = render(100, false, [event('server', 0, text, { event: 'print' })])
        expect(rendered.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
      }),
    )
  })

  test('loses no character but spaces', () => {
    const visible = fc.string({ unit: fc.constantFrom(...'abc漢🙂é. '), maxLength: 120 })
    fc.assert(
      fc.property(visible, fc.integer({ min: 40, max: 120 }), (text, columns) => {
        const shown = render(columns, false, [event('client', 0, text, { event: 'print' })])
        const rest = shown.slice(shown.indexOf('›') + 1)
        expect(rest.replaceAll(/\s/g, '')).toBe(text.replaceAll(/\s/g, ''))
      }),
    )
  })
})

describe('TextTimeline uses', () => {
  test('no colour unless asked', () => {
    expect(render(100)).not.toContain('\u001b')
    expect(render(60)).not.toContain('\u001b')
  })

  test('one colour for each program, and none for what they print', () => {
    const lines = render(100, true).split('\n')
    expect(lines[1]).toContain('\u001b[36mlistening')
    expect(lines[2]).toContain('  › listening 127.0.0.1:7020')
    expect(lines[2]).not.toContain('\u001b[36m')
    expect(lines[4]).toContain('\u001b[35mconnect')
  })

  test('colours that change nothing in the text', () => {
    for (const columns of [100, 80, 60]) {
      expect(stripVTControlCharacters(render(columns, true))).toBe(render(columns))
    }
  })
})

test('TextTimeline numbers the sockets of a program from the second one on', () => {
  const texts = render(100, false, [
    event('client', 0, 'connect()', { socket: 1 }),
    event('client', 1, 'connect()', { socket: 2 }),
    event('client', 2, 'end', { socket: 1 }),
    event('server', 3, 'connection', { socket: 1 }),
    event('client', 4, 'printed', { event: 'print' }),
  ])
  expect(
    texts
      .split('\n')
      .slice(1)
      .map(line => line.slice(11).trim()),
  ).toEqual(['connect()', '#2 connect()', '#1 end', 'connection', '› printed'])
})
