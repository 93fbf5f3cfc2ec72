import { expect, test } from 'vitest'
import { describePlace, endName, onLoopback } from '#lib/trace/place.ts'
import type { PacketEvent, Place, Recording } from '#lib/trace/recording.ts'
import { renderLadder } from '#lib/trace/render-ladder.ts'
import { renderMermaid } from '#lib/trace/render-mermaid.ts'
import { renderSvg } from '#lib/trace/render-svg.ts'
import { viewOf } from '#lib/trace/view.ts'
import { segment } from './sample-events.ts'

const PLACE: Place = {
  hosts: [
    { name: 'a', ends: ['client'], addresses: ['10.0.1.1'] },
    { name: 'b', ends: ['server'], addresses: ['10.0.2.1'] },
  ],
  captures: [
    { host: 'a', interface: 'to-r-a' },
    { host: 'b', interface: 'to-r-b' },
  ],
}

const syn = segment('client', 1, '[S] seq 100')
const lost: PacketEvent = { ...syn, sentNs: syn.tNs }
const again: PacketEvent = { ...syn, tNs: 5e6, sentNs: 5e6, arrivedNs: 6e6 }
const copy: PacketEvent = { ...syn, tNs: 7e6, arrivedNs: 7e6, copy: true }
const damaged: PacketEvent = { ...again, tNs: 8e6, sentNs: 8e6, arrivedNs: 9e6, corrupted: true }

const recording: Recording = {
  meta: {
    example: 'lost',
    kernel: 'Linux 6.1',
    node: 'v20.0.0',
    date: '2026-01-01',
    lanes: { packet: 'live' },
    ...PLACE,
  },
  events: viewOf([lost, again, copy, damaged], { relative: true }),
}

test('what became of a packet on its way stands behind what it means', () => {
  expect(recording.events.map(({ means }) => means)).toEqual([
    'SYN: client asks for a connection, sequence number 0 (really 100); lost on the way',
    'SYN again: no answer came to the one before',
    'copy: the same packet once more: the network has copied it',
    'SYN again: no answer came to the one before; arrived with other bits than it was sent with',
  ])
})

test('renderLadder names the hosts, and draws a lost packet half of its way', () => {
  const lines = renderLadder(recording, { columns: 200, color: false }).split('\n')
  expect(lines.slice(1, 3)).toEqual([
    'hosts a (10.0.1.1), b (10.0.2.1)',
    'packets captured at a:to-r-a and b:to-r-b',
  ])
  const rungs = lines.filter(line => line.includes('SYN')).map(line => line.slice(11, 24))
  expect(rungs).toEqual(['│     ✗─────│', '│◂──────────│', '│◂──────────│'])
})

test('renderSvg draws a lost packet with a cross, and names the host at each lifeline', () => {
  const svg = renderSvg(recording)
  const wires = [...svg.matchAll(/class="wire from-(\w+)" d="([^"]*)"(?: marker-end="([^"]*)")?/g)]
  expect(wires.map(([, css, , marker]) => [css, marker])).toEqual([
    ['alarm', undefined],
    ['alarm', 'url(#to-alarm)'],
    ['alarm', 'url(#to-alarm)'],
    ['alarm', 'url(#to-alarm)'],
  ])
  expect(wires[0]![2]).toMatch(/m-4 -4l8 8m0 -8l-8 8$/)
  expect(svg).toContain('>server on b</text>')
  expect(svg).toContain('>client on a</text>')
})

test('renderMermaid crosses a lost packet out, and names the hosts', () => {
  const lines = renderMermaid(recording).split('\n')
  expect(lines).toContain('  participant client as client on a')
  expect(lines.filter(line => line.includes('client-'))).toEqual([
    expect.stringMatching(/^ {2}client-xserver: SYN/),
    expect.stringMatching(/^ {2}client->>server: SYN again/),
    expect.stringMatching(/^ {2}client->>server: copy/),
    expect.stringMatching(/^ {2}client->>server: SYN again/),
  ])
})

test('a run on one machine says nothing of hosts', () => {
  expect(describePlace(onLoopback(true))).toEqual([])
  expect(endName('server', onLoopback(true))).toBe('server')
  expect(onLoopback(false).captures).toEqual([])
})
