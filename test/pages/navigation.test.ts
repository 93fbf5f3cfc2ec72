import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadChapters, ROOT } from '#lib/catalogue/index.ts'
import { findEmbeds } from '#lib/pages/embed.ts'
import {
  exerciseHere,
  navigation,
  nextChapter,
  readingMinutes,
  shownMinutes,
} from '#lib/pages/navigation.ts'
import { trueOrFalse } from '#lib/textbook/document.ts'
import { loadExperiments } from '#lib/textbook/load-experiments.ts'
import { readObservations } from '#lib/textbook/observations.ts'

const chapters = await loadChapters()
const pageOf = (folder: string) => `chapters/${folder}/README.md`

describe.each(chapters.map(chapter => [chapter.id, chapter] as const))(
  'chapter %s',
  (id, chapter) => {
    const text = readFileSync(join(ROOT, pageOf(chapter.folder)), 'utf8')
    const tables = findEmbeds(text).flatMap(({ kind, what }) => (kind === 'table' ? [what] : []))

    test('begins with the chapters beside it, and ends with the next one', () => {
      expect(tables.at(0)).toBe(`navigation ${id}`)
      expect(tables.at(-1)).toBe(`next ${id}`)
    })

    test('has each of its exercises once where it fits, before the list of all', () => {
      const exercises = chapter.exercises ?? []
      const here = tables.filter(what => what.startsWith('exercise '))
      expect(here.toSorted()).toEqual(exercises.map(name => `exercise ${name}`).toSorted())
      const list = tables.indexOf(`exercises ${id}`)
      for (const what of here) expect(tables.indexOf(what)).toBeLessThan(list)
    })

    test('asks for six to eight of its claims', () => {
      const [, , ...ids] = tables.find(what => what.startsWith(`claims ${id} `))?.split(' ') ?? []
      expect(new Set(ids).size).toBe(ids.length)
      expect(ids.length).toBeGreaterThanOrEqual(6)
      expect(ids.length).toBeLessThanOrEqual(8)
    })
  },
)

test('navigation links to the chapter before and after, as far as there is one', () => {
  const [first, second] = chapters
  const line = (id: string) =>
    navigation(chapters, id, pageOf(first!.folder), '')
      .split('\n\n')[0]
      ?.trim()
      .replaceAll('\n', ' ')
  const linkTo = ({ id, title, folder }: (typeof chapters)[number]) =>
    `[${id} ${title}](../${folder}/README.md)`
  expect(line(first!.id)).toBe(`[all chapters](../../README.md#chapters) · ${linkTo(second!)} →`)
  expect(line(second!.id)).toMatch(`← ${linkTo(first!)} · `)
  const last = chapters.at(-1)!
  expect(line(last.id)).toMatch(/· \[all chapters\]\([^)]+\)$/)
  expect(nextChapter(chapters, last.id)).toContain('This was the last chapter.')
  expect(() => nextChapter(chapters, '99')).toThrow('no chapter "99" in the catalogue')
})

test('readingMinutes counts words, and neither comments nor the targets of links', () => {
  const words = Array.from({ length: 200 }, () => 'word').join(' ')
  expect(readingMinutes(words)).toBe(1)
  expect(readingMinutes(`<!-- table: ${words} -->\n[${words}](a/b/c.md)`)).toBe(1)
})

test.each([
  [23, '', 25],
  [1, '', 5],
  [23, 'About 20 minutes', 20],
  [23, 'About 15 minutes', 25],
  [23, 'About 30 minutes', 25],
])('shownMinutes of %d, below "%s", is %d', (minutes, old, shown) => {
  expect(shownMinutes(minutes, old)).toBe(shown)
})

test('exerciseHere refuses an exercise that there is not', () => {
  expect(() => exerciseHere([], 'nope')).toThrow('no exercise "nope" in the catalogue')
})

test('trueOrFalse folds the answer, and refuses a claim of another chapter', async () => {
  const all = await loadExperiments()
  const text = trueOrFalse(all, readObservations(all), '01', ['1.18'])
  const [asked = '', folded = ''] = text.split('<details>')
  expect(asked).toContain('- The backlog limits how many clients')
  expect(asked).not.toContain('False')
  expect(folded).toContain('**False** (Linux since 2.2, and POSIX).')
  expect(() => trueOrFalse(all, readObservations(all), '01', ['2.1'])).toThrow('no claim "2.1"')
})
