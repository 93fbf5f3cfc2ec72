import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execaNode } from 'execa'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codecs } from '#lib/catalogue/codecs.ts'
import { copySources } from '#lib/cli/codec-copy.ts'
import { nearest } from '#lib/program/nearest.ts'
import { KIT } from '../support/kit-folder.ts'
import { spread, withSome } from '../support/slow.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const tsc = join(root, 'node_modules/typescript/bin/tsc')
const names = codecs().map(({ name }) => name)

let workshop: string
let projects = 0

beforeAll(async () => {
  workshop = await mkdtemp(join(tmpdir(), 'codec-copy-'))
})
afterAll(() => rm(workshop, { recursive: true }))

/** A tsconfig.json that allows no `.ts` in imports, as `tsc --init` writes it. */
const COMPILED = { 'tsconfig.json': '{ "compilerOptions": { "strict": true } }' }

/** Another project: ESM, and nothing in it. */
async function emptyProject(files: Record<string, string> = {}): Promise<string> {
  const project = join(workshop, `${++projects}`)
  await mkdir(join(project, 'src'), { recursive: true })
  await writeFile(join(project, 'package.json'), '{ "type": "module" }')
  for (const [file, text] of Object.entries(files)) await writeFile(join(project, file), text)
  return project
}

interface Outcome {
  exitCode: number | undefined
  stdout: string
  stderr: string
}

async function codec(...words: string[]): Promise<Outcome> {
  const { exitCode, stdout, stderr } = await execaNode('lib/cli/codec.ts', words, {
    cwd: KIT,
    nodeOptions: ['--import', 'tsx'],
    env: { npm_lifecycle_event: '' },
    reject: false,
  })
  return { exitCode, stdout, stderr }
}

async function compile(project: string, options: object, files: string[]): Promise<string> {
  const config = { compilerOptions: { strict: true, target: 'es2022', ...options }, files }
  await writeFile(join(project, 'compile.json'), JSON.stringify(config))
  const { stdout } = await execaNode(tsc, ['--project', 'compile.json'], {
    cwd: project,
    nodeOptions: [],
    reject: false,
  })
  return stdout
}

async function run(project: string, file: string): Promise<Outcome> {
  const { exitCode, stdout, stderr } = await execaNode(file, {
    cwd: project,
    nodeOptions: [],
    reject: false,
  })
  return { exitCode, stdout, stderr }
}

/** The example that `copy` printed: everything after the line that ends with a colon. */
function printedExample(stdout: string): string {
  return stdout.slice(stdout.indexOf('for example:\n') + 'for example:\n'.length)
}

/** Each codec is a file of its own; only http1 is in several. */
function filesOf(name: string): string[] {
  const own = name === 'http1' ? HTTP1 : [name]
  return [...own, 'codec-base', 'frame'].map(file => `${file}.ts`)
}
const HTTP1 = [
  'http1',
  'http1-decode',
  'http1-encode',
  'http1-fields',
  'http1-grammar',
  'http1-headers',
  'http1-message',
  'http1-part-encoder',
  'http1-section',
  'http1-target',
  'http1-types',
]

const passed = { exitCode: 0, stdout: '', stderr: '' }

describe('codec copy', () => {
  test.concurrent.each(
    spread(
      names.filter(name => !name.includes('stream')),
      1,
      4,
    ),
  )(
    'puts %s into an empty project, where it compiles strictly and its example runs',
    async name => {
      const project = await emptyProject(COMPILED)
      const copied = await codec('copy', name, join(project, 'src'))
      expect(copied).toMatchObject({ exitCode: 0, stderr: '' })
      const files = await readdir(join(project, 'src'))
      expect(files.toSorted()).toEqual(filesOf(name).toSorted())
      for (const file of files) expect(copied.stdout).toContain(join(project, 'src', file))

      // A codec needs nothing, not even the types of Node.
      const options = { module: 'nodenext', types: [], rootDir: 'src', outDir: 'out' }
      expect(await compile(project, options, [`src/${name}.ts`])).toBe('')
      await writeFile(join(project, 'out/example.js'), printedExample(copied.stdout))
      expect(await run(project, 'out/example.js')).toEqual(passed)
    },
  )

  test.concurrent.each([
    ['stream', 'length-prefix'],
    ['web-streams', 'lines'],
    ['http1-stream', null],
    ['http1-web-streams', null],
  ])('puts %s into an empty project, and its example runs beside a codec', async (name, other) => {
    const project = await emptyProject(COMPILED)
    const src = join(project, 'src')
    const { stdout } = await codec('copy', name, src)
    const missing = `missing for the example: npm run codec -- copy ${other} ${src}\n`
    expect(stdout.includes(missing)).toBe(other !== null)
    if (other !== null) await codec('copy', other, src)
    await writeFile(join(src, 'example.ts'), printedExample(stdout))
    const typeRoots = [join(root, 'node_modules/@types')]
    const node = { module: 'nodenext', types: ['node'], typeRoots }
    const options = { ...node, rootDir: 'src', outDir: 'out' }
    expect(await compile(project, options, ['src/example.ts'])).toBe('')
    expect(await run(project, 'out/example.js')).toEqual(passed)
  })

  test('gives what a bundler compiles too', async () => {
    const project = await emptyProject(COMPILED)
    await codec('copy', 'http1', join(project, 'src'))
    const bundled = { module: 'esnext', moduleResolution: 'bundler', types: [], noEmit: true }
    expect(await compile(project, bundled, ['src/http1.ts'])).toBe('')
  })

  test.runIf(withSome)(
    'without a tsconfig.json, each import names a file that is there, and Node runs it',
    async () => {
      const project = await emptyProject()
      const src = join(project, 'src')
      const { stdout } = await codec('copy', 'http1', src)
      await writeFile(join(src, 'example.ts'), printedExample(stdout))
      for (const file of await readdir(src)) {
        const text = await readFile(join(src, file), 'utf8')
        // An example in a comment imports what its reader may copy as well.
        for (const [, name] of text.matchAll(/^(?! *\*).*from '(\.\/.+?)'/gm)) {
          expect(await readdir(src), `${file} imports ${name}`).toContain(name!.slice(2))
        }
      }
      // Node 20 has no TypeScript of its own.
      if ('typescript' in process.features)
        expect(await run(project, 'src/example.ts')).toEqual(passed)
    },
  )

  const allows = '{ "compilerOptions": { "allowImportingTsExtensions": true } }'
  const configured: [what: string, ending: 'ts' | 'js', files: Record<string, string>][] = [
    ['allows them', 'ts', { 'tsconfig.json': allows }],
    [
      'rewrites them',
      'ts',
      { 'tsconfig.json': '{ "compilerOptions": { "rewriteRelativeImportExtensions": true } }' },
    ],
    [
      'extends one that allows them',
      'ts',
      { 'base.json': allows, 'tsconfig.json': '{ "extends": "./base.json" }' },
    ],
    [
      'extends one that allows them, and takes that back',
      'js',
      {
        'base.json': allows,
        'tsconfig.json':
          '{ "extends": "./base", "compilerOptions": { "allowImportingTsExtensions": false } }',
      },
    ],
    [
      'refers to one that allows them and includes src',
      'ts',
      {
        'app.json': allows.replace(/}$/, ', "include": ["src"] }'),
        'node.json': '{ "include": ["vite.config.ts"] }',
        'tsconfig.json':
          '{ "files": [], "references": [{ "path": "./app.json" }, { "path": "./node.json" }] }',
      },
    ],
    ['says nothing about them', 'js', { 'tsconfig.json': '{}' }],
    [
      'has comments and a trailing comma',
      'ts',
      { 'tsconfig.json': `// ours\n${allows.replace(/}$/, ',}')}` },
    ],
  ]
  test.concurrent.each(spread(configured, 2, configured.length))(
    'imports where the tsconfig.json above %s end with .%s',
    async (_, ending, files) => {
      const project = await emptyProject(files)
      const { stdout, stderr } = await codec('copy', 'netstring', join(project, 'src'))
      expect(stderr).toBe('')
      const text = await readFile(join(project, 'src/netstring.ts'), 'utf8')
      for (const file of ['frame', 'codec-base']) expect(text).toContain(`'./${file}.${ending}'`)
      expect(printedExample(stdout)).toContain(`'./netstring.${ending}'`)
    },
  )

  test('says so when a tsconfig.json extends what is not there, and copies nothing', async () => {
    const project = await emptyProject({ 'tsconfig.json': '{ "extends": "./nowhere.json" }' })
    const { exitCode, stdout, stderr } = await codec('copy', 'netstring', join(project, 'src'))
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr).toMatch(
      /^codec: cannot read .*tsconfig\.json: .+; say --imports ts or --imports js$/,
    )
    expect(await readdir(join(project, 'src'))).toEqual([])
  })

  test('makes a missing folder, and leaves none when it cannot write there', async () => {
    const project = await emptyProject()
    const deep = join(project, 'src/net/framing')
    expect(await codec('copy', 'netstring', deep)).toMatchObject({ exitCode: 0, stderr: '' })
    expect((await readdir(deep)).toSorted()).toEqual(filesOf('netstring').toSorted())
    const sources = ['first', 'no/such/second'].map(name => ({ name, text: 'x' }))
    const target = join(project, 'other/folder')
    const options = {
      target,
      shown: 'other/folder',
      force: false,
      js: false,
      ending: 'ts' as const,
    }
    expect(() => copySources(codecs()[0]!, sources, options)).toThrow(
      'cannot write to other/folder: ENOENT',
    )
    expect((await readdir(project)).toSorted()).toEqual(['package.json', 'src'])
  })

  test.runIf(withSome)('takes a copy with CR LF line endings for the same', async () => {
    const project = await emptyProject()
    const src = join(project, 'src')
    await codec('copy', 'lines', src)
    for (const file of await readdir(src)) {
      const text = await readFile(join(src, file), 'utf8')
      await writeFile(join(src, file), text.replaceAll('\n', '\r\n'))
    }
    const { exitCode, stdout } = await codec('copy', 'lines', src)
    expect(exitCode).toBe(0)
    const same = filesOf('lines').map(file => `same    ${join(src, file)}`)
    expect(stdout.split('\n').slice(0, 3)).toEqual(same)
  })

  test('takes a commented-out option of tsconfig.json for what it is', async () => {
    const project = await emptyProject({
      'tsconfig.json': '{ "compilerOptions": {\n  // "allowImportingTsExtensions": true\n} }',
    })
    await codec('copy', 'netstring', join(project, 'src'))
    expect(await readFile(join(project, 'src/netstring.ts'), 'utf8')).toContain("'./frame.js'")
  })

  test.runIf(withSome)('obeys --imports', async () => {
    const project = await emptyProject(COMPILED)
    await codec('copy', 'netstring', join(project, 'src'), '--imports', 'ts')
    expect(await readFile(join(project, 'src/netstring.ts'), 'utf8')).toContain("'./frame.ts'")
  })

  test.runIf(withSome)('--js gives JavaScript that runs as it is, with declarations', async () => {
    const project = await emptyProject()
    const { stdout } = await codec('copy', 'length-prefix', join(project, 'src'), '--js')
    expect((await readdir(join(project, 'src'))).toSorted()).toEqual([
      'codec-base.d.ts',
      'codec-base.js',
      'frame.d.ts',
      'frame.js',
      'length-prefix.d.ts',
      'length-prefix.js',
    ])
    expect(await readFile(join(project, 'src/length-prefix.js'), 'utf8')).not.toContain('sourceMap')
    await writeFile(join(project, 'src/example.js'), printedExample(stdout))
    expect(await run(project, 'src/example.js')).toEqual(passed)
  })

  test('refuses to overwrite a file that is different, and copies nothing', async () => {
    const project = await emptyProject()
    const mine = join(project, 'src/frame.ts')
    await writeFile(mine, 'mine')
    expect(await codec('copy', 'lines', join(project, 'src'))).toEqual({
      exitCode: 1,
      stdout: '',
      stderr: `codec: ${mine} is there and different; nothing copied (--force overwrites)`,
    })
    expect(await readdir(join(project, 'src'))).toEqual(['frame.ts'])
    expect(await readFile(mine, 'utf8')).toBe('mine')
  })

  test('--force overwrites', async () => {
    const project = await emptyProject()
    await writeFile(join(project, 'src/frame.ts'), 'mine')
    const { exitCode, stdout } = await codec('copy', 'lines', join(project, 'src'), '--force')
    expect(exitCode).toBe(0)
    expect(stdout).toContain(`copied  ${join(project, 'src/frame.ts')}`)
    expect(await readFile(join(project, 'src/frame.ts'), 'utf8')).not.toBe('mine')
  })

  test.runIf(withSome)('leaves what another copy brought', async () => {
    const project = await emptyProject()
    await codec('copy', 'lines', join(project, 'src'))
    const { exitCode, stdout } = await codec('copy', 'netstring', join(project, 'src'))
    expect(exitCode).toBe(0)
    const [own, ...brought] = filesOf('netstring').map(file => join(project, 'src', file))
    const lines = [`copied  ${own}`, ...brought.map(file => `same    ${file}`)]
    expect(stdout.split('\n').slice(0, 3)).toEqual(lines)
  })

  test('copies nothing when one of the places is taken by a folder', async () => {
    const project = await emptyProject()
    await mkdir(join(project, 'src/frame.ts'))
    const { exitCode, stderr } = await codec('copy', 'lines', join(project, 'src'), '--force')
    expect({ exitCode, stderr }).toEqual({
      exitCode: 1,
      stderr: `codec: ${join(project, 'src/frame.ts')} is not a file`,
    })
    expect(await readdir(join(project, 'src'))).toEqual(['frame.ts'])
  })

  test.runIf(withSome)('leaves nothing when one of the files cannot be written', async () => {
    const target = join(await emptyProject(), 'src')
    const sources = ['first', 'no/such/second'].map(name => ({ name, text: 'x' }))
    const [lines] = codecs()
    const options = { target, shown: 'src', force: false, js: false, ending: 'js' as const }
    expect(() => copySources(lines!, sources, options)).toThrow('cannot write to src: ENOENT')
    expect(await readdir(target)).toEqual([])
  })
})

describe('codec', () => {
  const wrong: [string[], string][] = [
    [[], 'list or copy? (npm run codec -- --help)'],
    [['paste'], "no command 'paste', there is list and copy (npm run codec -- --help)"],
    [['list', 'all'], "list takes nothing more, not 'all'"],
    [['copy'], 'copy which codec? (npm run codec -- list)'],
    [['copy', 'lines'], 'copy lines where? npm run codec -- copy lines ../my-app/src'],
    [
      ['copy', 'lenght-prefix', '.'],
      "no codec 'lenght-prefix'; did you mean length-prefix? (npm run codec -- list)",
    ],
    [['copy', 'websocket', '.'], "no codec 'websocket' (npm run codec -- list)"],
    [['copy', 'lines', 'package.json'], 'package.json is a file, expected a folder'],
    [['copy', 'lines', 'a', 'b'], "copy takes one codec and one folder, not also 'b'"],
    [['copy', 'lines', '.', '--imports', 'cjs'], "--imports is 'cjs', expected ts or js"],
    [['copy', 'lines', '.', '--fast'], "Unknown option '--fast' (npm run codec -- --help)"],
  ]
  test.concurrent.each(spread(wrong, 3, wrong.length))(
    '%j is one line and exit code 2',
    async (words, message) => {
      expect(await codec(...words)).toEqual({
        exitCode: 2,
        stdout: '',
        stderr: `codec: ${message}`,
      })
    },
  )

  test('list shows each codec with its format in a line of at most 100 columns', async () => {
    const { exitCode, stdout } = await codec('list')
    const lines = stdout.split('\n')
    expect(exitCode).toBe(0)
    expect(lines.map(line => line.split(' ')[0])).toEqual(names)
    for (const line of lines) {
      expect(line).toMatch(/^\S+ {2,}\S.{3,}/)
      expect(line.length).toBeLessThanOrEqual(100)
    }
  })

  test.each(codecs())('list shows the whole first sentence of $name', async ({ name, format }) => {
    const source = await readFile(join(root, `lib/framing/${name}.ts`), 'utf8')
    const words = source.slice(0, 500).replaceAll(/\s+\*?\s*/g, ' ')
    expect([`${format}. `, `${format}: `].some(sentence => words.includes(sentence))).toBe(true)
  })

  test('--help shows the usage', async () => {
    const { exitCode, stdout } = await codec('--help')
    expect({ exitCode, first: stdout.split('\n')[0] }).toEqual({
      exitCode: 0,
      first: 'usage: npm run codec -- list',
    })
  })

  test.each([
    ['lenght-prefix', 'length-prefix'],
    ['lengthPrefix', 'length-prefix'],
    ['line', 'lines'],
    ['http', 'http1'],
    ['varint', 'varint-prefix'],
    ['SLIP', undefined],
    ['x', undefined],
  ])('takes %s for %s', (typed, meant) => {
    expect(nearest(typed, names)).toBe(meant)
  })
})
