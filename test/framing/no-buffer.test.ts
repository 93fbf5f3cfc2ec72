import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa, execaNode } from 'execa'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codecs, sourcesOf } from '#lib/catalogue/codecs.ts'
import { framingFiles } from './support/examples.ts'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framing-bare-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('codecs all run on plain Uint8Arrays in a context without Buffer', async () => {
  const tsc = here('../../node_modules/typescript/bin/tsc')
  const options = `--ignoreConfig --target es2023 --module nodenext --types node --strict
    --skipLibCheck --rewriteRelativeImportExtensions`.split(/\s+/)
  const places = ['--rootDir', here('../..'), '--outDir', folder]
  await execaNode(tsc, [here('support/bare-checks.ts'), ...options, ...places])
  const { stdout } = await execaNode(
    here('support/bare-context.ts'),
    [join(folder, 'test/framing/support/bare-checks.js')],
    { nodeOptions: ['--import', 'tsx', '--experimental-vm-modules', '--no-warnings'] },
  )
  const functions = codecs().flatMap(codec => (/stream/.test(codec.name) ? [] : codec.functions))
  expect(stdout).toBe(functions.toSorted().join(' '))
})

test('codecs can be imported where the runtime has no worker threads', async () => {
  const code = `process.getBuiltinModule = () => undefined
    const { lengthPrefix } = await import(${JSON.stringify(here('../../lib/framing/index.ts'))})
    console.log(lengthPrefix().encode(Buffer.from('hi')).length)`
  const words = ['--import', 'tsx', '--input-type', 'module', '--eval', code]
  const { stdout } = await execa(process.execPath, words)
  expect(stdout).toBe('6')
})

const FOREIGN: Record<string, string[]> = {
  'stream.ts': ['node:stream'],
  'stream-reader.ts': ['node:stream'],
  'stream-transform.ts': ['node:stream'],
  'stream-writer.ts': ['node:net', 'node:stream'],
}

test('codecs import nothing but files of lib/framing; only stream.ts and its parts import Node', () => {
  const files = framingFiles()
  for (const [name, source] of files) {
    const code = source.replace(/^ *\*.*$/gm, '')
    const imports = Array.from(code.matchAll(/\b(?:from|import) '(.+?)'/g), ([, from]) => from!)
    const foreign = imports.filter(from => !files.some(([file]) => from === `./${file}`))
    expect({ name, foreign }).toEqual({
      name,
      foreign: FOREIGN[name] ?? [],
    })
    expect(code).not.toMatch(/\bimport\(|\brequire\(/)
  }
})

/** What joins HTTP to streams cannot be used without what it joins. */
const JOINED: Record<string, string[]> = {
  'http1-stream': ['http1', 'stream'],
  'http1-web-streams': ['http1'],
}

test('codecs need no other codec, and no stream: only the streams of http1 need something', () => {
  const entries = codecs()
  for (const codec of entries) {
    const needed = sourcesOf(codec).map(({ name }) => name)
    const others = entries.filter(({ name }) => name !== codec.name && needed.includes(name))
    expect({ name: codec.name, others: others.map(({ name }) => name) }).toEqual({
      name: codec.name,
      others: JOINED[codec.name] ?? [],
    })
  }
})
