import { stripVTControlCharacters } from 'node:util'
import fc from 'fast-check'
import { wrapAnsi } from 'fast-wrap-ansi'
import { describe, expect, test } from 'vitest'
import { recordingOf } from '#lib/observe/recording-of.ts'
import { LaneStatuses, parseLanes, shortcomings } from '#lib/trace/lanes.ts'
import type { LaneStatus, TraceEvent } from '#lib/trace/recording.ts'
import { LadderTimeline, renderLadder } from '#lib/trace/render-ladder.ts'
import { viewOf } from '#lib/trace/view.ts'
import { event, eventsInOrder } from './events.ts'
import { ECHO, SERVER, segment, state, syscall } from './sample-events.ts'

const LANES = { js: 'live', syscall: 'live', state: 'live', packet: 'live' } as const

function ladder(events: readonly TraceEvent[], columns: number, color = false): string[] {
  const timeline = new LadderTimeline({ columns, color })
  return events.map(each => timeline.event(each)).flatMap(text => text.split('\n'))
}

const some = viewOf(
  [
    event('server', 0, `listening ${SERVER}`, { event: 'print' }),
    syscall('client', 1.25, `connect(19, ${SERVER}) = EINPROGRESS`),
    state('client', 1.3, 'CLOSED', 'SYN-SENT'),
    segment('client', 1.4, '[S] seq 3001070229 win 65495'),
    segment('server', 1.5, '[S.] seq 1 ack 3001070230 win 65483'),
    syscall('server', 2, 'shutdown(20, SHUT_WR) = 0'),
  ],
  {},
)

describe('LadderTimeline shows what each end and each lane saw', () => {
  test('at 100 columns', () => {
    expect(ladder(some, 100)).toEqual([
      '           ›           │  listening 127.0.0.1:7020',
      '           │           │  Node starts: 0.0 s',
      '      0.0  │           ▸  connect(19, 127.0.0.1:7020) = EINPROGRESS: on its way; the answer comes',
      '           │           │    later',
      '      0.1  │           ◆  CLOSED → SYN-SENT: I ask for a connection and wait for the answer',
      '      0.1  │◂──────────│  SYN: client asks for a connection, sequence number 3001070229',
      '      0.3  │──────────▸│  SYN+ACK: server agrees, sequence number 1, expects 3001070230',
      '      0.8  ▸           │  shutdown(20, SHUT_WR) = 0: "I have nothing more to send"',
    ])
  })

  test('at 80 and at 50 columns', () => {
    expect(ladder(some.slice(3, 5), 80)).toEqual([
      '      0.0  │◂──────────│  SYN: client asks for a connection, sequence number',
      '           │           │    3001070229',
      '      0.1  │──────────▸│  SYN+ACK: server agrees, sequence number 1, expects',
      '           │           │    3001070230',
    ])
    expect(ladder(some.slice(5), 50)).toEqual([
      '           ▸      │  shutdown(20, SHUT_WR) = 0: "I',
      '           │      │    have nothing more to send"',
    ])
  })

  test('with an arrow of dashes for segments that were left out', () => {
    const left = { ...segment('server', 0, '[.] ack 1'), text: '… 8 more data, 80 bytes', count: 8 }
    expect(ladder([left], 100)).toEqual(['           │┄┄┄┄┄┄┄┄┄┄▸│  … 8 more data, 80 bytes'])
  })
})

test('LadderTimeline tells connections apart from the second one on', () => {
  const second = { source: '127.0.0.1:50000', destination: SERVER }
  const lines = ladder(
    [
      ...ECHO.slice(10, 14),
      segment('client', 101, '[S] seq 7 win 1', second),
      segment('client', 102, '[.] ack 5001'),
    ],
    100,
  )
  expect(lines.map(line => line.slice(26).split(' ')[0])).toEqual([
    'CLOSED',
    '[S]',
    '[S.]',
    '[.]',
    ':50000',
    ':48286',
  ])
})

describe('LadderTimeline', () => {
  const anything = fc.oneof(
    eventsInOrder,
    fc.constant([...ECHO]),
    fc.array(fc.string({ unit: 'binary', maxLength: 90 }), { maxLength: 8 }).map(texts =>
      texts.flatMap((text, ms) => [
        { ...segment('client', ms, '[.] ack 1'), text, means: text },
        { ...syscall('server', ms, 'close(3) = 0'), text, means: text },
      ]),
    ),
  )

  test('fits every width from 40 columns on, and lets no control character through', () => {
    fc.assert(
      fc.property(
        anything,
        fc.integer({ min: 40, max: 160 }),
        fc.boolean(),
        (events, columns, color) => {
          for (const line of ladder(viewOf(events, { condensed: true }), columns, color)) {
            const { length } = wrapAnsi(line, columns, { hard: true, trim: false }).split('\n')
            expect(length, `${columns} columns: ${JSON.stringify(line)}`).toBe(1)
            expect(stripVTControlCharacters(line)).not.toMatch(/\p{Cc}/u)
          }
        },
      ),
      { numRuns: 100 },
    )
  })

  test('says the same with and without colour', () => {
    const events = viewOf(ECHO, {})
    for (const columns of [100, 80, 60]) {
      const colored = ladder(events, columns, true)
      expect(colored.join('\n')).toContain('\u001b[36m')
      expect(colored.map(line => stripVTControlCharacters(line).trimEnd())).toEqual(
        ladder(events, columns),
      )
    }
  })

  test('gives every event a line, and its words', () => {
    const events = viewOf(ECHO, {})
    const shown = ladder(events, 200).filter(line => !line.includes('Node starts'))
    expect(shown).toHaveLength(ECHO.length)
    for (const [index, { means = '' }] of events.entries()) expect(shown[index]).toContain(means)
  })

  test('has a legend of the lanes that are there, and says once what is missing and why', () => {
    const timeline = new LadderTimeline({ columns: 100, color: false })
    const lanes: Record<string, LaneStatus> = {
      js: 'live',
      syscall: 'missing: strace is not installed; apt-get install strace',
      state: 'sampled',
    }
    expect(timeline.header({ lanes }).split('\n')).toEqual([
      '● event or call of Node   › printed   ◆ TCP state',
      'no syscalls: strace is not installed; apt-get install strace',
      'states are sampled: short ones were not seen; all of them: sudo, and the same command',
      '',
      '       ms  server      client',
    ])
    expect(
      timeline.header({
        lanes: { state: 'sampled' },
        whySampled: 'needs a kernel with tracefs',
      }),
    ).toContain(
      'states are sampled: short ones were not seen; all of them: needs a kernel with tracefs\n',
    )
    expect(timeline.header({ lanes: LANES })).not.toMatch(/no |sampled/)
  })
})

test('renderLadder says what was recorded, and on what', () => {
  const [head, legend] = renderLadder(recordingOf('02/echo', { lanes: LANES }, ECHO), {
    columns: 100,
    color: false,
  }).split('\n')
  expect(head).toMatch(/^02\/echo {2}recorded on \w+ [\d.]+, Node v\d+\.\d+\.\d+, \d{4}-\d\d-\d\d$/)
  expect(legend).toBe(
    '● event or call of Node   › printed   ▸ system call   ◆ TCP state   ──▸ segment',
  )
})

test('parseLanes takes names in any order, and names the one it does not know', () => {
  expect(parseLanes('packets,js')).toEqual({ lanes: ['js', 'packet'] })
  expect(parseLanes('js, tcp')).toEqual({ lanes: ['js', 'tcp'] })
  expect(parseLanes('js,packet')).toEqual({ unknown: 'packet' })
  expect(parseLanes('')).toEqual({ unknown: '' })
})

test('shortcomings say nothing of what is live or was not wanted', () => {
  expect(shortcomings({ lanes: LANES })).toEqual([])
})

test('LaneStatuses keep what was said of each lane, and the first reason', () => {
  const statuses = new LaneStatuses()
  const { note } = statuses
  note('js', 'live')
  expect(statuses.covers(['js', 'state'])).toBe(false)
  note('state', 'sampled', 'needs root')
  note('tcp', 'live', 'another reason')
  expect(statuses.covers(['js', 'state'])).toBe(true)
  statuses.end(['state', 'packet'])
  expect({ ...statuses }).toMatchObject({
    lanes: {
      js: 'live',
      state: 'sampled',
      tcp: 'live',
      packet: 'missing: the run ended before it began',
    },
    whySampled: 'needs root',
  })
})
