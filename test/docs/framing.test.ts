import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execaNode } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { spread, withSome } from '../support/slow.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const text = await readFile(join(root, 'docs/framing.md'), 'utf8')

interface Block {
  language: string
  code: string
  /** The heading above it. */
  heading: string
}

function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = []
  let heading = ''
  for (const [part] of markdown.matchAll(/^#+ .*$|^```\w+\n[\s\S]*?^```$/gm)) {
    if (part.startsWith('#')) heading = part.replace(/^#+ /, '')
    else {
      const [fence, ...lines] = part.split('\n')
      blocks.push({
        language: fence!.slice(3),
        code: `${lines.slice(0, -1).join('\n')}\n`,
        heading,
      })
    }
  }
  return blocks
}

const blocks = blocksOf(text)
const inLanguage = (language: string): Block[] =>
  blocks.filter(block => block.language === language)

let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'framing-docs-'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
})
afterAll(() => rm(folder, { recursive: true }))

async function run(script: string, words: string[]) {
  const { exitCode, stdout, stderr } = await execaNode(script, words, {
    cwd: root,
    nodeOptions: ['--import', 'tsx'],
    env: { npm_lifecycle_event: '' },
    reject: false,
  })
  return { exitCode, stdout, stderr }
}

test('docs/framing.md has blocks of known languages only', () => {
  expect(new Set(blocks.map(({ language }) => language))).toEqual(new Set(['text', 'ts', 'sh']))
})

describe('docs/framing.md, a program', () => {
  const programs = inLanguage('ts').map(({ heading, code }) => [heading, code] as const)

  test.concurrent.each(spread(programs, 4, programs.length))(
    'under "%s" runs',
    async (heading, code) => {
      expect(code).toContain("from 'node:assert/strict'")
      const file = join(folder, `${heading.replaceAll(/\W+/g, '-')}.ts`)
      const framing = join(root, 'lib/framing/')
      await writeFile(file, code.replaceAll("from './", `from '${framing}`))
      expect(await run(file, [])).toEqual({ exitCode: 0, stdout: '', stderr: '' })
    },
  )

  test('compiles strictly, all of them', async () => {
    const project = join(folder, 'types')
    await mkdir(project)
    const framing = join(root, 'lib/framing/')
    for (const [i, [, code]] of programs.entries()) {
      await writeFile(join(project, `${i}.ts`), code.replaceAll("from './", `from '${framing}`))
    }
    const compilerOptions = {
      ...{ strict: true, noUncheckedIndexedAccess: true, noEmit: true, skipLibCheck: true },
      ...{ module: 'nodenext', target: 'es2023', allowImportingTsExtensions: true },
      ...{ types: ['node'], typeRoots: [join(root, 'node_modules/@types')] },
    }
    const config = { compilerOptions, include: ['*.ts'] }
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(config))
    await writeFile(join(project, 'package.json'), '{ "type": "module" }')
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const { stdout } = await execaNode(tsc, ['--project', project], { reject: false })
    expect(stdout).toBe('')
  })
})

describe('docs/framing.md, a command', () => {
  const commands = inLanguage('sh').flatMap(({ code }) => code.trim().split('\n'))

  test('is one that a test runs', () => {
    expect(commands.map(command => command.replace(/ [.]{2}\/.*$/, ''))).toEqual([
      'npm run codec -- list',
      'npm run codec -- copy length-prefix',
      'npm run codec -- copy stream',
      'npm pack', // this one and the next two: test/framing/package.test.ts
      'cd',
      'npm install',
    ])
  })

  test('of npm run codec works as it stands', async () => {
    const scripts = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).scripts
    expect(scripts.codec).toBe('exec node --import tsx lib/cli/codec.ts')
    const source = join(folder, 'my-app/src')
    await mkdir(source, { recursive: true })
    for (const command of commands.filter(line => line.startsWith('npm run codec -- '))) {
      const words = command.slice('npm run codec -- '.length).split(' ')
      const real = words.map(word => (word === '../my-app/src' ? source : word))
      expect(await run('lib/cli/codec.ts', real)).toMatchObject({ exitCode: 0, stderr: '' })
    }
    expect((await readdir(source)).toSorted()).toEqual([
      'codec-base.ts',
      'frame.ts',
      'length-prefix.ts',
      'stream-reader.ts',
      'stream-transform.ts',
      'stream-types.ts',
      'stream-writer.ts',
      'stream.ts',
    ])
  })

  test.runIf(withSome)('installs the file that npm pack makes', async () => {
    const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const file = `../${manifest.name}/${manifest.name}-${manifest.version}.tgz`
    expect(commands.at(-1)).toBe(`npm install ${file}`)
  })
})

test('docs/framing.md links only to what is there', async () => {
  const headings = [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  )
  const files = await readdir(join(root, 'docs'))
  for (const [, target] of text.matchAll(/\]\(([^)]+)\)/g)) {
    if (target!.startsWith('#')) expect(headings).toContain(target!.slice(1))
    else expect(files).toContain(target!.split('#')[0])
  }
})
