/** What there is to copy, read from the source files themselves. */

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A file of `lib/framing` that can be copied. */
export interface Codec {
  /** The file without its ending: `length-prefix`. */
  name: string
  /** The first sentence of the file. */
  format: string
  /** The example of its docstring, imports included. */
  example: string
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

/** Entries of the package that are no codec: all codecs at once, and the words that they share. */
const NO_CODECS = ['.', './frame', './package.json']

/**
 * Every codec, and what joins codecs to streams: the entries of the package. The other files of
 * `lib/framing` come along with those that import them.
 */
export function codecs(): Codec[] {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { exports } = JSON.parse(manifest) as { exports: Record<string, unknown> }
  return Object.keys(exports)
    .filter(entry => !NO_CODECS.includes(entry))
    .map(entry => entry.slice('./'.length))
    .sort()
    .map(name => {
      const text = textOf(name)
      return { name, format: firstSentence(text), example: firstExample(text) }
    })
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
