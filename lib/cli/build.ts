/** `npm run build`: `lib/framing` as a package, JavaScript and declarations in `dist/framing`. */

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runCommand } from './run-command.ts'

const USAGE = `Compiles lib/framing into dist/framing: JavaScript and declarations, for the package.

usage: npm run build`

const root = fileURLToPath(new URL('../../', import.meta.url))
const dist = join(root, 'dist', 'framing')

/** The compiler's own entry, so that the build needs no shell and no PATH. */
function compiler(): string {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { tsc: string } }
  return join(dirname(manifest), bin.tsc)
}

await runCommand({ name: 'npm run build', usage: USAGE, wordless: true, run: build })

function build(): number {
  // Files of an earlier build would be packed too.
  rmSync(dist, { recursive: true, force: true })
  const project = join(root, 'tsconfig.build.json')
  const { status } = spawnSync(process.execPath, [compiler(), '--project', project], {
    stdio: 'inherit',
  })
  if (status !== 0) return status ?? 1
  correctDeclarations()
  return 0
}

/** The compiler writes `./frame.js` into the JavaScript, but leaves `./frame.ts` in the declarations. */
function correctDeclarations(): void {
  for (const name of readdirSync(dist).filter(file => file.endsWith('.d.ts'))) {
    const file = join(dist, name)
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replace(/^((?:import|export|}) .*from '\.\/[\w-]+)\.ts'/gm, "$1.js'"))
  }
}
