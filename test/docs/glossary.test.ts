import { describe, expect, test } from 'vitest'
import { documents } from './documents.ts'
import { glossaryTerms } from './glossary-terms.ts'

const glossary = documents.find(({ name }) => name === 'docs/glossary.md')!.text
const terms = glossaryTerms(documents)

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

/** Also as a plural, and at the beginning of a sentence, unless the case is what is wrong with it. */
function isIn(prose: string, other: string, term: string): boolean {
  const flags = other.toLowerCase() === term.toLowerCase() ? '' : 'i'
  return new RegExp(`(?<![\\w-])${other}s?(?![\\w-])`, flags).test(prose)
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
    expect(isIn('Backpressure is', 'backpressure', 'back-pressure')).toBe(true)
    expect(isIn('two UDP packets', 'UDP packet', 'datagram')).toBe(true)
    expect(isIn('an ACK', 'Ack', 'ACK')).toBe(false)
  })

  const written = documents.filter(
    // What textbooks say stands there in their words.
    ({ name }) => !['docs/glossary.md', 'docs/textbook-vs-kernel.md'].includes(name),
  )
  test.each(written)('$name uses its words', ({ text }) => {
    const prose = proseOf(text)
    const wrong = terms.flatMap(({ term, not }) =>
      not.filter(other => isIn(prose, other, term)).map(other => `"${other}": write "${term}"`),
    )
    expect(wrong).toEqual([])
  })
})
