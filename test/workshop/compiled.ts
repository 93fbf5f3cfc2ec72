import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ROOT } from '../../lib/catalogue/index.ts'

/** The exercises' programs as JavaScript: Node starts that in a fifth of the time. */
export interface Compiled {
  /** Where the JavaScript of a TypeScript file is; its path begins at the root of the kit. */
  pathOf(file: string): string
  remove(): void
}

/** Compiles what learners write, what we wrote for them, and what these import. */
export function compileExercises(): Compiled {
  const folder = mkdtempSync(join(tmpdir(), 'kit-compiled-'))
  const project = join(folder, 'tsconfig.json')
  const programs = ['start.ts', 'solution.ts', 'wrong/*.ts']
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      noCheck: true, // the kit is type-checked as a whole
      rewriteRelativeImportExtensions: true,
      rootDir: ROOT,
      outDir: folder,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    include: [
      ...programs.map(each => join(ROOT, 'chapters/*/exercises/*', each)),
      join(ROOT, 'test/workshop/slow.ts'),
    ],
  }
  writeFileSync(project, JSON.stringify(config))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', project])
  return {
    pathOf: file => join(folder, file.replace(/\.ts$/, '.js')),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}
