import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { missing, type Requirement } from '#lib/kernel/requirements.ts'
import { runExperiment } from '#lib/textbook/run-experiment.ts'
import type { JsEvent, PacketEvent, Recording } from '#lib/trace/recording.ts'
import { renderLadder } from '#lib/trace/render-ladder.ts'
import { renderSvg } from '#lib/trace/render-svg.ts'
import lostSegment from './experiments/lost-segment.ts'

const lacks = (['namespace', 'nft', 'private tcpdump'] satisfies Requirement[]).some(
  need => missing(need) !== undefined,
)

describe.skipIf(lacks)('recordLab (needs namespaces, nft, tcpdump)', () => {
  let recording: Recording
  let packets: PacketEvent[]

  beforeAll(async () => {
    const file = fileURLToPath(new URL('./experiments/lost-segment.ts', import.meta.url))
    const outcome = await runExperiment({ name: 'lost-segment', file, experiment: lostSegment })
    if (!('seen' in outcome)) throw new Error(JSON.stringify(outcome))
    const seen = outcome.seen as { answer: string; dropped: number; recording: Recording }
    expect(seen).toMatchObject({ answer: 'hello', dropped: 1 })
    recording = seen.recording
    packets = recording.events.filter(event => event.lane === 'packet')
  }, 60_000)

  test('says of the one segment that the router dropped that it never arrived', () => {
    const lost = packets.filter(({ arrivedNs }) => arrivedNs === undefined)
    expect(lost).toMatchObject([{ end: 'client', flags: 'P.', len: 5 }])
    const sent = packets.filter(
      ({ end, len, seq }) => end === 'client' && seq === lost[0]!.seq && len > 0,
    )
    expect(sent.length).toBeGreaterThan(1)
    expect(sent[0]).toBe(lost[0])
    expect(sent.slice(1).map(({ means }) => means)).toEqual(
      sent.slice(1).map(() => expect.stringMatching(/^data again/)),
    )
  })

  test('has for every packet when it was sent, and for the others when they arrived', () => {
    expect(new Set(packets.map(({ end }) => end))).toEqual(new Set(['client', 'server']))
    for (const { tNs, sentNs, arrivedNs, link, copy, corrupted } of packets) {
      expect(link).toBe(recording.meta.links?.[0]?.name)
      expect(sentNs).toBe(tNs)
      if (arrivedNs !== undefined) expect(arrivedNs).toBeGreaterThanOrEqual(sentNs!)
      expect({ copy, corrupted }).toEqual({})
    }
  })

  test('has what the programs of both hosts did, and knows where that was', () => {
    const events = (end: string) =>
      recording.events
        .filter((event): event is JsEvent => event.lane === 'js' && event.end === end)
        .map(({ event }) => event)
    expect(events('client')).toEqual(expect.arrayContaining(['connect', 'write()', 'data']))
    expect(events('server')).toEqual(expect.arrayContaining(['listening', 'connection', 'data']))
    expect(recording.meta).toMatchObject({
      hosts: [
        { name: 'a', ends: ['client'], addresses: ['10.0.1.1'] },
        { name: 'b', ends: ['server'], addresses: ['10.0.2.1'] },
      ],
      captures: [
        { host: 'a', interface: 'to-r-a' },
        { host: 'b', interface: 'to-r-b' },
      ],
    })
  })

  test('can be drawn, as text and as a picture', () => {
    const text = renderLadder(recording, { columns: 200, color: false }).split('\n')
    expect(text.filter(line => line.includes('✗'))).toEqual([
      expect.stringMatching(/│ {5}✗─{5}│ {2}data: 5 bytes, .*; lost on the way$/),
    ])
    const svg = renderSvg(recording)
    expect(svg).toContain('>client on a</text>')
    expect(svg.match(/m-4 -4l8 8m0 -8l-8 8"/g)).toHaveLength(1)
  })
})
