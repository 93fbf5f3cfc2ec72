import { describe, expect, test } from 'vitest'
import { type CatalogueEntry, loadChapters } from '../../lib/catalogue/index.ts'
import { recordExample } from '../../lib/docs/documents.ts'
import {
  findEmbeds,
  needsOf,
  normalise,
  renderEmbed,
  replaceEmbeds,
  sourceRegion,
} from '../../lib/docs/embed.ts'
import type { TraceEvent } from '../../lib/trace/recording.ts'
import { withSlow } from '../support/slow.ts'
import { documents } from './documents.ts'

const chapters = await loadChapters()
const runs = new Map<string, Promise<TraceEvent[]>>()
/** One after the other: a run that competes with ten others for two cores shows other interleavings. */
let last: Promise<unknown> = Promise.resolve()
const run = (entry: CatalogueEntry): Promise<TraceEvent[]> => {
  const known = runs.get(entry.id)
  if (known) return known
  const next = last.then(() => recordExample(entry))
  last = next.catch(() => {})
  runs.set(entry.id, next)
  return next
}

for (const { name, text } of documents) {
  const embeds = findEmbeds(text)
  if (embeds.length === 0) continue
  describe(name, () => {
    test('every generated part that begins also ends', () => {
      const begins = text.match(/^<!-- (source|timeline|output|session|table): /gm)?.length ?? 0
      const inFences = [...text.matchAll(/^```text\n([\s\S]*?)^```/gm)].flatMap(
        ([, block]) => block?.match(/^<!-- (source|timeline|output|session|table): /gm) ?? [],
      )
      expect(embeds.length, 'a part without <!-- end --> is never brought up to date').toBe(
        begins - inFences.length,
      )
    })
    for (const embed of embeds) {
      const { needs, lacks } = needsOf(embed)
      const isRun = ['timeline', 'output', 'session'].includes(embed.kind)
      const where = [...needs.map(each => `needs ${each}`), ...(isRun ? ['npm run test:slow'] : [])]
      test.skipIf(lacks !== undefined || (isRun && !withSlow))(
        `shows ${embed.kind} ${embed.what} as it is (npm run docs:sync mends it)${where.map(each => ` (${each})`).join('')}`,
        async () => {
          const body = await renderEmbed(embed, { chapters, run })
          expect(normalise(embed)).toBe(normalise({ ...embed, body }))
        },
      )
    }
  })
}

describe('generated parts', () => {
  const document = 'a\n<!-- source: package.json -->\nold\n<!-- end -->\nb\n'

  test('are found and replaced, and nothing else is', () => {
    expect(findEmbeds(document)).toEqual([{ kind: 'source', what: 'package.json', body: 'old\n' }])
    const replaced = replaceEmbeds(document, ['new $1\n'])
    expect(replaced).toBe('a\n<!-- source: package.json -->\nnew $1\n<!-- end -->\nb\n')
  })

  test('differ when code differs, and do not when only the numbers of a run do', () => {
    expect(normalise({ kind: 'source', body: 'a1' })).not.toBe(
      normalise({ kind: 'source', body: 'a2' }),
    )
    const runOf = (body: string) => normalise({ kind: 'output', body })
    expect(runOf('accepted 127.0.0.1:4711')).toBe(runOf('accepted 127.0.0.1:4712'))
    expect(runOf('accepted 127.0.0.1:4711')).not.toBe(runOf('refused 127.0.0.1:4711'))
  })

  test('of a timeline compare each end on its own', () => {
    const timeline = (...lines: string[]) => normalise({ kind: 'timeline', body: lines.join('\n') })
    const server = `    1.0  data 5 bytes`
    const client = `    2.0  ${' '.repeat(44)}connect 127.0.0.1:7020`
    expect(timeline(server, client)).toBe(timeline(client, server))
    expect(timeline(server, client)).not.toBe(timeline(server))
  })

  test('of a session compare the kinds of lines, not how many, in which order, with which numbers', () => {
    const session = (...lines: string[]) => normalise({ kind: 'session', body: lines.join('\n') })
    const ack = '1795234160.01 IP 127.0.0.1.43624 > 127.0.0.1.7020: Flags [.], ack 11, win 64'
    const fin = '1795234160.02 IP 127.0.0.1.43624 > 127.0.0.1.7020: Flags [F.], seq 11, ack 7'
    expect(session(ack, fin, ack)).toBe(session(fin.replaceAll('43624', '5'), ack))
    expect(session(ack, fin)).not.toBe(session(ack))
    const data = (range: string) => session(`1795234160.03 IP Flags [P.], seq ${range}, ack 7`)
    expect(data('12345678:12345684')).toBe(data('123:129'))
    const call = (result: string) => `[pid 1] 1.2 read(18<TCP:[1->2]>, "${result}`
    expect(session(call('hi", 65536) = 2'), call('", 65536) = 0'))).toBe(
      session(call('hi", 65536) = 2')),
    )
    expect(session(call('hi", 65536) = 2'))).not.toBe(session(call('ho", 65536) = 2')))
  })

  test('name a session that does not exist', () => {
    expect(() => needsOf({ kind: 'session', what: 'nothing' })).toThrow(
      'no session "nothing": correct the comment',
    )
  })

  test('name a region that does not exist', () => {
    expect(() => sourceRegion('chapters/02-tcp-echo/echo/server.ts#nothing')).toThrow(
      'chapters/02-tcp-echo/echo/server.ts has no region "nothing": mark it with // #region',
    )
  })
})
