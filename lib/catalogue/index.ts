import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { closest } from 'fastest-levenshtein'
import type { CatalogueChapter, CatalogueEntry, Chapter } from './types.ts'

export type { CatalogueChapter, CatalogueEntry, Chapter, Example, Program } from './types.ts'

/** The repository's root folder, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** Reads every `chapters/NN-name/chapter.ts`, in the order of the chapters. */
export async function loadChapters(): Promise<CatalogueChapter[]> {
  const chapters = new URL('../../chapters/', import.meta.url)
  const folders = readdirSync(chapters, { withFileTypes: true })
    .filter(entry => entry.isDirectory() && /^\d\d-/.test(entry.name))
    .map(entry => entry.name)
    .sort()
  return Promise.all(
    folders.map(async folder => {
      const module: { default: Chapter } = await import(
        new URL(`${folder}/chapter.ts`, chapters).href
      )
      return { ...module.default, folder }
    }),
  )
}

/** Every example of every chapter. */
export function entriesOf(chapters: readonly CatalogueChapter[]): CatalogueEntry[] {
  return chapters.flatMap(chapter =>
    chapter.examples.map(example => ({ id: `${chapter.id}/${example.name}`, chapter, example })),
  )
}

/** What a name on the command line means. */
export type Found = { entry: CatalogueEntry } | { unknown: string; nearest: string }

/**
 * Finds an example by what a reader types: `02/echo`, `02` or `2` (the chapter's first example),
 * `02-tcp-echo`, `02-tcp-echo/chat`, or `chat` where only one chapter has an example of that name.
 */
export function findEntry(chapters: readonly CatalogueChapter[], name: string): Found {
  const wanted = name.toLowerCase().replace(/\/+$/, '')
  const all = entriesOf(chapters)
  const matches = all.filter(({ id, chapter, example }) => {
    const folders = [chapter.id, chapter.folder, String(Number(chapter.id))]
    if (folders.includes(wanted)) return example === chapter.examples[0]
    return folders.some(folder => wanted === `${folder}/${example.name}`) || wanted === id
  })
  const byName = all.filter(({ example }) => example.name === wanted)
  const entry = matches[0] ?? (byName.length === 1 ? byName[0] : undefined)
  if (entry) return { entry }
  const names = wanted.includes('/') ? all.map(({ id }) => id) : all.map(e => e.example.name)
  const nearest = closest(wanted, names)
  return {
    unknown: name,
    nearest: all.find(e => e.id === nearest || e.example.name === nearest)!.id,
  }
}

/** The npm scripts that the catalogue asks for: name to command. */
export function scriptsOf(chapters: readonly CatalogueChapter[]): Record<string, string> {
  const scripts: Record<string, string> = {}
  for (const { chapter, example } of entriesOf(chapters)) {
    for (const role of ['server', 'client', 'demo'] satisfies Role[]) {
      const program = example[role]
      if (!program) continue
      const command = `node --import tsx chapters/${chapter.folder}/${program.file}`
      if (example === chapter.examples[0]) scripts[`${chapter.id}:${role}`] = command
      scripts[`${chapter.id}:${example.name}:${role}`] = command
    }
  }
  return scripts
}

/** Which program of an example. */
export type Role = 'server' | 'client' | 'demo'

/** The script by which a reader runs one program: the short name where there is one. */
export function scriptName({ chapter, example }: CatalogueEntry, role: Role): string {
  const main = example === chapter.examples[0]
  return main ? `${chapter.id}:${role}` : `${chapter.id}:${example.name}:${role}`
}
