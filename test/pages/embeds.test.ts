import { join } from 'node:path'
import { describe, expect, inject, test } from 'vitest'
import { type CatalogueEntry, loadChapters } from '#lib/catalogue/index.ts'
import { recordExample } from '#lib/pages/documents.ts'
import {
  comparable,
  type Embed,
  findEmbeds,
  needsOf,
  renderEmbed,
  replaceEmbeds,
  skippedBecause,
  sourceRegion,
  updated,
} from '#lib/pages/embed.ts'
import { runProgram as runAlone } from '#lib/pages/run-program.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { documents } from '../docs/documents.ts'
import { ONLY_SLOW, withSlow } from '../support/slow.ts'

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

/** With SLOW=1 as a reader does, otherwise compiled: that starts in a fifth of the time. */
const runProgram = (file: string) =>
  withSlow
    ? runAlone(file)
    : runAlone(file, [join(inject('compiled'), file.replace(/\.ts$/, '.js'))])

for (const { name, text } of documents) {
  const embeds = findEmbeds(text)
  if (embeds.length === 0) continue
  describe(name, () => {
    test('every generated part that begins also ends', () => {
      const begins = text.match(/^<!-- (source|timeline|output|session|run|table): /gm)?.length ?? 0
      const inFences = [...text.matchAll(/^```text\n([\s\S]*?)^```/gm)].flatMap(
        ([, block]) => block?.match(/^<!-- (source|timeline|output|session|run|table): /gm) ?? [],
      )
      expect(embeds.length, 'a part without <!-- end --> is never brought up to date').toBe(
        begins - inFences.length,
      )
    })
    for (const embed of embeds.filter(({ kind }) => kind === 'run')) {
      test(`shows what ${embed.what} prints (npm run docs:sync mends it)`, async context => {
        const fresh = await renderEmbed(embed, { document: name, chapters, run, runProgram })
        context.skip(skippedBecause(fresh) !== undefined, skippedBecause(fresh))
        const [old, now] = comparable(embed, fresh)
        expect(now).toBe(old)
      })
    }
    for (const embed of embeds.filter(({ kind }) => kind !== 'run')) {
      const { needs, lacks } = needsOf(embed)
      const isRun = ['timeline', 'output', 'session'].includes(embed.kind)
      const where = [...needs.map(each => `(needs ${each})`), ...(isRun ? [ONLY_SLOW] : [])]
      test.skipIf(lacks !== undefined || (isRun && !withSlow))(
        `shows ${embed.kind} ${embed.what} as it is (npm run docs:sync mends it)${where.map(each => ` ${each}`).join('')}`,
        async () => {
          let pair = comparable(embed, await renderEmbed(embed, { document: name, chapters, run }))
          // On a busy machine a client may come too late for what its server shows.
          for (let again = 0; isRun && pair[0] !== pair[1] && again < 2; again++) {
            runs.clear()
            pair = comparable(embed, await renderEmbed(embed, { document: name, chapters, run }))
          }
          expect(pair[0]).toBe(pair[1])
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

  const areSame = (kind: Embed['kind'], old: string, fresh: string) => {
    const [a, b] = comparable({ kind, what: 'any', body: old }, fresh)
    return a === b
  }

  test('differ when code differs, and do not when only chance in a run does', () => {
    expect(areSame('source', 'a1', 'a2')).toBe(false)
    const accepted = 'accepted 127.0.0.1:4711'
    expect(areSame('output', accepted, 'accepted 127.0.0.1:4712')).toBe(true)
    expect(areSame('output', accepted, 'refused 127.0.0.1:4711')).toBe(false)
    expect(areSame('output', 'idle for 1.5 s, 12 ms', 'idle for 9.5 s, 900 ms')).toBe(true)
  })

  test('of a program do not differ in what depends on the machine, if the line says so', () => {
    expect(areSame('run', 'here, sh stays', 'here, sh replaces itself')).toBe(true)
    expect(areSame('run', 'here, sh stays', 'sh stays')).toBe(false)
    expect(areSame('run', 'send: EPERM', 'send: EACCES')).toBe(false)
  })

  test('are left as they are where a program says what it needs', () => {
    const body = (output: string) => `\n\`\`\`console\n$ node x.ts\n${output}\n\`\`\`\n`
    expect(skippedBecause(body('skipped: needs nft (not found)'))).toBe('needs nft (not found)')
    expect(skippedBecause(body('listening'))).toBeUndefined()
  })

  test('differ when a number means another result', () => {
    expect(areSame('output', 'got 524288 bytes', 'got 1048576 bytes')).toBe(false)
    expect(areSame('output', 'received 1249 of 2000', 'received 92 of 2000')).toBe(false)
    expect(areSame('output', 'received 92 of 2000', 'received 93 of 2000')).toBe(true)
    expect(areSame('output', '0 data events', '1 data events')).toBe(false)
    expect(areSame('output', '3 segments', '4 segments')).toBe(false)
    expect(areSame('output', 'rx 5 inode 4711', 'rx 5 inode 815')).toBe(true)
    expect(areSame('output', 'rx 5 inode 4711', 'rx 5 inode 0')).toBe(false)
  })

  test('of a timeline compare each end on its own', () => {
    const timeline = (...lines: string[]) => lines.join('\n')
    const server = `      1.0  data 5 bytes`
    const client = `      2.0  ${' '.repeat(44)}connect 127.0.0.1:7020`
    const both = timeline(server, client)
    expect(areSame('timeline', both, timeline(client, server))).toBe(true)
    expect(areSame('timeline', both, timeline(server))).toBe(false)
    expect(areSame('timeline', both, both.replace('5 bytes', '6 bytes'))).toBe(false)
  })

  test('of a session compare the kinds of lines, not how many, in which order, with which numbers', () => {
    const ack = '1795234160.01 IP 127.0.0.1.43624 > 127.0.0.1.7020: Flags [.], ack 11, win 64'
    const fin = '1795234160.02 IP 127.0.0.1.43624 > 127.0.0.1.7020: Flags [F.], seq 11, ack 7'
    const same = (old: string[], fresh: string[]) =>
      areSame('session', old.join('\n'), fresh.join('\n'))
    expect(same([ack, fin, ack], [fin.replaceAll('43624', '5'), ack])).toBe(true)
    expect(same([ack, fin], [ack])).toBe(false)
    const data = (range: string) => [`1795234160.03 IP Flags [P.], seq ${range}, ack 7`]
    expect(same(data('12345678:12345684'), data('123:129'))).toBe(true)
    const call = (result: string) => `[pid 1] 1.2 read(18<TCP:[1->2]>, "${result}`
    const read = call('hi", 65536) = 2')
    expect(same([read, call('", 65536) = 0')], [read])).toBe(true)
    expect(same([read], [call('ho", 65536) = 2')])).toBe(false)
  })

  test('have a caption: which file it is from, or what was run and whose output it is', async () => {
    const sources = { document: 'chapters/04-x/README.md', chapters, run: async () => [] }
    const caption = async (kind: Embed['kind'], what: string) =>
      (await renderEmbed({ kind, what, body: '' }, sources)).split('\n')[1]
    const file = 'chapters/02-tcp-echo/echo/server.ts'
    const link = `[\`${file}\`](../02-tcp-echo/echo/server.ts)`
    expect(await caption('source', `${file}#server`)).toBe(`From ${link}:`)
    expect(await caption('source', file)).toBe(`The whole of ${link}:`)
    expect(await caption('output', '02/echo server')).toBe(
      'In `npm start 02/echo`, the server prints:',
    )
    expect(await caption('output', '02/chat client')).toBe(
      'In `npm start 02/chat`, the demo prints:',
    )
    expect(await caption('output', '04/decoder client, server --step 2')).toBe(
      'With `npm run 04:decoder:server -- --step 2` in another terminal, `npm run 04:decoder:client` prints:',
    )
    expect(await caption('output', '04/header client, both --format mysql')).toBe(
      'With `npm run 04:header:server -- --format mysql` in another terminal, `npm run 04:header:client -- --format mysql` prints:',
    )
    expect(await caption('output', '04/decoder client, server --step 2')).toBe(
      'With `npm run 04:decoder:server -- --step 2` in another terminal, ' +
        '`npm run 04:decoder:client` prints:',
    )
    expect(await caption('output', '04/header client, both --format mysql')).toBe(
      'With `npm run 04:header:server -- --format mysql` in another terminal, ' +
        '`npm run 04:header:client -- --format mysql` prints:',
    )
    expect(await caption('timeline', '02/echo')).toBe(
      '`npm start 02/echo` prints what both programs see and do:',
    )
  })

  test('of which only the caption differs keep their block', () => {
    const old: Embed = { kind: 'output', what: '02/echo client', body: '\n```text\n1 ms\n```\n\n' }
    const fresh = (time: string) => `\nThe client prints:\n\n\`\`\`text\n${time}\n\`\`\`\n\n`
    expect(updated(old, fresh('2 ms'))).toBe(fresh('1 ms'))
    expect(updated(old, fresh('2 s later'))).toBe(fresh('2 s later'))
    expect(updated({ ...old, body: fresh('1 ms') }, fresh('2 ms'))).toBe(fresh('1 ms'))
  })

  test('show a whole file without the marks of its regions', () => {
    const text = sourceRegion('chapters/02-tcp-echo/echo/server.ts')
    expect(text).toMatch(/^import .*node:net/m)
    expect(text).not.toContain('#region')
    expect(text).not.toContain('#endregion')
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
