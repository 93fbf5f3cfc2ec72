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
export function passageOf(entry: CatalogueEntry, root = ROOT): Passage | undefined {
  return sectionWith(entry, `<!-- (timeline|output): ${entry.id}( \\w+)? -->`, root)
}

/** The section that shows a run of the example at four levels; where none does, any run of it. */
export function tracePassageOf(entry: CatalogueEntry, root = ROOT): Passage | undefined {
  return sectionWith(entry, `npm run trace -- ${entry.id}`, root) ?? passageOf(entry, root)
}

/** The section of the chapter's page that has such a line. */
function sectionWith({ chapter }: CatalogueEntry, line: string, root: string): Passage | undefined {
  const file = `chapters/${chapter.folder}/README.md`
  if (!existsSync(join(root, file))) return undefined
  const text = readFileSync(join(root, file), 'utf8')
  const found = new RegExp(`^${line}$`, 'm').exec(text)
  if (!found) return undefined
  const heading = [...text.slice(0, found.index).matchAll(/^#+ (.+)$/gm)].at(-1)?.[1]
  return heading === undefined ? undefined : { file, heading }
}
