import type { Document } from './documents.ts'

export interface Term {
  term: string
  /** What the documents do not write in its place. */
  not: string[]
  /** The page in which it can be seen. */
  page: string
}

/** The rows of the glossary, in its order. */
export function glossaryTerms(documents: readonly Document[]): Term[] {
  const { text } = documents.find(({ name }) => name === 'docs/glossary.md')!
  return [...text.matchAll(/^\| ([^|]+) \| [^|]+ \| ([^|]+) \| \[.*\]\((.*)\) \|$/gm)].map(
    ([, term = '', not = '', page = '']) => ({
      term,
      not: not === '—' ? [] : not.split(', '),
      page,
    }),
  )
}
