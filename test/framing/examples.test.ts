import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execaNode } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { examplesOf, framingFiles, withImportsFrom } from './support/examples.ts'

const codeFiles = framingFiles().filter(([name]) => name !== 'frame.ts' && name !== 'index.ts')
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framing-examples-'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
})
afterAll(() => rm(folder, { recursive: true }))

describe.each(codeFiles)('lib/framing/%s', (name, text) => {
  const examples = examplesOf(text)

  test('shows an example for each function it exports', () => {
    const functions = text.match(/^export (async )?function/gm)
    expect(functions).not.toBeNull()
    expect(examples).toHaveLength(functions!.length)
    expect(examples).toHaveLength(text.split('@example').length - 1)
  })

  test.each(examples.map((example, i) => [i + 1, example]))(
    'runs example %i',
    async (i, example) => {
      expect(example).toContain('node:assert/strict')
      const file = join(folder, `${name}-${i}.ts`)
      await writeFile(file, withImportsFrom(example))
      const { exitCode, stderr } = await execaNode(file, {
        nodeOptions: ['--import', 'tsx'],
        reject: false,
      })
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' })
    },
  )
})
