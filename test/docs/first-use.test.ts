import { describe, expect, test } from 'vitest'
import { type Document, documents } from './documents.ts'
import { glossaryTerms } from './glossary-terms.ts'

/** The pages that are read one after the other. */
const chapters = documents.filter(({ name }) => /^chapters\/\d\d-[^/]+\/README\.md$/.test(name))

/**
 * What a chapter says in sentences, with its marks for emphasis and links. Left out: code and
 * output, headings and lists of what follows (they announce), the names of sources.
 */
function sentencesOf(text: string): string {
  return text
    .replace(/^## Sources$[\s\S]*/m, '')
    .replaceAll(
      /<!-- (table: (examples|exercises?|navigation|next)|source|timeline|output|session)[\s\S]*?<!-- end -->/g,
      '',
    )
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .replaceAll(/<!--[\s\S]*?-->/g, '')
    .replaceAll(/^#.*$/gm, '')
    .replaceAll(/!\[[\s\S]*?\]\([^)]*\)/g, '')
    .replaceAll(/^\*[^*]+\?\*$/gm, '')
    .replaceAll(/\s+/g, ' ')
}

/** A term as it may stand in a sentence: as a plural, and in capitals at the beginning. */
function patternOf(term: string): RegExp {
  const escaped = term.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const first = /^[a-z]/.test(term)
    ? `[${term[0]}${term[0]!.toUpperCase()}]${escaped.slice(1)}`
    : escaped
  return new RegExp(`(?<![\\w-])${first}(?:s|es)?(?![\\w-])`, 'g')
}

interface Found {
  at: number
  isExplained: boolean
}

/**
 * The first place where a term is used. It counts as explained in bold, or as the text of a link to
 * the glossary. What stands between backticks is a name in a program, except where the glossary has
 * the term in backticks.
 */
function firstUse(sentences: string, term: string): Found | undefined {
  const isCode = term.startsWith('`')
  // Code keeps its length, so that places stay comparable.
  const words = isCode
    ? sentences
    : sentences.replaceAll(/`[^`]*`/g, code => '`'.repeat(code.length))
  const at = patternOf(term).exec(words)?.index
  if (at === undefined) return undefined
  const explained = [
    ...words.matchAll(/\*\*.+?\*\*/g),
    ...words.matchAll(/\[[^\]]+\]\([^)]*glossary\.md\)/g),
  ]
  const isExplained = explained.some(
    ({ index, 0: { length } }) => index <= at && at < index + length,
  )
  return { at, isExplained }
}

/** The terms that one of the pages uses before it, or an earlier one, explains them. */
function usedBeforeExplained(pages: readonly Document[], terms: readonly string[]): string[] {
  return terms.flatMap(term => {
    for (const { name, text } of pages) {
      const sentences = sentencesOf(text)
      const found = firstUse(sentences, term)
      if (!found) continue
      if (found.isExplained) return []
      return [
        `${name} uses "${term}" unexplained: …${sentences.slice(found.at - 40, found.at + 40)}…`,
      ]
    }
    return []
  })
}

const terms = glossaryTerms(documents)

describe('the chapters in their order', () => {
  test('explain each term of the glossary where they use it first', () => {
    const wrong = usedBeforeExplained(
      chapters,
      terms.map(({ term }) => term),
    )
    expect(wrong, 'put the term in bold where a sentence explains it, or link it').toEqual([])
  })

  test('do not explain a term first in a later chapter than the glossary says', () => {
    const wrong = terms.flatMap(({ term, page }) => {
      const chapter = /chapters\/(\d\d)/.exec(page)?.[1]
      const first = chapters.find(({ text }) => firstUse(sentencesOf(text), term))
      const used = /chapters\/(\d\d)/.exec(first?.name ?? '')?.[1]
      if (chapter === undefined || used === undefined || used <= chapter) return []
      return [`"${term}": the glossary says chapter ${chapter}, its first use is in ${used}`]
    })
    expect(wrong).toEqual([])
  })
})

describe('a term', () => {
  const page = (text: string): Document[] => [{ name: 'page.md', text }]
  const isFine = (text: string, term = 'segment') =>
    usedBeforeExplained(page(text), [term]).length === 0

  test('is explained in bold, or by a link to the glossary', () => {
    expect(isFine('A **segment** is what TCP sends. Segments are short.')).toBe(true)
    expect(isFine('Most **segments are short**.')).toBe(true)
    expect(isFine('The [segments](../../docs/glossary.md) are short.')).toBe(true)
  })

  test('is not explained by anything else', () => {
    expect(isFine('Segments are short. A **segment** is what TCP sends.')).toBe(false)
    expect(isFine('An *italic segment* is not explained.')).toBe(false)
    expect(isFine('The [segments](../06-shutdown/README.md) come later.')).toBe(false)
    expect(isFine('**Bold** segment **bold**.')).toBe(false)
    expect(isFine('See `tx 0`. A **`tx 0`** is an empty queue.', '`tx 0`')).toBe(false)
  })

  test('is not looked for in code, headings, pictures and the lists of what follows', () => {
    expect(isFine('# Segment\n\n![a segment](x.svg)\n\n```ts\nsegment\n```\n`segment`\n')).toBe(
      true,
    )
    expect(isFine('<!-- table: examples 01 -->\n| segment |\n<!-- end -->\n')).toBe(true)
    expect(isFine('<!-- table: claims 01 -->\n| segment |\n<!-- end -->\n')).toBe(false)
    expect(isFine('## Sources\n\n- RFC 1: the segment\n')).toBe(true)
    expect(isFine('A segmentation, a sub-segment.')).toBe(true)
  })
})
