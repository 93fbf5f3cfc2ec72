import { describe, expect, test } from 'vitest'
import { type CorpusEntry, requestCorpus, responseCorpus } from './http1-corpus.ts'
import { ourVerdict } from './http1-corpus-run.ts'
import { allCuts } from './support/cuts.ts'

function clauseInWords(entry: CorpusEntry): string {
  return `RFC ${entry.clause.replace('§', 'section ')}`
}

describe.each([
  ['http1Request', 'request', requestCorpus],
  ['http1Response', 'response', responseCorpus],
] as const)('%s', (_, side, corpus) => {
  test.each(corpus.map(entry => [entry.name, clauseInWords(entry), entry] as const))(
    '%s: %s',
    (_name, _clause, entry) => {
      const { bytes, frames, error, method } = entry
      const stream = Buffer.from(bytes, 'latin1')
      const whole = ourVerdict(side, [stream], method)
      expect({ frames: whole.frames, error: whole.error }).toEqual({ frames, error })
      for (const [cut, chunks] of allCuts(stream)) {
        for (const mode of ['read', 'next', 'late', 'reuse'] as const) {
          const verdict = ourVerdict(side, chunks, method, mode)
          expect({ cut, mode, ...verdict }).toEqual({ cut, mode, ...whole })
        }
      }
    },
  )
})
