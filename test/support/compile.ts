import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { ROOT } from '../../lib/catalogue/index.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A folder with the kit's programs as JavaScript, under the same paths. */
    compiled: string
  }
}

/**
 * Compiles the programs of the chapters once for all tests: Node starts JavaScript in a fifth of the
 * time that it takes with `--import tsx`, and the tests start more than a thousand programs. That
 * each example also runs as its npm script says is a test of its own (`test/cli/start.test.ts`).
 */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'kit-compiled-'))
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      noEmit: false,
      noCheck: true, // the kit is type-checked as a whole
      inlineSourceMap: true,
      rewriteRelativeImportExtensions: true,
      rootDir: ROOT,
      outDir: folder,
      typeRoots: [join(ROOT, 'node_modules/@types')],
    },
    include: [join(ROOT, 'chapters'), join(ROOT, 'test/workshop/slow.ts')],
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}')
  const tsc = createRequire(import.meta.url).resolve('typescript/package.json')
  execFileSync(process.execPath, [join(tsc, '../bin/tsc'), '-p', folder], { stdio: 'inherit' })
  project.provide('compiled', folder)
  return () => rmSync(folder, { recursive: true, force: true })
}
