import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execaNode } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codecs } from '#lib/catalogue/codecs.ts'
import { spread } from '../support/slow.ts'
import { examplesOf, framingFiles, withImportsFrom } from './support/examples.ts'

const entries = codecs().map(({ name }) => `${name}.ts`)
const codeFiles = framingFiles().filter(([name]) => entries.includes(name))
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framing-examples-'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
})
afterAll(() => rm(folder, { recursive: true }))

test.each(codeFiles)('lib/framing/%s shows an example for each function it exports', (_, text) => {
  const functions = text.match(/^export (async )?function/gm)
  expect(functions).not.toBeNull()
  expect(examplesOf(text)).toHaveLength(functions!.length)
})

test.each(codecs().filter(({ name }) => !/stream/.test(name)))(
  'lib/framing/$name.ts shows the wire format in its first comment, indented by four spaces',
  ({ diagram }) => expect(diagram).not.toBe(''),
)

const withExamples = framingFiles().filter(([, text]) => text.includes('@example'))
test('http1-types.ts has an example, though no function', () => {
  expect(withExamples.map(([name]) => name).toSorted()).toEqual(
    [...codeFiles.map(([name]) => name), 'http1-types.ts'].toSorted(),
  )
})

describe.each(withExamples)('lib/framing/%s', (name, text) => {
  const examples = examplesOf(text)

  test('has each of its examples in a form that is run here', () => {
    expect(examples).toHaveLength(text.split('@example').length - 1)
  })

  test.each(
    spread(
      examples.map((example, i) => [i + 1, example] as const),
      1,
      examples.length,
    ),
  )('runs example %i', async (i, example) => {
    expect(example).toContain('node:assert/strict')
    const file = join(folder, `${name}-${i}.ts`)
    await writeFile(file, withImportsFrom(example))
    const { exitCode, stderr } = await execaNode(file, {
      nodeOptions: ['--import', 'tsx'],
      reject: false,
    })
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
  })
})

/** The comments that stand before the declarations of the pattern's kind. */
function commentsBefore(text: string, declaration: RegExp): string[] {
  const comments = text.matchAll(/\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n([^\n]*)/g)
  return Array.from(comments)
    .filter(([, , line]) => declaration.test(line!))
    .map(([, comment]) => comment!)
}

test.each(codeFiles.filter(([name]) => !/stream/.test(name)))(
  'lib/framing/%s says that a codec, and its encode(), throws RangeError',
  (_, text) => {
    const comments = commentsBefore(text, /^export function/)
    expect(comments.length).toBeGreaterThan(0)
    for (const comment of comments) {
      expect(comment).toMatch(
        /@throws \{RangeError\} when [^@]* and from `encode\(\)` when [^@]*\./,
      )
    }
  },
)

test.each([
  ['frame.ts', /^ {2}(next|read|end)\(\)/, 3],
  ['http1-types.ts', /^ {2}(next|rest)\(\): \w+$/, 2],
] as const)(
  'lib/framing/%s says what a decoder throws when the stream is lost',
  (name, method, n) => {
    const [, text] = framingFiles().find(([file]) => file === name)!
    const comments = commentsBefore(text, method)
    expect(comments).toHaveLength(n)
    for (const comment of comments) expect(comment).toContain('@throws {FrameError}')
  },
)
