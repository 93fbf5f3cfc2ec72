/** Copies source files into a folder: all of them, or none. */

import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type Codec, framingFolder, type Source } from './codec-catalogue.ts'

/** How an import of a neighbouring file ends. */
export type Ending = 'ts' | 'js'

export interface CopyOptions {
  target: string
  /** The folder as the reader wrote it. */
  shown: string
  force: boolean
  js: boolean
  ending: Ending
}

export interface Copied {
  folder: string
  written: string[]
  /** Files that were there already, with the same content. */
  same: string[]
  example: string
  /** Codecs that the example uses and the folder lacks. */
  missing: string[]
}

/** Nothing was copied, and why. */
export class CopyRefusal extends Error {
  /** 1 = files would be lost or cannot be written; 2 = the command was wrong. */
  readonly exitCode: 1 | 2

  constructor(message: string, exitCode: 1 | 2) {
    super(message)
    this.exitCode = exitCode
  }
}

/**
 * How files in a folder may import each other: `ts` when the nearest tsconfig.json allows that, else
 * `js`, which every compiler and bundler of TypeScript understands.
 */
export function endingFor(target: string): Ending {
  for (let folder = target; ; folder = dirname(folder)) {
    const config = join(folder, 'tsconfig.json')
    if (existsSync(config)) {
      const text = readFileSync(config, 'utf8').replace(/^\s*\/\/.*$|\/\*[\s\S]*?\*\//gm, '')
      const allowed = /"(?:allowImportingTsExtensions|rewriteRelativeImportExtensions)"\s*:\s*true/
      return allowed.test(text) ? 'ts' : 'js'
    }
    if (folder === dirname(folder)) return 'js'
  }
}

function withEnding(text: string, ending: Ending): string {
  return text.replace(/(from '\.\/[\w-]+)\.ts'/g, `$1.${ending}'`)
}

/** The sources as JavaScript and declarations, made by the compiler in a folder that goes away. */
function compiled(sources: readonly Source[]): Map<string, string> {
  const output = mkdtempSync(join(tmpdir(), 'codec-'))
  try {
    const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
    const { bin } = JSON.parse(readFileSync(manifest, 'utf8')) as { bin: { tsc: string } }
    const project = join(framingFolder, '..', '..', 'tsconfig.build.json')
    const options = ['--outDir', output, '--sourceMap', 'false', '--declarationMap', 'false']
    const { status, stdout } = spawnSync(
      process.execPath,
      [join(dirname(manifest), bin.tsc), '--project', project, ...options],
      { encoding: 'utf8' },
    )
    if (status !== 0) throw new CopyRefusal(`cannot compile:\n${stdout.trim()}`, 1)
    const files = sources.flatMap(({ name }) => [`${name}.js`, `${name}.d.ts`])
    return new Map(
      files.map(file => [file, withEnding(readFileSync(join(output, file), 'utf8'), 'js')]),
    )
  } finally {
    rmSync(output, { recursive: true, force: true })
  }
}

function checkFolder({ target, shown }: CopyOptions): void {
  const found = statSync(target, { throwIfNoEntry: false })
  if (found === undefined) throw new CopyRefusal(`no folder ${shown}: make it first`, 2)
  if (!found.isDirectory()) throw new CopyRefusal(`${shown} is a file, expected a folder`, 2)
}

/** Writes beside each place first and renames at the end, so that no file is ever half there. */
function writeAll(files: ReadonlyMap<string, string>, target: string, shown: string): void {
  const staged: string[] = []
  try {
    for (const [file, text] of files) {
      const place = join(target, `.${file}.${process.pid}`)
      staged.push(place)
      writeFileSync(place, text, { flag: 'wx' })
    }
    for (const file of files.keys()) renameSync(staged.shift()!, join(target, file))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new CopyRefusal(`cannot write to ${shown}: ${code ?? String(error)}`, 1)
  } finally {
    for (const place of staged) rmSync(place, { force: true })
  }
}

/**
 * Copies the sources and says what to do with them.
 *
 * @throws {CopyRefusal} when the folder is not there, or a file with other content is.
 */
export function copySources(
  codec: Codec,
  sources: readonly Source[],
  options: CopyOptions,
): Copied {
  const { target, shown, force, js, ending } = options
  checkFolder(options)
  const files = js
    ? compiled(sources)
    : new Map(sources.map(({ name, text }) => [`${name}.ts`, withEnding(text, ending)]))
  const same: string[] = []
  const different: string[] = []
  for (const [file, text] of files) {
    const place = join(target, file)
    const found = statSync(place, { throwIfNoEntry: false })
    if (found === undefined) continue
    if (!found.isFile()) throw new CopyRefusal(`${join(shown, file)} is not a file`, 1)
    if (readFileSync(place, 'utf8') === text) same.push(file)
    else different.push(file)
  }
  if (different.length > 0 && !force) {
    const listed = different.map(file => join(shown, file)).join(' and ')
    const be = different.length === 1 ? 'is there and different' : 'are there and different'
    throw new CopyRefusal(`${listed} ${be}; nothing copied (--force overwrites)`, 1)
  }
  const written = [...files.keys()].filter(file => !same.includes(file))
  writeAll(new Map(written.map(file => [file, files.get(file)!])), target, shown)
  const used = [...codec.example.matchAll(/from '\.\/([\w-]+)\.ts'/g)].map(([, name]) => name!)
  const suffix = js ? 'js' : 'ts'
  return {
    folder: shown,
    missing: used.filter(name => !existsSync(join(target, `${name}.${suffix}`))),
    written: written.map(file => join(shown, file)),
    same: same.map(file => join(shown, file)),
    example: withEnding(codec.example, ending),
  }
}
