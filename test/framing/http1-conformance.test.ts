import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  cases,
  conformanceDocument,
  documentFile,
  inWords,
  record,
  recordings,
} from './http1-conformance.ts'
import { NodeServer, nodeClientVerdict, ourVerdict, type Verdict } from './http1-corpus-run.ts'

const major = process.versions.node.split('.')[0]!
const writing = process.env.HTTP1_CONFORMANCE === 'write'
// Node 20.19 came with llhttp 8: it takes much more, and refuses three things by mistake. The rules
// are asserted against it too, but the corpus does not explain its ways.
const llhttp8 = process.versions.llhttp?.startsWith('8.') ?? false
const llhttp8Mistakes = [
  'request RFC 9112 section 7.1.1: takes an extension with value',
  'request RFC 9112 section 7.1.1: takes an escaped quote in a quoted value',
  'response RFC 9112 section 6.3: takes 204 with a length',
]
const server = new NodeServer()
const nodeVerdicts = new Map<string, Verdict>()

beforeAll(async () => {
  await server.listen()
  for (const [key, side, entry] of cases) {
    const verdict = side === 'request' ? server.verdict(entry) : nodeClientVerdict(entry)
    nodeVerdicts.set(key, await verdict)
  }
  if (writing) {
    const verdicts = cases.map(([key, , entry]) => [key, inWords(nodeVerdicts.get(key)!, entry)])
    record(major, { version: process.version, verdicts: Object.fromEntries(verdicts) })
  }
})
afterAll(() => server.close())

describe('http1 takes what Node takes over a socket, or less, but where the RFC demands more:', () => {
  test.each(cases)('%s', (key, side, entry) => {
    const ours = ourVerdict(side, [Buffer.from(entry.bytes, 'latin1')], entry.method)
    const node = nodeVerdicts.get(key)!
    if (llhttp8 && llhttp8Mistakes.includes(key)) {
      expect([ours.error, node.error === null]).toEqual([null, false])
      return
    }
    if (entry.beyond !== undefined) return
    const differs =
      JSON.stringify(ours.frames) !== JSON.stringify(node.frames) ||
      (ours.error === null) !== (node.error === null)
    // Every message that we take, Node takes; and the same one, unless the corpus says why not.
    expect(ours.frames.length).toBeLessThanOrEqual(node.frames.length)
    if (entry.why === undefined || ours.error !== null) {
      expect(node.frames.slice(0, ours.frames.length)).toEqual(ours.frames)
    }
    if (node.error !== null) expect(ours.error).not.toBeNull()
    if (entry.why === undefined && !llhttp8)
      expect({ differs, node }).toEqual({ differs: false, node })
  })
})

test('http1 corpus has a name of its own for every case', () => {
  expect(new Set(cases.map(([key]) => key)).size).toBe(cases.length)
})

test('http1 corpus explains no difference that no version of Node has', () => {
  const all = Object.values(recordings())
  const idle = cases.filter(([key, , entry]) => {
    const ours = inWords(entry, entry).replace(/\(.*\)/, '')
    const differs = all.some(({ verdicts }) => verdicts[key]?.replace(/\(.*\)/, '') !== ours)
    return (entry.why !== undefined || entry.beyond !== undefined) && !differs
  })
  expect(idle.map(([key]) => key)).toEqual([])
})

test('http1 corpus has the verdicts of this very version of Node as they were recorded', () => {
  const recorded = recordings()[major]
  const live = Object.fromEntries(
    cases.map(([key, , entry]) => [key, inWords(nodeVerdicts.get(key)!, entry)]),
  )
  // Another patch release may decide otherwise; the rules above hold for it too.
  if (recorded?.version === process.version) expect(live).toEqual(recorded.verdicts)
  else expect(Object.keys(live)).toEqual(cases.map(([key]) => key))
})

test('docs/http1-conformance.md is what the corpus and the recorded verdicts say', () => {
  expect(readFileSync(documentFile, 'utf8')).toBe(conformanceDocument(recordings()))
})
