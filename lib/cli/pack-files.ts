/**
 * `prepack` and `postpack`: the README and the package.json that go into the tarball.
 *
 * The README of the repository links to chapters and documents that no package holds, and its
 * package.json names what the course needs, while the codecs need nothing. npm packs the files of
 * those names, so `swap` puts those of the package there, and `restore` undoes it. If a pack was
 * stopped in between, `restore` still brings the right files back.
 */

import { copyFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** A file as it is in the repository, where it is kept meanwhile, and what is packed in its place. */
interface Swapped {
  file: string
  kept: string
  packed: (original: string) => string
}

const swapped: readonly Swapped[] = [
  {
    file: join(root, 'README.md'),
    kept: join(root, 'dist', 'README.md'),
    packed: () => readFileSync(join(root, 'docs', 'package-readme.md'), 'utf8'),
  },
  {
    file: join(root, 'package.json'),
    kept: join(root, 'dist', 'kept-package.json'),
    packed: withoutDependencies,
  },
]

function withoutDependencies(manifest: string): string {
  const { dependencies: _, ...rest } = JSON.parse(manifest) as Record<string, unknown>
  return `${JSON.stringify(rest, null, 2)}\n`
}

const [action] = process.argv.slice(2)
if (action === 'swap') {
  for (const { file, kept, packed } of swapped) {
    const original = readFileSync(file, 'utf8')
    if (original === packed(original)) continue
    copyFileSync(file, kept)
    writeFileSync(file, packed(original))
  }
} else if (action === 'restore') {
  for (const { file, kept } of swapped) if (existsSync(kept)) renameSync(kept, file)
} else {
  console.error('usage: pack-files.ts swap|restore (npm pack runs both)')
  process.exitCode = 2
}
