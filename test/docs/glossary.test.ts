import { describe, expect, test } from 'vitest'
import { documents } from './documents.ts'

interface Term {
  term: string
  /** What the documents do not write in its place. */
  not: string[]
}

const glossary = documents.find(({ name }) => name === 'docs/glossary.md')!.text
const terms: Term[] = [...glossary.matchAll(/^\| ([^|]+) \| [^|]+ \| ([^|]+) \| \[.*\) \|$/gm)].map(
  ([, term = '', not = '']) => ({ term, not: not === '—' ? [] : not.split(', ') }),
)

/** What a reader reads as sentences: without code, comments, links' targets, and quoted textbooks. */
function proseOf(text: string): string {
  return text
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .replaceAll(/<!--[\s\S]*?-->/g, '')
    .replaceAll(/`[^`]*`/g, '')
    .replaceAll(/\]\([^)]*\)/g, ']')
    .replaceAll(/["“][^"”]*["”]/g, '')
    .replaceAll(/\s+/g, ' ')
}

describe('docs/glossary.md', () => {
  test('is in alphabetical order, each term once, each with a page that exists', () => {
    const names = terms.map(({ term }) => term.toLowerCase())
    expect(names.length).toBeGreaterThan(40)
    expect(names).toEqual([...new Set(names)].toSorted((a, b) => a.localeCompare(b, 'en')))
    const rows = glossary.match(/^\| (?!term|---)/gm)
    expect(rows).toHaveLength(terms.length) // no row has another form
  })

  test('reads prose and nothing else', () => {
    const text =
      'Say back-pressure.\n```sh\nbackpressure\n```\nNot `backpressure` [x](backpressure).'
    expect(proseOf(text)).not.toContain('backpressure')
    expect(proseOf('A line of back\npressure.')).toContain('back pressure')
  })

  const written = documents.filter(
    // What textbooks say stands there in their words.
    ({ name }) => !['docs/glossary.md', 'docs/textbook-vs-kernel.md'].includes(name),
  )
  test.each(written)('$name uses its words', ({ text }) => {
    const prose = proseOf(text)
    const wrong = terms.flatMap(({ term, not }) =>
      not
        .filter(other => new RegExp(`(?<![\\w-])${other}(?![\\w-])`).test(prose))
        .map(other => `"${other}": write "${term}"`),
    )
    expect(wrong).toEqual([])
  })
})
