/** The codecs, read from their source files: what there is to copy, to install and to document. */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A file of `lib/framing` that can be copied. */
export interface Codec {
  /** The file without its ending: `length-prefix`. */
  name: string
  /** The first sentence of the file. */
  format: string
  /** The example of its docstring, imports included. */
  example: string
  /** How a frame looks on the wire; empty for what joins codecs to streams. */
  diagram: string
  /** The functions that the file exports. */
  functions: readonly string[]
}

export interface Source {
  name: string
  text: string
}

export const framingFolder = fileURLToPath(new URL('../framing/', import.meta.url))

function textOf(name: string): string {
  return readFileSync(`${framingFolder}${name}.ts`, 'utf8')
}

/** Room for a format on a line of 100 columns, beside the longest name. */
const formatWidth = 84

/** The first sentence of the comment that a file begins with, or its part up to a comma. */
function firstSentence(text: string): string {
  const comment = /^\/\*\*\n?([\s\S]*?)(?:\n \*\s*\n|\*\/)/.exec(text)?.[1] ?? ''
  const words = comment
    .replace(/^ ?\*? ?/gm, '')
    .replace(/\s+/g, ' ')
    .trim()
  const sentence = (/^.*?\.(?= |$)/.exec(words)?.[0] ?? words).replace(/[.:]$/, '')
  return sentence.length <= formatWidth
    ? sentence
    : sentence.slice(0, sentence.lastIndexOf(',', formatWidth))
}

/** The code of the first `@example` in a file. */
function firstExample(text: string): string {
  const code = /@example\s*\n \* ```ts\n([\s\S]*?) \* ```/.exec(text)?.[1] ?? ''
  return code.replace(/^ \* ?/gm, '').trimEnd()
}

/** What the first comment of a file shows, indented by four spaces. */
function firstDiagram(text: string): string {
  const comment = /^\/\*\*\n([\s\S]*?) \*\//.exec(text)?.[1] ?? ''
  const lines = comment.split('\n').map(line => line.replace(/^ \* ?/, '').trimEnd())
  const isDrawn = (line: string) => line.startsWith('    ')
  const from = lines.findIndex(isDrawn)
  const behind = lines.findIndex((line, at) => at > from && line !== '' && !isDrawn(line))
  const drawn = from < 0 ? [] : lines.slice(from, behind < 0 ? undefined : behind)
  return drawn.join('\n').trimEnd()
}

function functionsOf(text: string): string[] {
  const found = text.matchAll(/^export (?:async )?function\*? (\w+)/gm)
  return [...new Set(Array.from(found, ([, name]) => name!))]
}

function codecOf(name: string): Codec {
  const text = textOf(name)
  return {
    name,
    format: firstSentence(text),
    example: firstExample(text),
    diagram: firstDiagram(text),
    functions: functionsOf(text),
  }
}

/** The words that all codecs share: an entry of the package, and no codec. */
const SHARED = 'frame'

/**
 * Every codec, in the order of `index.ts`, and then what joins codecs to streams. The other files of
 * `lib/framing` come along with those that import them.
 */
export function codecsInOrder(): Codec[] {
  const exported = textOf('index').matchAll(/^export \* from '\.\/([\w-]+)\.ts'$/gm)
  const codecs = Array.from(exported, ([, name]) => name!).filter(name => name !== SHARED)
  const joints = readdirSync(framingFolder)
    .filter(file => /\bstreams?\.ts$/.test(file))
    .map(file => file.slice(0, -'.ts'.length))
    .sort()
  return [...codecs, ...joints].map(codecOf)
}

/** The same by name, as a reader looks for one. */
export function codecs(): Codec[] {
  return codecsInOrder().sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** What `npm run codec -- list` prints. */
export function codecList(): string {
  const all = codecs()
  const width = Math.max(...all.map(({ name }) => name.length))
  return all.map(({ name, format }) => `${name.padEnd(width)}  ${format}`).join('\n')
}

/** The `exports` of package.json. */
export function packageExports(): Record<string, string | { types: string; default: string }> {
  const built = (name: string) => {
    return { types: `./dist/framing/${name}.d.ts`, default: `./dist/framing/${name}.js` }
  }
  const names = [...codecsInOrder().map(({ name }) => name), SHARED]
  return {
    '.': built('index'),
    ...Object.fromEntries(names.map(name => [`./${name}`, built(name)])),
    './package.json': './package.json',
  }
}

/** The codec's file and those it imports, itself first. */
export function sourcesOf({ name }: Codec): Source[] {
  const names = [name]
  const sources: Source[] = []
  for (const next of names) {
    const text = textOf(next)
    sources.push({ name: next, text })
    for (const [, imported] of text.matchAll(/^(?:import|export|\}).*from '\.\/([\w-]+)\.ts'/gm)) {
      if (!names.includes(imported!)) names.push(imported!)
    }
  }
  return sources
}
