import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type CatalogueEntry, ROOT } from '#lib/catalogue/index.ts'

/** Where a page explains an example. */
export interface Passage {
  /** Relative to the root. */
  file: string
  heading: string
}

/** The section of a chapter's page that shows a run of the example; undefined where none does. */
export function passageOf({ id, chapter }: CatalogueEntry, root = ROOT): Passage | undefined {
  const file = `chapters/${chapter.folder}/README.md`
  if (!existsSync(join(root, file))) return undefined
  const text = readFileSync(join(root, file), 'utf8')
  const run = new RegExp(`^<!-- (timeline|output): ${id}( \\w+)? -->$`, 'm').exec(text)
  if (!run) return undefined
  const heading = [...text.slice(0, run.index).matchAll(/^#+ (.+)$/gm)].at(-1)?.[1]
  return heading === undefined ? undefined : { file, heading }
}
