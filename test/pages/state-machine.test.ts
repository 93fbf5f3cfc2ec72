import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadChapters, ROOT } from '#lib/catalogue/index.ts'
import { traceExample } from '#lib/observe/trace-example.ts'
import { renderStateDiagram } from '#lib/pages/state-diagram.ts'
import {
  DIAGRAM,
  nameOf,
  readWitnesses,
  TRANSITIONS,
  transitionTable,
} from '#lib/pages/state-machine.ts'
import { claimsOf, loadExperiments } from '#lib/textbook/load-experiments.ts'
import { entries, entryOf } from '../support/kit.ts'
import { spread } from '../support/slow.ts'

const witnesses = readWitnesses()!
const chapters = await loadChapters()
const isRoot = process.platform === 'linux' && process.getuid?.() === 0

describe('docs/tcp-state-machine.json', () => {
  test('names steps that are known, and witnesses that exist', async () => {
    const claims = claimsOf(await loadExperiments()).map(({ claim }) => claim.id)
    const known = [...entries.map(({ id }) => id), ...claims]
    for (const [name, seen] of Object.entries(witnesses.seen)) {
      expect(TRANSITIONS.map(nameOf)).toContain(name)
      for (const one of seen) expect(known, name).toContain(one)
    }
  })

  test('leaves no step without a witness that is not explained', () => {
    const unseen = TRANSITIONS.filter(transition => !witnesses.seen[nameOf(transition)])
    expect(unseen.filter(({ never }) => never === undefined).map(nameOf)).toEqual([])
    // What was seen after all is not explained away.
    const both = TRANSITIONS.filter(({ never, ...step }) => never && witnesses.seen[nameOf(step)])
    expect(both.map(nameOf)).toEqual([])
  })
})

test('docs/tcp-state-machine.svg is drawn from it (npm run docs:sync)', () => {
  expect(readFileSync(join(ROOT, DIAGRAM), 'utf8')).toBe(renderStateDiagram(witnesses))
})

describe('the table of the steps', () => {
  const links = (document: string, part?: string) =>
    [...transitionTable(chapters, document, part).matchAll(/\]\((.*?)\)/g)].map(([, to]) => to)

  test('leads to the passages that show the steps', () => {
    const all = links('docs/tcp-state-machine.md')
    expect(all).toContain('../chapters/01-socket/README.md#one-run-at-four-levels')
    expect(all).toContain('textbook-vs-kernel.md#616-depends')
    expect(all.every(link => link?.includes('#'))).toBe(true)
  })

  test('has in chapter 06 those that end a connection', () => {
    const page = 'chapters/06-shutdown/README.md'
    expect(links(page, 'closing')).toContain('#both-at-once')
    // The recordings of the chapter itself come first.
    expect(transitionTable(chapters, page, 'closing')).toContain(
      '| ESTABLISHED | FIN-WAIT-1 | end(), close() | FIN | [06/half-close](#two-directions-two-ends), ',
    )
    expect(links(page, 'closing')).toContain('../../docs/textbook-vs-kernel.md#616-depends')
    const table = transitionTable(chapters, page, 'closing')
    expect(table).toContain('| FIN-WAIT-1 | CLOSING |')
    expect(table).not.toContain('| LISTEN |')
    expect(() => transitionTable(chapters, page, 'opening')).toThrow('no part "opening"')
  })
})

test('the diagram shows what was not seen in another way', () => {
  const dashed = (seen: Record<string, string[]>) =>
    renderStateDiagram({ ...witnesses, seen }).match(/class="arrow life dashed"/g)?.length ?? 0
  const drawn = TRANSITIONS.filter(({ kind }) => kind === 'figure').length
  expect(dashed({})).toBe(drawn)
  expect(dashed({ 'CLOSED → LISTEN': ['01/tcp'] })).toBe(drawn - 1)
})

/** As few examples as show all the steps that examples have shown. */
function fewestExamples(): Map<string, string[]> {
  const open = new Set(
    Object.entries(witnesses.seen)
      .filter(([, seen]) => seen.some(one => one.includes('/')))
      .map(([name]) => name),
  )
  const chosen = new Map<string, string[]>()
  while (open.size > 0) {
    const shows = (id: string) => [...open].filter(name => witnesses.seen[name]!.includes(id))
    const best = entries.map(({ id }) => id).sort((a, b) => shows(b).length - shows(a).length)[0]!
    chosen.set(best, shows(best))
    for (const name of shows(best)) open.delete(name)
  }
  return chosen
}

/** So many runs at most: which end is the first to close, or loses a segment, is the machine's choice. */
const RUNS = 5

describe('a kernel of today', () => {
  test.skipIf(!isRoot).each(spread([...fewestExamples()], 2, 99))(
    'takes in %s the steps that the page says, and none that it does not know (needs root)',
    async (id, names) => {
      const known = TRANSITIONS.map(nameOf)
      // The page says what runs have shown, one or another. No run may show anything else.
      const seen = new Set<string>()
      for (let run = 1; run <= RUNS && !names.every(name => seen.has(name)); run++) {
        const { trouble } = await traceExample(entryOf(id), {
          lanes: ['state'],
          onEvent: event => {
            if (event.lane === 'state') seen.add(nameOf(event))
          },
          onLane: () => {},
        })
        expect(trouble).toBeUndefined()
        expect(known).toEqual(expect.arrayContaining([...seen]))
      }
      expect([...seen]).toEqual(expect.arrayContaining(names))
    },
  )
})
