import { wrapAnsi } from 'fast-wrap-ansi'
import pc from 'picocolors'
import type { CatalogueChapter } from '#lib/catalogue/index.ts'

/** The catalogue for a terminal: chapters with their promise, examples with what they show. */
export function renderList(
  chapters: readonly CatalogueChapter[],
  columns: number,
  color: boolean,
): string {
  const { bold, cyan } = pc.createColors(color)
  const names = chapters.flatMap(({ id, examples }) => examples.map(e => `${id}/${e.name}`.length))
  const width = Math.max(...names) + 2
  const wrap = (text: string, indent: number) =>
    wrapAnsi(text, Math.max(20, columns - indent)).replaceAll('\n', `\n${' '.repeat(indent)}`)
  return chapters
    .map(chapter =>
      [
        bold(`${chapter.id} ${chapter.title}`),
        `   ${wrap(chapter.promise, 3)}`,
        ...chapter.examples.map(({ name, shows }) => {
          const id = `${chapter.id}/${name}`.padEnd(width)
          return `   ${cyan(id)}${wrap(shows, 3 + width)}`
        }),
      ].join('\n'),
    )
    .join('\n\n')
}
