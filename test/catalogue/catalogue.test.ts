import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadChapters, ROOT } from '#lib/catalogue/index.ts'
import { renderEmbed } from '#lib/pages/embed.ts'
import { catalogueProblems, coverageProblems, tableProblems } from './problems.ts'

test('catalogue, folders, programs and npm scripts fit together', async () => {
  expect(await catalogueProblems(ROOT)).toEqual([])
})

test('README tables list every chapter and every example', async () => {
  expect(await tableProblems(ROOT)).toEqual([])
})

test('every example has a passage in its README, and a test of its chapter', async () => {
  expect(await coverageProblems(ROOT)).toEqual([])
})

/** A small project to break: two chapters, package.json, and READMEs with their tables. */
class Copy {
  readonly root: string

  constructor(folder: string) {
    this.root = folder
  }

  path(name: string): string {
    return join(this.root, name)
  }

  edit(name: string, from: string, to: string): void {
    const before = readFileSync(this.path(name), 'utf8')
    expect(before, `${name} to hold the text that the test changes`).toContain(from)
    writeFileSync(this.path(name), before.replace(from, to))
  }

  script(name: string, command: string | undefined): void {
    const manifest = JSON.parse(readFileSync(this.path('package.json'), 'utf8'))
    manifest.scripts[name] = command
    writeFileSync(this.path('package.json'), JSON.stringify(manifest))
  }
}

let temporary: string
let copies = 0
beforeAll(() => {
  temporary = mkdtempSync(join(tmpdir(), 'kit-catalogue-'))
})
afterAll(() => rmSync(temporary, { recursive: true, force: true }))

const CHAPTERS = ['01-socket', '02-tcp-echo']
const chapters = (await loadChapters()).filter(({ folder }) => CHAPTERS.includes(folder))
/** The names of scripts and tests of other chapters. */
const isOfOther = (name: string) =>
  /^\d\d[:-]/.test(name) && !chapters.some(({ id }) => name.startsWith(id))

/** Most files of a chapter are in there; the check looks at none of them. */
const NOT_LOOKED_AT = ['wrong', 'experiments', 'recordings', 'symptoms']

async function copyOfProject(): Promise<Copy> {
  const copy = new Copy(join(temporary, `${++copies}`))
  for (const folder of CHAPTERS) {
    cpSync(join(ROOT, 'chapters', folder), copy.path(`chapters/${folder}`), {
      recursive: true,
      filter: from => !NOT_LOOKED_AT.includes(basename(from)),
    })
  }
  const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const scripts = Object.entries(manifest.scripts).filter(([name]) => !isOfOther(name))
  writeFileSync(
    copy.path('package.json'),
    JSON.stringify({ ...manifest, scripts: Object.fromEntries(scripts) }),
  )
  const table = async (what: string) => {
    const sources = {
      document: 'README.md',
      chapters,
      run: () => Promise.reject(new Error('not for a table')),
    }
    const body = await renderEmbed({ kind: 'table', what, body: '' }, sources)
    return `# Title\n\n<!-- table: ${what} -->\n${body}<!-- end -->\n`
  }
  writeFileSync(copy.path('README.md'), await table('chapters'))
  for (const { id, folder } of chapters) {
    const exercises = `\n<!-- table: exercises ${id} -->\n<!-- end -->\n`
    const text = (await table(`examples ${id}`)) + exercises
    writeFileSync(copy.path(`chapters/${folder}/README.md`), text)
  }
  return copy
}

/** What the project itself lacks, the tests above say: those of the check look at what they broke. */
async function newProblems(
  check: (root: string) => Promise<string[]>,
  broken: Copy,
  whole: Copy,
): Promise<string[]> {
  const known = await check(whole.root)
  return (await check(broken.root)).filter(problem => !known.includes(problem))
}

const ECHO = 'chapters/02-tcp-echo'
const CHAPTER = `${ECHO}/chapter.ts`

/** Which port is free depends on the examples that there are. */
const withoutPort = (problem: string) => problem.replace(/\(\d+ is free\)/, '(N is free)')

describe('catalogue check says what to add where', () => {
  const cases: [what: string, breakIt: (copy: Copy) => void, says: string[]][] = [
    [
      'a chapter has no chapter.ts',
      copy => mkdirSync(copy.path('chapters/77-new')),
      [
        'chapters/77-new has no chapter.ts: add one like chapters/02-tcp-echo/chapter.ts, or move the folder',
      ],
    ],
    [
      'a chapter.ts exports nothing',
      copy => writeFileSync(copy.path(CHAPTER), 'export const nothing = 1\n'),
      [`${CHAPTER}: export a chapter with an id and at least one example as the default`],
    ],
    [
      'the id is not the one of the folder',
      copy => renameSync(copy.path('chapters/01-socket'), copy.path('chapters/00-socket')),
      ['chapters/00-socket/chapter.ts: id is "01", the folder says "00"'],
    ],
    [
      'a folder is no example',
      copy => mkdirSync(copy.path(`${ECHO}/foo`)),
      [`${ECHO}/foo is not in chapter.ts: add an example named "foo"`],
    ],
    [
      'a program is missing',
      copy => rmSync(copy.path(`${ECHO}/chat/demo.ts`)),
      [
        `${CHAPTER}: example "chat": ${ECHO}/chat/demo.ts does not exist: add it, or correct "file"`,
      ],
    ],
    [
      'the programs of an example have a port far from the others',
      copy => {
        for (const role of ['server', 'client', 'demo']) {
          copy.edit(`${ECHO}/chat/${role}.ts`, 'port(7022)', 'port(7999)')
        }
      },
      [],
    ],
    [
      'two examples have one port',
      copy => {
        for (const role of ['server', 'client']) {
          copy.edit(`${ECHO}/echo-naive/${role}.ts`, 'port(7021)', 'port(7020)')
        }
      },
      ['port 7020 belongs to 02/echo and to 02/echo-naive: change one (N is free)'],
    ],
    [
      'a client has another default port than its server',
      copy => copy.edit(`${ECHO}/echo/client.ts`, 'port(7020)', 'port(7099)'),
      [`${ECHO}/echo/client.ts: has port(7099), make it port(7020) as in ${ECHO}/echo/server.ts`],
    ],
    [
      'a program has no port',
      copy => copy.edit(`${ECHO}/echo/server.ts`, 'port: port(7020)', ''),
      [`${ECHO}/echo/server.ts: has no --port flag: add one with port(…)`],
    ],
    [
      'a port needs root',
      copy => {
        for (const role of ['server', 'client']) {
          copy.edit(`${ECHO}/echo/${role}.ts`, 'port(7020)', 'port(7)')
        }
      },
      ['server', 'client'].map(
        role => `${ECHO}/echo/${role}.ts: has port(7), make it one from 1024 to 32767`,
      ),
    ],
    [
      'a program of a Unix example has a port',
      copy => copy.edit('chapters/01-socket/unix/server.ts', 'path: unixPath', 'path: port(7011)'),
      ['chapters/01-socket/unix/server.ts: has port(7011): a path takes its place'],
    ],
    [
      'a script is missing',
      copy => copy.script('02:chat:server', undefined),
      [
        `package.json: script "02:chat:server" is missing: add "exec node --import tsx ${ECHO}/chat/server.ts", or run npm run docs:sync`,
      ],
    ],
    [
      'a script runs something else',
      copy => copy.script('02:server', 'node x.ts'),
      [
        `package.json: script "02:server" is "node x.ts": make it "exec node --import tsx ${ECHO}/echo/server.ts", or run npm run docs:sync`,
      ],
    ],
    [
      'an exercise is not listed',
      copy => mkdirSync(copy.path(`${ECHO}/exercises/new`)),
      [`${ECHO}/exercises/new is not in chapter.ts: add 'new' to "exercises"`],
    ],
    [
      'an exercise lacks a file',
      copy => rmSync(copy.path(`${ECHO}/exercises/tcp-echo/start.ts`)),
      [`${ECHO}/exercises/tcp-echo has no start.ts: add one, or correct "exercises" in chapter.ts`],
    ],
    [
      'a script belongs to no example',
      copy => copy.script('02:gone:server', 'node x.ts'),
      ['package.json: no chapter.ts asks for script "02:gone:server": remove it'],
    ],
    [
      'a sentence has no full stop',
      copy => copy.edit(CHAPTER, 'holds nobody up.', 'holds nobody up'),
      [
        `${CHAPTER}: example "chat": end "One to many: a member who does not read is dropped and holds nobody up" with a full stop`,
      ],
    ],
    [
      'a sentence is too long',
      copy => copy.edit(CHAPTER, 'One to many: ', `One to many: ${'x'.repeat(60)} `),
      [`${CHAPTER}: example "chat": 132 columns, 100 at most`],
    ],
    [
      'a greeting has no answer',
      copy => copy.edit(CHAPTER, "greeting: 'hello', answer: 'hello'", "greeting: 'hello'"),
      [`${CHAPTER}: example "echo": its server has a greeting: say what its answer is`],
    ],
    [
      'a greeting is not written as bytes',
      copy => copy.edit(CHAPTER, "greeting: 'hello'", "greeting: 'żółw'"),
      [`${CHAPTER}: example "echo": write greeting and answer as bytes, "\\xc5\\x82" for "ł"`],
    ],
    [
      'two examples have one name',
      copy => copy.edit(CHAPTER, "name: 'buffers'", "name: 'graceful'"),
      [
        `${CHAPTER}: two examples are named "graceful": rename one`,
        `${ECHO}/buffers is not in chapter.ts: add an example named "buffers"`,
      ],
    ],
    [
      'a name is not in lower case with hyphens',
      copy => copy.edit(CHAPTER, "name: 'in-flight'", "name: 'inFlight'"),
      [
        `${CHAPTER}: example "inFlight": write the name in lower case, with hyphens`,
        `${ECHO}/in-flight is not in chapter.ts: add an example named "in-flight"`,
      ],
    ],
  ]

  test.each(cases)('when %s', async (_what, breakIt, says) => {
    const copy = await copyOfProject()
    breakIt(copy)
    const problems = await newProblems(catalogueProblems, copy, await copyOfProject())
    // What else follows from the change (scripts, for one) is told as well.
    expect(problems.slice(0, says.length).map(withoutPort)).toEqual(says)
  })
})

test('catalogue check offers a port that no example has', async () => {
  const copy = await copyOfProject()
  copy.edit(`${ECHO}/echo-naive/server.ts`, 'port(7021)', 'port(7020)')
  copy.edit(`${ECHO}/echo-naive/client.ts`, 'port(7021)', 'port(7020)')
  const problems = (await catalogueProblems(copy.root)).join()
  const free = /\((\d+) is free\)/.exec(problems)?.[1]
  expect(free).toBeDefined()
  for (const { folder, examples } of chapters) {
    for (const { server } of examples) {
      const text = readFileSync(copy.path(`chapters/${folder}/${server.file}`), 'utf8')
      expect(text).not.toContain(`port(${free})`)
    }
  }
})

describe('README table check says what to add where', () => {
  const cases: [what: string, breakIt: (copy: Copy) => void, says: string[]][] = [
    [
      'a chapter has no README',
      copy => rmSync(copy.path(`${ECHO}/README.md`)),
      [`${ECHO}/README.md is missing: write it, with <!-- table: examples 02 -->`],
    ],
    [
      'a README has no table',
      copy => writeFileSync(copy.path('README.md'), '# Title\n'),
      ['README.md has no table: add <!-- table: chapters --> and <!-- end -->'],
    ],
    [
      'a README has no table of its exercises, and none of its claims',
      copy => {
        copy.edit(`${ECHO}/README.md`, '<!-- table: exercises 02 -->', '')
        mkdirSync(copy.path(`${ECHO}/experiments`))
        writeFileSync(copy.path(`${ECHO}/experiments/new.ts`), '')
      },
      [
        `${ECHO}/README.md has no table: add <!-- table: exercises 02 --> and <!-- end -->`,
        `${ECHO}/README.md has no table: add <!-- table: claims 02 --> and <!-- end -->`,
      ],
    ],
    [
      'a table lacks an example',
      copy => copy.edit(`${ECHO}/README.md`, 'npm start 02/chat', 'npm start 02/chatter'),
      [`${ECHO}/README.md: <!-- table: examples 02 --> is old: run npm run docs:sync`],
    ],
    [
      'a new chapter is in no table',
      copy => {
        cpSync(copy.path('chapters/01-socket'), copy.path('chapters/09-new'), { recursive: true })
        copy.edit('chapters/09-new/chapter.ts', "id: '01'", "id: '09'")
      },
      [
        'README.md: <!-- table: chapters --> is old: run npm run docs:sync',
        'chapters/09-new/README.md has no table: add <!-- table: examples 09 --> and <!-- end -->',
        'chapters/09-new/README.md has no table: add <!-- table: exercises 09 --> and <!-- end -->',
      ],
    ],
  ]

  test.each(cases)('when %s', async (_what, breakIt, says) => {
    const copy = await copyOfProject()
    breakIt(copy)
    expect(await newProblems(tableProblems, copy, await copyOfProject())).toEqual(says)
  })
})

describe('coverage check says what to add where', () => {
  async function copyWithProse(): Promise<Copy> {
    const copy = await copyOfProject()
    for (const folder of CHAPTERS) {
      const readme = `chapters/${folder}/README.md`
      cpSync(join(ROOT, readme), copy.path(readme))
    }
    cpSync(join(ROOT, 'test/chapters'), copy.path('test/chapters'), {
      recursive: true,
      filter: from => !isOfOther(basename(from)),
    })
    return copy
  }
  const README = `${ECHO}/README.md`
  const TESTS = 'test/chapters/02-bytes.test.ts'

  const cases: [what: string, breakIt: (copy: Copy) => void, says: string[]][] = [
    [
      'an example is in neither, and one with a longer name is',
      copy => copy.edit(CHAPTER, "name: 'echo-naive'", "name: 'echo-nai'"),
      [
        `${README} says nothing about 02/echo-nai: write a passage, for instance with <!-- timeline: 02/echo-nai -->`,
        "no test/chapters/02-*.test.ts has '02/echo-nai': write a test",
      ],
    ],
    [
      'a README has an example in its table alone',
      copy => {
        const text = readFileSync(copy.path(README), 'utf8')
        const row = '| `npm start 02/new` | Something new. | `02:new:server`, `02:new:client` |'
        writeFileSync(copy.path(README), text.replace('| --- | --- | --- |', `$&\n${row}`))
        copy.edit(CHAPTER, "name: 'in-flight'", "name: 'new'")
        copy.edit(TESTS, "'02/in-flight'", "'02/new'")
      },
      [
        `${README} says nothing about 02/new: write a passage, for instance with <!-- timeline: 02/new -->`,
      ],
    ],
    [
      'an example is in the tests of another chapter alone',
      copy => {
        copy.edit(CHAPTER, "name: 'in-flight'", "name: 'new'")
        copy.edit(README, 'npm start 02/in-flight\n', 'npm start 02/new\n')
        writeFileSync(copy.path('test/chapters/03-new.test.ts'), "'02/new'")
      },
      ["no test/chapters/02-*.test.ts has '02/new': write a test"],
    ],
  ]

  test.each(cases)('when %s', async (_what, breakIt, says) => {
    const copy = await copyWithProse()
    breakIt(copy)
    expect(await newProblems(coverageProblems, copy, await copyWithProse())).toEqual(says)
  })
})
