import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('../../../lib/framing/', import.meta.url)

/** The names of the files in `lib/framing`, each with its text. */
export function framingFiles(): [name: string, text: string][] {
  const names = readdirSync(folder).filter(name => name.endsWith('.ts'))
  return names.sort().map(name => [name, readFileSync(new URL(name, folder), 'utf8')])
}

/**
 * The runnable examples of a source text: each `ts` block that follows an `@example` tag.
 *
 * An example is a whole ES module. It imports from `./<file>.ts` and from `node:`, and shows its
 * results with `node:assert/strict`.
 */
export function examplesOf(text: string): string[] {
  const blocks = text.matchAll(/^ *\* @example\n *\* ```ts\n((?: *\*.*\n)*?) *\* ```$/gm)
  return Array.from(blocks, ([, block]) => block!.replace(/^ *\* ?/gm, ''))
}

/** `example` with its imports pointing at `base`, to be run from anywhere. */
export function withImportsFrom(example: string, base: URL = folder): string {
  return example.replace(/ from '\.\/(.+?)'/g, (_, file) => ` from '${new URL(file, base)}'`)
}
