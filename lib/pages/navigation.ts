import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { wrapAnsi } from 'fast-wrap-ansi'
import { type CatalogueChapter, ROOT } from '#lib/catalogue/index.ts'
import type { ListedExercise } from '#lib/workshop/load-exercises.ts'

const COLUMNS = 118
/** A page about something new is read at this speed. */
const WORDS_PER_MINUTE = 200
const STEP_MINUTES = 5

/**
 * The line at the top of a chapter: the chapters beside it, and how long the page takes to read.
 *
 * @param old what stands there now: its time stays as long as it is right to five minutes, so that
 * not every changed sentence changes it.
 */
export function navigation(
  chapters: readonly CatalogueChapter[],
  id: string,
  document: string,
  old: string,
): string {
  const at = indexOf(chapters, id)
  const [before, after] = [chapters[at - 1], chapters[at + 1]]
  const links = [
    ...(before ? [`← ${linkTo(before)}`] : []),
    '[all chapters](../../README.md#chapters)',
    ...(after ? [`${linkTo(after)} →`] : []),
  ]
  const minutes = readingMinutes(readFileSync(join(ROOT, document), 'utf8'))
  return `\n${links.join(' ·\n')}\n\nAbout ${shownMinutes(minutes, old)} minutes to read, without the runs.\n\n`
}

/** The line at the end of a chapter. */
export function nextChapter(chapters: readonly CatalogueChapter[], id: string): string {
  const after = chapters[indexOf(chapters, id) + 1]
  const text =
    after === undefined
      ? 'This was the last chapter. The [README](../../README.md#chapters) lists what else there is.'
      : `Next: ${linkTo(after)}. ${after.promise}`
  return `\n${wrapAnsi(text, COLUMNS)}\n\n`
}

/** An exercise, where a chapter has explained what it takes. */
export function exerciseHere(exercises: readonly ListedExercise[], id: string): string {
  const one = exercises.find(({ exercise }) => exercise.id === id)
  if (!one) throw new Error(`no exercise "${id}" in the catalogue: correct the comment`)
  const link = `exercises/${id}/README.md`
  const text = `**Your turn:** [${one.exercise.title}](${link}). \`npm run workshop -- ${id}\` checks it over the wire.`
  return `\n${wrapAnsi(text, COLUMNS)}\n\n`
}

/** How long a page takes to read: its words, code and output among them. */
export function readingMinutes(markdown: string): number {
  const text = markdown.replaceAll(/<!--.*?-->/gs, '').replaceAll(/\]\([^)]*\)/g, ']')
  return (text.match(/[\p{L}\p{N}]+/gu) ?? []).length / WORDS_PER_MINUTE
}

/** The minutes to show, in steps: those of `old` as long as they are right to one step. */
export function shownMinutes(minutes: number, old: string): number {
  const shown = Number(/About (\d+) minutes/.exec(old)?.[1])
  if (Math.abs(shown - minutes) <= STEP_MINUTES) return shown
  return Math.max(STEP_MINUTES, Math.round(minutes / STEP_MINUTES) * STEP_MINUTES)
}

function indexOf(chapters: readonly CatalogueChapter[], id: string): number {
  const at = chapters.findIndex(chapter => chapter.id === id)
  if (at < 0) throw new Error(`no chapter "${id}" in the catalogue: correct the comment`)
  return at
}

const linkTo = ({ id, title, folder }: CatalogueChapter): string =>
  `[${id} ${title}](../${folder}/README.md)`
