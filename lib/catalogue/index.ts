import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { nearest } from '#lib/program/nearest.ts'
import type { CatalogueChapter, CatalogueEntry, Chapter } from './types.ts'

export type {
  CatalogueChapter,
  CatalogueEntry,
  Example,
  Program,
  WrongServer,
} from './types.ts'

/** The repository's root folder, with a slash at its end. */
export const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The catalogue cannot be read. The message says in one line what to add, and where. */
export class CatalogueError extends Error {}

/**
 * Reads every `chapters/NN-name/chapter.ts`, in the order of the chapters.
 *
 * @throws {CatalogueError} where a chapter's folder has no catalogue entry.
 */
export async function loadChapters(
  root = new URL('../../', import.meta.url),
): Promise<CatalogueChapter[]> {
  const chapters = new URL('chapters/', root)
  const folders = readdirSync(chapters, { withFileTypes: true })
    .filter(entry => entry.isDirectory() && /^\d\d-/.test(entry.name))
    .map(entry => entry.name)
    .sort()
  return Promise.all(folders.map(folder => loadChapter(chapters, folder)))
}

async function loadChapter(chapters: URL, folder: string): Promise<CatalogueChapter> {
  const file = new URL(`${folder}/chapter.ts`, chapters)
  const name = `chapters/${folder}`
  if (!existsSync(file)) {
    const model = 'chapters/02-tcp-echo/chapter.ts'
    throw new CatalogueError(`${name} has no chapter.ts: add one like ${model}, or move the folder`)
  }
  const module: { default?: Partial<Chapter> } = await import(file.href)
  const chapter = module.default
  if (!chapter?.id || !chapter.examples?.length) {
    throw new CatalogueError(
      `${name}/chapter.ts: export a chapter with an id and at least one example as the default`,
    )
  }
  return { ...(chapter as Chapter), folder }
}

/** Every example of every chapter. */
export function entriesOf(chapters: readonly CatalogueChapter[]): CatalogueEntry[] {
  return chapters.flatMap(chapter =>
    chapter.examples.map(example => ({ id: `${chapter.id}/${example.name}`, chapter, example })),
  )
}

/** @throws {Error} where the catalogue has no such example. */
export function entryOf(chapters: readonly CatalogueChapter[], id: string): CatalogueEntry {
  const entry = entriesOf(chapters).find(candidate => candidate.id === id)
  if (!entry) throw new Error(`no example "${id}" in the catalogue: correct the comment`)
  return entry
}

/** What a name on the command line means. */
export type Found = { entry: CatalogueEntry } | { unknown: string; nearest: string | undefined }

/**
 * Finds an example by what a reader types: `02/echo`, `02` or `2` (the chapter's first example),
 * `02-tcp-echo`, `02-tcp-echo/chat`, `chapters/02-tcp-echo/chat/`, or `chat` where only one chapter
 * has an example of that name.
 */
export function findEntry(chapters: readonly CatalogueChapter[], name: string): Found {
  const wanted = name
    .toLowerCase()
    .replace(/^(\.\/)?(chapters\/)?/, '')
    .replace(/\/+$/, '')
  const all = entriesOf(chapters)
  const namesOf = ({ chapter, example }: CatalogueEntry): string[] => {
    const folders = [chapter.id, chapter.folder, String(Number(chapter.id))]
    const own = folders.map(folder => `${folder}/${example.name}`)
    return example === chapter.examples[0] ? [...own, ...folders] : own
  }
  const byName = all.filter(({ example }) => example.name === wanted)
  const entry =
    all.find(candidate => namesOf(candidate).includes(wanted)) ??
    (byName.length === 1 ? byName[0] : undefined)
  if (entry) return { entry }
  // The first of the nearest wins: the ids, then the other ways to name an example.
  const meant = new Map(all.map(candidate => [candidate.id, candidate.id]))
  for (const candidate of all) {
    for (const known of [candidate.example.name, ...namesOf(candidate)]) {
      if (!meant.has(known)) meant.set(known, candidate.id)
    }
  }
  const near = nearest(wanted, [...meant.keys()])
  return { unknown: name, nearest: near && meant.get(near) }
}

/** The npm scripts that the catalogue asks for: name to command. */
export function scriptsOf(chapters: readonly CatalogueChapter[]): Record<string, string> {
  const scripts: Record<string, string> = {}
  for (const { chapter, example } of entriesOf(chapters)) {
    for (const role of ['server', 'client', 'demo'] satisfies Role[]) {
      const program = example[role]
      if (!program) continue
      const command = `exec node --import tsx chapters/${chapter.folder}/${program.file}`
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
