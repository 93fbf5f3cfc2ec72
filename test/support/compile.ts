import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { ROOT } from '#lib/catalogue/index.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** A folder with the kit's programs as JavaScript, under the same paths. */
    compiled: string
    /** A copy of the kit's folder, in which its commands start in less time. */
    kit: string
  }
}

/** All projects share one. */
const shared = globalThis as { [key: symbol]: { folder: string; users: number } | undefined }
const SHARED = Symbol.for('socket-tutorial-kit: compiled')

/**
 * Compiles the programs of the kit once for all tests: Node starts JavaScript in a fifth of the time
 * that it takes with `--import tsx`, and the tests start more than a thousand programs. The kit's
 * commands run in a copy, in which tsx finds everything compiled already.
 *
 * With SLOW=1, `test/cli/start.test.ts` also runs each example the way a reader does, where tsx
 * compiles the files.
 */
export default function setup(project: TestProject): () => void {
  shared[SHARED] ??= { folder: prepare(), users: 0 }
  const { folder } = shared[SHARED]
  shared[SHARED].users++
  project.provide('compiled', join(folder, 'compiled'))
  project.provide('kit', join(folder, 'kit/'))
  return () => {
    if (--shared[SHARED]!.users > 0) return
    shared[SHARED] = undefined
    rmSync(folder, { recursive: true, force: true })
  }
}

function prepare(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'kit-compiled-')))
  compile(join(folder, 'compiled'))
  copy(join(folder, 'kit'))
  return folder
}

const PROGRAMS = ['chapters', 'lib', 'bench', 'test/workshop/slow.ts']

function compile(folder: string): void {
  mkdirSync(folder)
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
    include: PROGRAMS.map(path => join(ROOT, path)),
  }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
  // Programs may import packages: `lib/program/random.ts` does.
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction')
  const imports = { '#lib/*.ts': './lib/*.js' }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', imports }))
  const tsc = createRequire(import.meta.url).resolve('typescript/package.json')
  execFileSync(process.execPath, [join(tsc, '../bin/tsc'), '-p', folder], { stdio: 'inherit' })
}

const NOT_COPIED = new Set(['node_modules', '.git', 'dist', 'workspace', 'coverage'])

const withoutPackages = {
  recursive: true,
  filter: (from: string) => basename(from) !== 'node_modules',
}

/** The kit's files, and its packages with another tsx. */
function copy(folder: string): void {
  for (const name of readdirSync(ROOT)) {
    if (!NOT_COPIED.has(name)) cpSync(join(ROOT, name), join(folder, name), withoutPackages)
  }
  const packages = join(folder, 'node_modules')
  mkdirSync(packages)
  const link = (from: string, to: string) => symlinkSync(from, to, 'junction')
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name === 'tsx' || name.startsWith('.')) continue
    link(join(ROOT, 'node_modules', name), join(packages, name))
  }
  cpSync(join(ROOT, 'test/support/quick-tsx'), join(packages, 'tsx'), { recursive: true })
  link(join(ROOT, 'node_modules/tsx'), join(packages, 'tsx/real'))
  const compared = join(ROOT, 'bench/node_modules')
  if (existsSync(compared)) link(compared, join(folder, 'bench/node_modules'))
}
