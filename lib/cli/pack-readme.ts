/**
 * `prepack` and `postpack`: the page that goes into the tarball as its README.
 *
 * The README of the repository links to chapters and documents that no package holds. npm packs
 * whatever `README.md` is, so `swap` puts the page of the package there, and `restore` undoes it. If
 * a pack was stopped in between, `restore` still brings the right file back.
 */

import { copyFileSync, existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const readme = join(root, 'README.md')
const page = join(root, 'docs', 'package-readme.md')
const kept = join(root, 'dist', 'README.md')

const [action] = process.argv.slice(2)
if (action === 'swap') {
  if (!readFileSync(readme).equals(readFileSync(page))) copyFileSync(readme, kept)
  copyFileSync(page, readme)
} else if (action === 'restore') {
  if (existsSync(kept)) renameSync(kept, readme)
} else {
  console.error('usage: pack-readme.ts swap|restore (npm pack runs both)')
  process.exitCode = 2
}
