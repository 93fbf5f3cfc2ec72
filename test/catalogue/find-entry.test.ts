import { describe, expect, test } from 'vitest'
import {
  type CatalogueChapter,
  type Example,
  entriesOf,
  findEntry,
  scriptName,
  scriptsOf,
} from '#lib/catalogue/index.ts'

const example = (name: string, more: Partial<Example> = {}): Example => ({
  name,
  shows: 'Something.',
  transport: 'tcp',
  server: { file: `${name}/server.ts` },
  client: { file: `${name}/client.ts` },
  ...more,
})

const chapters: CatalogueChapter[] = [
  {
    id: '01',
    folder: '01-socket',
    title: 'The socket',
    promise: 'Know.',
    examples: [example('tcp'), example('errors')],
  },
  {
    id: '02',
    folder: '02-tcp-echo',
    title: 'TCP echo',
    promise: 'Write.',
    examples: [example('echo'), example('chat', { demo: { file: 'chat/demo.ts' } })],
  },
  {
    id: '12',
    folder: '12-later',
    title: 'Later',
    promise: 'More.',
    examples: [example('late'), example('errors')],
  },
]

describe('findEntry finds an example by what a reader types', () => {
  test.each([
    ['02', '02/echo'],
    ['2', '02/echo'],
    ['12', '12/late'],
    ['02/echo', '02/echo'],
    ['2/chat', '02/chat'],
    ['02-tcp-echo', '02/echo'],
    ['02-tcp-echo/chat', '02/chat'],
    ['chapters/02-tcp-echo/chat/', '02/chat'],
    ['./chapters/02-tcp-echo', '02/echo'],
    ['chat', '02/chat'],
    ['CHAT', '02/chat'],
    ['02/Chat', '02/chat'],
    ['02/', '02/echo'],
    ['02/chat/', '02/chat'],
    ['01/errors', '01/errors'],
    ['12/errors', '12/errors'],
  ])('%s is %s', (typed, id) => {
    const found = findEntry(chapters, typed)
    expect('entry' in found && found.entry.id).toBe(id)
  })
})

describe('findEntry names the nearest when nothing fits', () => {
  test.each([
    ['02/ecko', '02/echo'],
    ['ecko', '02/echo'],
    ['chta', '02/chat'],
    ['02:chat', '02/chat'],
    ['22', '02/echo'],
    ['02-tcp-ehco', '02/echo'],
    ['2/chatt', '02/chat'],
  ])('%s is near %s', (typed, nearest) => {
    expect(findEntry(chapters, typed)).toEqual({ unknown: typed, nearest })
  })

  test.each(['', '/', '//', '-', 'xyzzy-plugh-42', '../../etc/passwd', '漢字', 'x'.repeat(5000)])(
    '%j is near to nothing',
    typed => {
      expect(findEntry(chapters, typed)).toEqual({ unknown: typed, nearest: undefined })
    },
  )

  test('errors alone is not enough where two chapters have an example of that name', () => {
    expect(findEntry(chapters, 'errors')).toEqual({ unknown: 'errors', nearest: '01/errors' })
  })
})

test('scriptsOf gives every program a script, and the first example of a chapter a short one', () => {
  expect(Object.keys(scriptsOf(chapters.slice(1, 2)))).toEqual([
    '02:server',
    '02:echo:server',
    '02:client',
    '02:echo:client',
    '02:chat:server',
    '02:chat:client',
    '02:chat:demo',
  ])
  expect(scriptsOf(chapters)['02:server']).toBe(
    'exec node --import tsx chapters/02-tcp-echo/echo/server.ts',
  )
})

test('scriptName is the short name where there is one', () => {
  const names = entriesOf(chapters).map(entry => scriptName(entry, 'server'))
  expect(names).toEqual([
    '01:server',
    '01:errors:server',
    '02:server',
    '02:chat:server',
    '12:server',
    '12:errors:server',
  ])
})
