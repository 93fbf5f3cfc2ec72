import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '#lib/catalogue/index.ts'
import { markdownFiles } from '#lib/pages/documents.ts'

export interface Document {
  /** Relative to the root. */
  name: string
  text: string
}

/** Every Markdown file of the project. */
export const documents: Document[] = markdownFiles().map(name => ({
  name,
  text: readFileSync(join(ROOT, name), 'utf8'),
}))

/** The lines of a document's `sh` blocks: what a reader types. */
export function commandsOf({ text }: Document): string[] {
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].flatMap(([, block = '']) =>
    block
      .split('\n')
      .map(line => line.replace(/(^|\s+)#.*$/, '').trimEnd())
      .filter(line => line !== ''),
  )
}
