import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { onLoopback } from '#lib/trace/place.ts'
import type { Recording, TraceEvent } from '#lib/trace/recording.ts'
import { renderMermaid } from '#lib/trace/render-mermaid.ts'
import { renderSvg } from '#lib/trace/render-svg.ts'
import { viewOf } from '#lib/trace/view.ts'
import { event, eventsInOrder } from './events.ts'
import { ECHO, segment, state, syscall } from './sample-events.ts'

const recording = (events: readonly TraceEvent[], example = '02/echo'): Recording => ({
  meta: {
    example,
    kernel: 'Linux 6.1',
    node: 'v20.0.0',
    date: '2026-01-01',
    lanes: { js: 'live', packet: 'missing: no tcpdump' },
    ...onLoopback(false),
  },
  events: [...events],
})

const echo = recording(viewOf(ECHO, { relative: true }))

/** Any text, and texts that mean something to XML, on every lane. */
const hostile: Recording[] = [
  ...fc.sample(
    fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: fc.constantFrom(...'<>&"\'-]!') })),
    { numRuns: 60, seed: 1 },
  ),
  ...[
    '</text>',
    '<!--',
    ']]>',
    '&amp;',
    '&#0;',
    '\u0000\u001b[31m',
    '\ud800',
    '\uffff',
    '-->',
    'the end',
    'END',
  ],
].map(text =>
  recording(
    [
      event('server', 0, text, { event: 'print' }),
      syscall('client', 1, `write(19, "${text}", 3) = 3`),
      { ...state('server', 2, 'CLOSED', 'LISTEN'), to: text },
      { ...segment('client', 3, '[.] ack 1'), means: text, text },
    ],
    text,
  ),
)

/** Parses each text as XML; throws with expat's message where one is not well-formed. */
function parseXml(texts: readonly string[]): void {
  const program = `
import json, sys, xml.etree.ElementTree as tree
for text in json.load(sys.stdin): tree.fromstring(text.encode('utf-8'))`
  execFileSync('python3', ['-c', program], { input: JSON.stringify(texts), stdio: 'pipe' })
}

const hasPython = (() => {
  try {
    execFileSync('python3', ['-c', 'import xml.etree.ElementTree'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})()

describe('renderSvg', () => {
  test.skipIf(!hasPython)('makes well-formed XML of any text (needs python3)', () => {
    parseXml([
      ...hostile.map(renderSvg),
      ...fc.sample(eventsInOrder, { numRuns: 20, seed: 1 }).map(list => renderSvg(recording(list))),
      renderSvg(recording([])),
      renderSvg(echo),
    ])
  })

  test.skipIf(!hasPython)('is held to XML by a check that can fail (needs python3)', () => {
    expect(() => parseXml(['<svg><text></svg>'])).toThrow('mismatched tag')
    expect(() => parseXml(['<svg>\u001b</svg>'])).toThrow('invalid token')
  })

  test('escapes what has a meaning in XML, once', () => {
    const svg = renderSvg(recording([event('server', 0, 'a < b && c > "d" &amp;')]))
    expect(svg).toContain('>a &lt; b &amp;&amp; c &gt; "d" &amp;amp;</text>')
  })

  test('says what was recorded, on what, and which lanes were there', () => {
    const svg = renderSvg(recording([]))
    expect(svg).toContain(
      '<title id="title">Timeline of 02/echo, recorded on Linux 6.1, Node v20.0.0, 2026-01-01<',
    )
    expect(svg).toContain('>js live · packets missing<')
    expect(svg).toContain('>npm run trace -- 02/echo<')
  })

  test('tells those who cannot see it the same in words', () => {
    const [, desc = ''] = /<desc id="desc">([^<]*)</.exec(renderSvg(echo)) ?? []
    expect(desc.split('\n')).toHaveLength(ECHO.length)
    expect(desc).toContain(
      '0.1 ms, client: SYN: client asks for a connection, sequence number 0 (really 1000).',
    )
    expect(desc).toContain('FIN-WAIT-1 → FIN-WAIT-2: my FIN was acknowledged; the peer may still')
  })

  test('draws a bar for each state but CLOSED, a flag for each change, an arrow per segment', () => {
    const svg = renderSvg(echo)
    const states = ECHO.filter(({ lane }) => lane === 'state')
    const open = states.filter(each => each.lane === 'state' && each.to !== 'CLOSED')
    expect(svg.match(/<rect class="s-\w+" [^>]*rx="2"/g)).toHaveLength(open.length)
    expect(svg.match(/class="on flag"/g)).toHaveLength(states.length)
    expect(svg.match(/marker-end=/g)).toHaveLength(
      ECHO.filter(({ lane }) => lane === 'packet').length,
    )
    for (const label of ['SYN seq 0 (1000)', 'data seq 1 ack 1 len 6', 'FIN seq 7 ack 1']) {
      expect(svg).toContain(`>${label}<`)
    }
  })

  test('lets arrows go down, from the end that sends', () => {
    const svg = renderSvg(echo)
    const arrows = [...svg.matchAll(/from-(\w+)" d="M([\d.]+) ([\d.]+)L([\d.]+) ([\d.]+)"/g)]
    expect(arrows.length).toBeGreaterThan(5)
    for (const [, end, x1, y1, x2, y2] of arrows) {
      expect(Number(y2)).toBeGreaterThan(Number(y1))
      expect(Number(x1) < Number(x2)).toBe(end === 'server')
    }
  })

  test('says where the time line is broken, and never goes back in height', () => {
    const svg = renderSvg(echo)
    expect(svg).toContain('>Node starts: 0.1 s<')
    const later = event('client', 2000, 'data 1 byte')
    expect(renderSvg(recording([...ECHO, later]))).toMatch(/>\d\.\d s later</)
    const heights = [...svg.matchAll(/ y="([\d.]+)" class="(?:muted time|ink|server|client)"/g)]
    const ys = heights.map(([, y]) => Number(y))
    expect(ys).toEqual(ys.toSorted((a, b) => a - b))
  })

  test('keeps all text within 800 pixels', () => {
    const big = { seq: 4_000_000_001, ack: 4_100_000_001, len: 65_495 }
    const long = recording([
      ...ECHO,
      { ...segment('client', 800, '[P.] ack 1', big), means: 'data: much' },
      event('client', 900, 'word '.repeat(40)),
      event('server', 901, 'x'.repeat(200), { event: 'print' }),
    ])
    const texts = renderSvg(long).matchAll(
      /<text x="([\d.]+)" y="[\d.]+" class="([^"]*)"(?: text-anchor="(\w+)")?>([^<]*)</g,
    )
    for (const [, x, css = '', anchor = 'start', content = ''] of texts) {
      // Entities count as the one character they stand for.
      const { length } = content.replaceAll(/&\w+;/g, 'x')
      const width = length * (/label/.test(css) ? 6.93 : /small|time|flag/.test(css) ? 6.63 : 7.23)
      const from = Number(x) - (anchor === 'end' ? width : anchor === 'middle' ? width / 2 : 0)
      expect(from, content).toBeGreaterThanOrEqual(0)
      expect(from + width, content).toBeLessThanOrEqual(800)
    }
    // Labels of arrows leave something of them to be seen.
    const [, x1 = '', x2 = ''] =
      /class="wire[^>]*d="M([\d.]+) [\d.]+L([\d.]+)/.exec(renderSvg(long)) ?? []
    const text = segment('client', 0, '[P.] ack 1', big).text.replace('[P.]', 'data')
    expect(renderSvg(long)).toContain(`>${text}<`)
    expect(Math.abs(Number(x1) - Number(x2))).toBeGreaterThan(text.length * 6.93 + 20)
  })

  test('has colours for light and for dark', () => {
    const [light = '', dark = ''] = renderSvg(echo).split('@media (prefers-color-scheme: dark)')
    for (const name of ['.page', '.ink', '.server', '.s-established', '.on']) {
      expect(light).toContain(`${name} {`)
      expect(dark).toContain(`${name} {`)
    }
  })

  test('draws the same recording in the same way', () => {
    fc.assert(
      fc.property(eventsInOrder, events => {
        expect(renderSvg(recording(structuredClone(events)))).toBe(renderSvg(recording(events)))
      }),
      { numRuns: 30 },
    )
  })
})

describe('renderMermaid', () => {
  test('draws packets as messages and the rest as notes', () => {
    const lines = renderMermaid(echo).split('\n')
    expect(lines.slice(0, 5)).toEqual([
      'sequenceDiagram',
      '  %% 02/echo, recorded on Linux 6.1, Node v20.0.0, 2026-01-01',
      '  %% no packets: no tcpdump',
      '  participant server',
      '  participant client',
    ])
    expect(lines).toContain(
      '  client->>server: SYN: client asks for a connection, sequence number 0 (really 1000)',
    )
    expect(
      lines.filter(line => /^ {2}(server|client)->>(server|client): /.test(line)),
    ).toHaveLength(ECHO.filter(({ lane }) => lane === 'packet').length)
  })

  test('makes only lines that Mermaid knows, of any text', () => {
    const known =
      /^(sequenceDiagram|( {2}(%% [^{};%]*|participant \w+|\w+--?>>\w+: .*|Note (left of server|right of client): .*))?)$/
    for (const each of [...hostile, echo]) {
      for (const line of renderMermaid(each).split('\n')) {
        expect(line).toMatch(known)
        if (line.startsWith('  %%')) continue
        // Nothing but the entities that we made, and line breaks between the parts of a note.
        const text = line.replaceAll(/#\d+;/g, '').replaceAll('<br/>', '')
        expect(text.replace(/^ {2}\w+--?>>\w+: /, '')).not.toMatch(/[;#<>%`{}]/)
        expect(text).not.toMatch(/\bend\b/i)
      }
    }
  })
})
