import { existsSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { execa, execaNode } from 'execa'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { codecs, packageExports, sourcesOf } from '#lib/catalogue/codecs.ts'
import { withSome } from '../support/slow.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

const tsx = createRequire(import.meta.url).resolve('tsx')

interface Manifest {
  name: string
  exports: Record<string, string | { types: string; default: string }>
  dependencies?: Record<string, string>
}

let workshop: string
let tarball: string
let repository: string
let manifest: Manifest

/** What a user imports: `socket-tutorial-kit`, `socket-tutorial-kit/length-prefix` … */
function entries(): string[] {
  return Object.keys(manifest.exports)
    .filter(path => path !== './package.json')
    .map(path => manifest.name + path.slice(1))
}

/** Node as a user starts it: without what this test run was started with. */
const plain = { nodeOptions: [], env: { NODE_OPTIONS: '' } }

beforeAll(async () => {
  workshop = await mkdtemp(join(tmpdir(), 'package-'))
  manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Manifest
  // `npm pack` builds and changes README.md for a moment (prepack), so it has a copy to do it in.
  repository = join(workshop, 'repository')
  const skipped = /^(\.git|node_modules|dist|chapters|test|bench|lint)$/
  await cp(root, repository, {
    recursive: true,
    filter: from => !skipped.test(relative(root, from)),
  })
  await symlink(join(root, 'node_modules'), join(repository, 'node_modules'), 'junction')
  await execa('npm', ['pack', '--pack-destination', workshop], { cwd: repository })
  const packed = (await readdir(workshop)).filter(file => file.endsWith('.tgz'))
  tarball = join(workshop, packed[0]!)
}, 120_000)
afterAll(() => rm(workshop, { recursive: true }))

/** A project that has installed the tarball and nothing else. */
async function scratchProject(name: string): Promise<string> {
  const project = join(workshop, name)
  await mkdir(project)
  await writeFile(join(project, 'package.json'), '{ "type": "module", "private": true }')
  await execa('npm', ['install', '--offline', '--no-audit', '--no-fund', tarball], {
    cwd: project,
  })
  return project
}

test('package.json exports every codec (npm run docs:sync)', () => {
  expect(manifest.exports).toEqual(packageExports())
})

test('lib/framing/index.ts exports every codec: other files are imported by one', async () => {
  const files = (await readdir(join(root, 'lib/framing'))).map(file => file.slice(0, -'.ts'.length))
  const needed = codecs().flatMap(codec => sourcesOf(codec).map(({ name }) => name))
  const left = files.filter(name => name !== 'index' && !needed.includes(name))
  expect(left, 'add a line to lib/framing/index.ts').toEqual([])
  expect(codecs().map(({ name }) => name)).not.toContain('codec-base')
})

test('the package has no dependencies: those in package.json are what the course needs', async () => {
  expect(Object.keys(manifest.dependencies ?? {})).toContain('tsx')
  const { stdout } = await execa('tar', ['-xzOf', tarball, 'package/package.json'])
  const { dependencies, ...packed } = JSON.parse(stdout) as Manifest
  expect(dependencies).toBeUndefined()
  expect({ ...packed, dependencies: manifest.dependencies }).toEqual(manifest)
})

test('the package holds the built codecs and their sources, and nothing else', async () => {
  const { stdout } = await execa('tar', ['-tzf', tarball])
  const files = stdout.split('\n').toSorted()
  const names = (await readdir(join(root, 'lib/framing'))).map(file => file.slice(0, -'.ts'.length))
  const built = names.flatMap(name =>
    ['js', 'js.map', 'd.ts', 'd.ts.map'].map(ending => `package/dist/framing/${name}.${ending}`),
  )
  const sources = names.map(name => `package/lib/framing/${name}.ts`)
  const rest = files.filter(file => !built.includes(file) && !sources.includes(file))
  expect(files).toEqual(expect.arrayContaining([...built, ...sources]))
  expect(rest).toEqual(['package/LICENSE', 'package/README.md', 'package/package.json'])
})

test('the README of the package links to nothing that the package does not hold', async () => {
  const { stdout } = await execa('tar', ['-xzOf', tarball, 'package/README.md'])
  const { stdout: list } = await execa('tar', ['-tzf', tarball])
  const files = list.split('\n')
  const links = Array.from(stdout.matchAll(/\]\(([^)]*)\)|\bsrc="([^"]*)"/g), ([, a, b]) => a ?? b!)
  const inside = links.filter(link => !/^(https?:|#)/.test(link))
  expect(inside.filter(link => !files.includes(`package/${link.split('#')[0]}`))).toEqual([])
  const named = Array.from(stdout.matchAll(/`(socket-tutorial-kit[\w/-]*)`/g), ([, name]) => name!)
  expect(entries().filter(entry => !named.includes(entry))).toEqual([`${manifest.name}/frame`])
  expect(named.filter(name => !entries().includes(name))).toEqual([])
})

test.runIf(withSome)(
  'npm pack leaves README.md and package.json as they were, also after a pack that was stopped',
  async () => {
    const texts = (folder: string) =>
      Promise.all(['README.md', 'package.json'].map(name => readFile(join(folder, name), 'utf8')))
    const originals = await texts(root)
    expect(await texts(repository)).toEqual(originals)
    const script = (action: string) =>
      execaNode(join(repository, 'lib/cli/pack-files.ts'), [action], {
        nodeOptions: ['--import', 'tsx'],
        cwd: repository,
      })
    await script('swap')
    await script('swap')
    const packed = await texts(repository)
    expect(packed.map((text, i) => text === originals[i])).toEqual([false, false])
    await script('restore')
    await script('restore')
    expect(await texts(repository)).toEqual(originals)
  },
)

test.runIf(withSome)('the examples in the README of the package run', async () => {
  const project = await scratchProject('readme')
  const { stdout } = await execa('tar', ['-xzOf', tarball, 'package/README.md'])
  const examples = Array.from(stdout.matchAll(/^```ts\n([\s\S]*?)^```/gm), ([, code]) => code!)
  expect(examples).toHaveLength(2)
  for (const [i, code] of examples.entries()) {
    const file = join(project, `example-${i}.ts`)
    await writeFile(file, code)
    await execaNode(file, { ...plain, nodeOptions: ['--import', pathToFileURL(tsx).href] })
  }
})

test.runIf(withSome)('publint finds nothing wrong with the package', async () => {
  const { buffer, byteOffset, byteLength } = await readFile(tarball)
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer
  const { messages, pkg } = await publint({ pack: { tarball: bytes }, strict: true })
  expect(messages.map(message => formatMessage(message, pkg))).toEqual([])
})

const cli = join(root, '.ci/lint/node_modules/@arethetypeswrong/cli/dist/index.js')
const needed = existsSync(cli) ? '' : ' (skipped: needs npm ci --prefix .ci/lint)'
const typesAreRight = '@arethetypeswrong/cli finds nothing wrong with the types'
test.skipIf(needed || !withSome)(`${typesAreRight}${needed}`, async () => {
  const options = ['--profile', 'esm-only', '--format', 'ascii', '--no-color', '--no-emoji']
  const { exitCode, stdout } = await execaNode(cli, [tarball, ...options], {
    ...plain,
    reject: false,
  })
  expect({ exitCode, stdout: exitCode === 0 ? '' : stdout }).toEqual({ exitCode: 0, stdout: '' })
  for (const entry of entries()) expect(stdout).toContain(`"${entry}"`)
})

test('every export of the packed package can be imported in plain Node', async () => {
  const project = await scratchProject('imports')
  await writeFile(
    join(project, 'main.js'),
    `const named = {}
    for (const entry of ${JSON.stringify(entries())}) {
      named[entry] = Object.keys(await import(entry))
    }
    console.log(JSON.stringify(named))`,
  )
  const { stdout } = await execaNode('main.js', { cwd: project, ...plain })
  const named = JSON.parse(stdout) as Record<string, string[]>
  expect(Object.keys(named)).toEqual(entries())
  for (const names of Object.values(named)) expect(names).not.toEqual([])
  expect(named[manifest.name]).toEqual(
    expect.arrayContaining([
      'FrameError',
      'byteStuffing',
      'delimiter',
      'fixedLength',
      'http1Request',
      'http1Response',
      'lengthPrefix',
      'lines',
      'netstring',
      'varintPrefix',
    ]),
  )
  expect(named[`${manifest.name}/frame`]).toEqual(['FrameError'])
  expect(named[`${manifest.name}/http1`]).toEqual(['http1Request', 'http1Response'])
  expect(named[`${manifest.name}/stream`]?.toSorted()).toEqual([
    'frameTransform',
    'framed',
    'readFrames',
  ])
})

test.runIf(withSome)(
  'the declarations of the packed package compile strictly, and follow to the sources',
  async () => {
    const project = await scratchProject('types')
    await writeFile(
      join(project, 'main.ts'),
      `import { FrameError } from '${manifest.name}'
    import { lengthPrefix } from '${manifest.name}/length-prefix'
    import { readFrames } from '${manifest.name}/stream'
    import { connect } from 'node:net'
    const codec = lengthPrefix({ prefixBytes: 2 })
    try {
      for await (const frame of readFrames(connect(7000), codec)) {
        const length: number = frame.length
        console.log(length)
      }
    } catch (error) {
      if (error instanceof FrameError && error.code === 'ERR_FRAME_TRUNCATED') console.log('cut off')
    }
    // @ts-expect-error: there is no such prefix
    lengthPrefix({ prefixBytes: 5 })`,
    )
    const types = join(project, 'node_modules/@types/node')
    await cp(join(root, 'node_modules/@types/node'), types, { recursive: true })
    const undici = join(project, 'node_modules/undici-types')
    await cp(join(root, 'node_modules/undici-types'), undici, { recursive: true })
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022']
    const { stdout } = await execaNode(tsc, [...options, '--types', 'node', 'main.ts'], {
      cwd: project,
      ...plain,
      reject: false,
    })
    expect(stdout).toBe('')
    const installed = join(project, 'node_modules', manifest.name)
    for (const kind of ['js', 'd.ts']) {
      const map = join(installed, `dist/framing/length-prefix.${kind}.map`)
      const { sources } = JSON.parse(await readFile(map, 'utf8')) as { sources: string[] }
      const source = await readFile(join(installed, 'dist/framing', sources[0]!), 'utf8')
      expect(source).toContain('export function lengthPrefix')
    }
  },
)
