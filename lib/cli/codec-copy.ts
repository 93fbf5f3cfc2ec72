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
import { dirname, join, resolve } from 'node:path'
import { createFilesMatcher, findTsconfig, type getTsconfig, parseTsconfig } from 'get-tsconfig'
import { type Codec, framingFolder, type Source } from '#lib/catalogue/codecs.ts'
import { makeFolder } from '#lib/program/make-folder.ts'
import { explainCode } from '#lib/program/system-error.ts'

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
export class CopyError extends Error {
  /** 1 = files would be lost or cannot be written; 2 = the command was wrong. */
  readonly exitCode: 1 | 2

  constructor(message: string, exitCode: 1 | 2) {
    super(message)
    this.exitCode = exitCode
  }
}

/**
 * How files in a folder may import each other. Without a tsconfig.json it is `ts`: Node runs such
 * files as they are from 22.18 on, and bundlers take them. Where there is one, it decides, with what
 * it extends: `ts` when it allows such imports, else `js`, which every TypeScript compiler takes.
 *
 * @throws {CopyError} when the tsconfig.json, or one that it extends, cannot be read.
 */
export function endingFor(target: string): Ending {
  const file = findTsconfig(target)
  if (file === undefined) return 'ts'
  try {
    return projectsOf(file, target).every(allowsTs) ? 'ts' : 'js'
  } catch (error) {
    const [what] = (error as Error).message.split('\n')
    throw new CopyError(`cannot read ${file}: ${what}; say --imports ts or --imports js`, 1)
  }
}

type Project = NonNullable<ReturnType<typeof getTsconfig>>['config']

/**
 * The configuration that applies to the folder: the file itself, or, where it only refers to others,
 * those of them that include a file of that folder.
 */
function projectsOf(file: string, target: string): Project[] {
  const config = parseTsconfig(file)
  const { references = [], files } = config
  if (references.length === 0 || files?.length !== 0) return [config]
  const referred = references.map(({ path }) => {
    const place = resolve(dirname(file), path)
    const isFile = place.endsWith('.json')
    const project = isFile ? place : join(place, 'tsconfig.json')
    return { path: project, config: parseTsconfig(project) }
  })
  const inside = referred.filter(one => createFilesMatcher(one)(join(target, 'frame.ts')))
  return (inside.length > 0 ? inside : referred).map(one => one.config)
}

const allowsTs = ({ compilerOptions = {} }: Project): boolean =>
  compilerOptions.allowImportingTsExtensions === true ||
  compilerOptions.rewriteRelativeImportExtensions === true

function withEnding(text: string, ending: Ending): string {
  return text.replace(/(from '\.\/[\w-]+)\.ts'/g, `$1.${ending}'`)
}

function temporaryFolder(): string {
  try {
    return mkdtempSync(join(tmpdir(), 'codec-'))
  } catch (error) {
    throw new CopyError(`cannot make a folder in ${tmpdir()}: ${explainCode(error)}`, 1)
  }
}

/** The sources as JavaScript and declarations, made by the compiler in a folder that goes away. */
function compiled(sources: readonly Source[]): Map<string, string> {
  const output = temporaryFolder()
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
    if (status !== 0) throw new CopyError(`cannot compile:\n${stdout.trim()}`, 1)
    const files = sources.flatMap(({ name }) => [`${name}.js`, `${name}.d.ts`])
    return new Map(
      files.map(file => [file, withEnding(readFileSync(join(output, file), 'utf8'), 'js')]),
    )
  } finally {
    rmSync(output, { recursive: true, force: true })
  }
}

/** Makes the folder if it is missing. Returns the topmost folder that was made. */
function makeTarget({ target, shown }: CopyOptions): string | undefined {
  try {
    if (statSync(target, { throwIfNoEntry: false })?.isDirectory() === false) {
      throw new CopyError(`${shown} is a file, expected a folder`, 2)
    }
    return makeFolder(target)
  } catch (error) {
    if (error instanceof CopyError) throw error
    throw new CopyError(`cannot make the folder ${shown}: ${explainCode(error)}`, 1)
  }
}

/** Line endings are no difference: git may have changed them, and so may an editor. */
const sameText = (one: string, other: string): boolean =>
  one.replaceAll('\r\n', '\n') === other.replaceAll('\r\n', '\n')

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
    throw new CopyError(`cannot write to ${shown}: ${explainCode(error)}`, 1)
  } finally {
    for (const place of staged) rmSync(place, { force: true })
  }
}

/** Which of the files are in the folder already, with the same content and with another one. */
function compare(files: ReadonlyMap<string, string>, { target, shown }: CopyOptions) {
  const same: string[] = []
  const different: string[] = []
  for (const [file, text] of files) {
    const place = join(target, file)
    try {
      const found = statSync(place, { throwIfNoEntry: false })
      if (found === undefined) continue
      if (!found.isFile()) throw new CopyError(`${join(shown, file)} is not a file`, 1)
      const isSame = sameText(readFileSync(place, 'utf8'), text)
      ;(isSame ? same : different).push(file)
    } catch (error) {
      if (error instanceof CopyError) throw error
      throw new CopyError(`cannot read ${join(shown, file)}: ${explainCode(error)}`, 1)
    }
  }
  return { same, different }
}

/**
 * Copies the sources and says what to do with them. A missing folder is made.
 *
 * @throws {CopyError} when the folder cannot be made or written to, or when it has a file of that
 *   name with other content.
 */
export function copySources(
  codec: Codec,
  sources: readonly Source[],
  options: CopyOptions,
): Copied {
  const { target, shown, force, js, ending } = options
  const files = js
    ? compiled(sources)
    : new Map(sources.map(({ name, text }) => [`${name}.ts`, withEnding(text, ending)]))
  const made = makeTarget(options)
  const { same, different } = compare(files, options)
  if (different.length > 0 && !force) {
    const listed = different.map(file => join(shown, file)).join(' and ')
    const be = different.length === 1 ? 'is there and different' : 'are there and different'
    throw new CopyError(`${listed} ${be}; nothing copied (--force overwrites)`, 1)
  }
  const written = [...files.keys()].filter(file => !same.includes(file))
  try {
    writeAll(new Map(written.map(file => [file, files.get(file)!])), target, shown)
  } catch (error) {
    if (made !== undefined) rmSync(made, { recursive: true, force: true })
    throw error
  }
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
