import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '#lib/catalogue/index.ts'

/**
 * Numbers that a page shows in the output of a program: the groups of `pattern`, which is looked
 * for there.
 *
 * @throws {Error} when the page does not show them.
 */
export function numbersShown(page: string, pattern: RegExp): number[] {
  const found = pattern.exec(readFileSync(join(ROOT, page), 'utf8'))
  if (!found) throw new Error(`${page} shows no line like ${pattern.source}`)
  return found.slice(1).map(Number)
}
