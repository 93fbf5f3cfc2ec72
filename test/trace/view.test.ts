import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { recordingOf } from '#lib/observe/recording-of.ts'
import type { PacketEvent, TraceEvent } from '#lib/trace/recording.ts'
import { RelativeNumbers } from '#lib/trace/relative.ts'
import { LadderTimeline } from '#lib/trace/render-ladder.ts'
import { renderSvg } from '#lib/trace/render-svg.ts'
import { sequenceDistance, sequencePlus } from '#lib/trace/sequence.ts'
import { viewOf } from '#lib/trace/view.ts'
import { ECHO, probe, segment, state, syscall } from './sample-events.ts'

const packets = (events: readonly TraceEvent[]) =>
  events.filter((each): each is PacketEvent => each.lane === 'packet')

describe('sequence numbers', () => {
  const number = fc.integer({ min: 0, max: 2 ** 32 - 1 })
  const step = fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 })

  test('wrap around at 2³², both ways', () => {
    fc.assert(
      fc.property(number, step, (a, count) => {
        expect(sequencePlus(a, count)).toBeGreaterThanOrEqual(0)
        expect(sequencePlus(a, count)).toBeLessThan(2 ** 32)
        expect(sequenceDistance(sequencePlus(a, count), a)).toBe(count)
      }),
    )
  })
})

describe('RelativeNumbers', () => {
  const relative = (events: readonly TraceEvent[]) => {
    const numbers = new RelativeNumbers()
    return events.map(each => numbers.push(each))
  }

  test('count from the SYN of each direction, and keep its real number', () => {
    expect(packets(relative(ECHO)).map(({ text }) => text)).toEqual([
      '[S] seq 0 (1000) win 65495 mss 65495',
      '[S.] seq 0 (5000) ack 1 win 65483 mss 65495',
      '[.] ack 1',
      '[P.] seq 1 ack 1 len 6',
      '[.] ack 7',
      '[F.] seq 7 ack 1',
      '[P.] seq 1 ack 8 len 6',
      '[.] ack 7',
      '[F.] seq 7 ack 8',
      '[.] ack 8',
    ])
  })

  test('are the same for a run whose initial numbers are others, near the wrap too', () => {
    const shifted = (events: readonly TraceEvent[], by: number) =>
      packets(events).map(packet => {
        const { seq, ack } = packet
        const client = packet.end === 'client' ? by : -by
        const moved = {
          ...packet,
          ...(seq === undefined ? {} : { seq: sequencePlus(seq, client) }),
          ...(ack === undefined ? {} : { ack: sequencePlus(ack, -client) }),
        }
        return moved
      })
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), by => {
        const words = (events: readonly TraceEvent[]) =>
          relative(events).map(each => each.text.replace(/ \(\d+\)/, ''))
        expect(words(shifted(ECHO, by))).toEqual(words(packets(ECHO)))
      }),
    )
  })

  test('begin anew with each SYN, and at the first number where no SYN was seen', () => {
    const [syn] = packets(ECHO)
    const again = { ...syn!, seq: 77 }
    expect(relative([syn!, again])[1]).toMatchObject({ seq: 0, isn: 77 })
    const late = relative([
      segment('client', 0, '[P.] seq 900 ack 40 len 5'),
      segment('server', 1, '[.] ack 905'),
    ])
    expect(packets(late).map(({ seq, ack }) => [seq, ack])).toEqual([
      [0, 0],
      [undefined, 5],
    ])
  })

  test('are those of the sender’s variables too', () => {
    const [, variables] = relative([
      packets(ECHO)[0]!,
      probe('client', 1, { sndUna: 1001, sndNxt: 1007, text: 'snd_una 1001 snd_nxt 1007' }),
    ])
    expect(variables).toMatchObject({ sndUna: 1, sndNxt: 7, text: 'snd_una 1 snd_nxt 7' })
  })
})

describe('viewOf', () => {
  test('shows one end with all packets', () => {
    const client = viewOf(ECHO, { only: 'client' })
    expect(new Set(client.filter(({ lane }) => lane !== 'packet').map(({ end }) => end))).toEqual(
      new Set(['client']),
    )
    expect(packets(client)).toHaveLength(packets(ECHO).length)
  })

  test('explains what one end sees as it explains the whole', () => {
    const whole = viewOf(ECHO, {}).filter(({ end, lane }) => end === 'client' || lane === 'packet')
    expect(viewOf(ECHO, { only: 'client' })).toEqual(whole)
  })

  test('counts masses of system calls, segments and states, and keeps what is special', () => {
    const mass: TraceEvent[] = [...ECHO.slice(0, 20)]
    for (let index = 0; index < 1000; index++) {
      mass.push(
        syscall('client', 200 + index, 'write(19, "…", 1000) = 1000'),
        segment('client', 200 + index, `[.] seq ${1001 + index * 1000} ack 5001 len 1000`),
        segment('server', 200 + index, `[.] ack ${2001 + index * 1000}`),
        state('server', 200 + index, 'LISTEN', 'SYN-RECEIVED'),
      )
      if (index === 500) mass.push(segment('client', 700, '[.] seq 1001 ack 5001 len 1000'))
    }
    mass.push(segment('client', 2000, '[F.] seq 1001001 ack 5001'))
    const shown = viewOf(mass, { condensed: true })
    expect(shown.length).toBeLessThan(70)
    const texts = shown.map(({ text }) => text)
    expect(texts).toContain('… 995 more write, 995000 bytes')
    expect(texts).toContain('… 994 more data, 994000 bytes')
    expect(texts.filter(text => /^… \d+ more LISTEN → SYN-RECEIVED$/.test(text))).toHaveLength(1)
    const svg = renderSvg(recordingOf('02/echo', { lanes: {} }, shown))
    for (const text of texts.filter(each => each.startsWith('…'))) expect(svg).toContain(text)
    expect(shown.filter(({ means }) => means?.startsWith('data again'))).toHaveLength(1)
    const fin = shown.findIndex(({ means }) => means?.startsWith('FIN:'))
    expect(fin).toBeGreaterThan(texts.indexOf('… 994 more data, 994000 bytes'))
    const times = shown.map(({ tNs }) => tNs)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })

  test('sums up many connections without naming one of them', () => {
    const many = Array.from({ length: 40 }, (_, index) =>
      segment('client', index, '[S] seq 7 win 1', { source: `127.0.0.1:${40_000 + index}` }),
    )
    const last = viewOf(many, { condensed: true }).at(-1)
    expect(last).toMatchObject({ text: '… 36 more SYN', count: 36, source: '', destination: '' })
    const ladder = new LadderTimeline({ columns: 100, color: false })
    const [line] = viewOf(many, { condensed: true })
      .map(each => ladder.event(each))
      .slice(-1)
    expect(line).toMatch(/│ {2}… 36 more SYN$/)
  })

  test('shortens nothing unless asked', () => {
    const many = Array.from({ length: 50 }, (_, ms) => syscall('client', ms, 'read(3, 1) = 1'))
    expect(viewOf(many, {})).toHaveLength(50)
  })

  test('leaves a recording as it is that was shortened already', () => {
    const many = Array.from({ length: 50 }, (_, ms) =>
      segment('client', ms, `[.] seq ${ms} ack 1 len 1`),
    )
    const once = viewOf(many, { condensed: true })
    expect(once.at(-1)?.count).toBe(44)
    expect(viewOf(once, { condensed: true }).at(-1)).toEqual(once.at(-1))
  })
})
