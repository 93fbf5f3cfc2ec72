import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadChapters, ROOT } from '#lib/catalogue/index.ts'
import type { Exercise } from './exercise.ts'

/** An exercise, and where it lies. */
export interface ListedExercise {
  /** Two digits. */
  chapter: string
  /** Relative to the root: `chapters/02-tcp-echo/exercises/tcp-echo`. */
  folder: string
  exercise: Exercise
}

/** All exercises, in the order of the catalogue. */
export async function loadExercises(): Promise<ListedExercise[]> {
  const chapters = await loadChapters()
  const listed = chapters.flatMap(chapter =>
    (chapter.exercises ?? []).map(id => {
      return { chapter: chapter.id, folder: `chapters/${chapter.folder}/exercises/${id}` }
    }),
  )
  return Promise.all(
    listed.map(async one => {
      const file = pathToFileURL(join(ROOT, one.folder, 'check.ts'))
      const { default: exercise }: { default: Exercise } = await import(file.href)
      return { ...one, exercise }
    }),
  )
}

/** The mistakes that people really make, by name: files of `wrong/`. */
export function wrongSolutions({ folder }: ListedExercise): string[] {
  return readdirSync(join(ROOT, folder, 'wrong'))
    .filter(name => name.endsWith('.ts'))
    .map(name => name.slice(0, -'.ts'.length))
    .sort()
}

/** The feedback that a wrong solution gets, as it is on file. */
export function feedbackFile({ folder }: ListedExercise, wrong: string): string {
  return join(ROOT, folder, 'wrong', `${wrong}.feedback.txt`)
}

/** The text of a file; undefined where there is none. */
export function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
