import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import {
  type CatalogueChapter,
  CatalogueError,
  type Example,
  entriesOf,
  loadChapters,
  scriptsOf,
} from '#lib/catalogue/index.ts'
import { findEmbeds, renderEmbed } from '#lib/pages/embed.ts'
import { defaultPortIn } from '../support/default-port.ts'

/** Folders of a chapter that hold something else than an example. */
const OTHER_FOLDERS = ['recordings', 'exercises', 'experiments', 'symptoms']

/** What does not fit together in the project at `root`, with what to add where. */
export async function catalogueProblems(root: string): Promise<string[]> {
  try {
    const chapters = await loadChapters(pathToFileURL(`${root}/`))
    return [
      ...chapters.flatMap(chapter => chapterProblems(root, chapter)),
      ...portProblems(root, chapters),
      ...scriptProblems(root, chapters),
    ]
  } catch (error) {
    if (error instanceof CatalogueError) return [error.message]
    throw error
  }
}

/**
 * Which table is missing in which README, or out of date. What stands in those of exercises and of claims
 * is compared with all other generated parts (test/pages).
 */
export async function tableProblems(root: string): Promise<string[]> {
  const chapters = await loadChapters(pathToFileURL(`${root}/`))
  const tables = [
    { file: 'README.md', what: 'chapters' },
    ...chapters.flatMap(({ id, folder, exercises = [] }) => {
      const file = `chapters/${folder}/README.md`
      const experiments = namesIn(join(root, 'chapters', folder, 'experiments'))
      return [
        { file, what: `examples ${id}` },
        ...(exercises.length > 0 ? [{ file, what: `exercises ${id}` }] : []),
        ...(experiments.length > 0 ? [{ file, what: `claims ${id}` }] : []),
      ]
    }),
  ]
  const noRun = { chapters, run: () => Promise.reject(new Error('a table needs no run')) }
  const problems = tables.map(async ({ file, what }): Promise<string[]> => {
    const comment = `<!-- table: ${what} -->`
    const isOfCatalogue = !/^(exercises|claims) /.test(what)
    if (!existsSync(join(root, file)))
      return isOfCatalogue ? [`${file} is missing: write it, with ${comment}`] : []
    const embed = findEmbeds(readFileSync(join(root, file), 'utf8')).find(
      candidate => candidate.kind === 'table' && `${candidate.what} `.startsWith(`${what} `),
    )
    if (!embed) return [`${file} has no table: add ${comment} and <!-- end -->`]
    if (!isOfCatalogue) return []
    const wanted = await renderEmbed(embed, { document: file, ...noRun })
    return embed.body === wanted ? [] : [`${file}: ${comment} is old: run npm run docs:sync`]
  })
  return (await Promise.all(problems)).flat()
}

/** Which example has no passage in its chapter's README, or no test of its own. */
export async function coverageProblems(root: string): Promise<string[]> {
  const chapters = await loadChapters(pathToFileURL(`${root}/`))
  const testFiles = readdirSync(join(root, 'test/chapters'))
  return chapters.flatMap(chapter => {
    const readme = `chapters/${chapter.folder}/README.md`
    // The tables name every example: they are made from the catalogue.
    const prose = readFileSync(join(root, readme), 'utf8').replaceAll(TABLE, '')
    const files = testFiles.filter(name => name.startsWith(`${chapter.id}-`))
    const tests = files.map(name => readFileSync(join(root, 'test/chapters', name), 'utf8'))
    return chapter.examples.flatMap(({ name }) => {
      const id = `${chapter.id}/${name}`
      const problems: string[] = []
      if (!mentionOf(chapter, name).test(prose)) {
        const how = `for instance with <!-- timeline: ${id} -->`
        problems.push(`${readme} says nothing about ${id}: write a passage, ${how}`)
      }
      if (!tests.some(text => text.includes(`'${id}'`))) {
        problems.push(`no test/chapters/${chapter.id}-*.test.ts has '${id}': write a test`)
      }
      return problems
    })
  })
}

const TABLE = /<!-- table: [\s\S]*?<!-- end -->/g

/** The ways in which a README can name an example: its id, a script, a file. */
function mentionOf({ id, folder, examples }: CatalogueChapter, name: string): RegExp {
  const ways = [`\\b${id}/${name}(?![\\w-])`, `\\b${id}:${name}:`, `\\b${folder}/${name}/`]
  if (examples[0]?.name === name) ways.push(`\\b${id}:(server|client|demo)\\b`)
  return new RegExp(ways.join('|'))
}

function chapterProblems(root: string, chapter: CatalogueChapter): string[] {
  const folder = `chapters/${chapter.folder}`
  const file = `${folder}/chapter.ts`
  const problems: string[] = []
  const id = chapter.folder.slice(0, 2)
  if (chapter.id !== id) problems.push(`${file}: id is "${chapter.id}", the folder says "${id}"`)
  problems.push(...sentenceProblems(`${file}: promise`, chapter.promise))
  const names = chapter.examples.map(({ name }) => name)
  for (const [index, example] of chapter.examples.entries()) {
    if (names.indexOf(example.name) !== index) {
      problems.push(`${file}: two examples are named "${example.name}": rename one`)
    }
    problems.push(...exampleProblems(root, chapter, example))
  }
  problems.push(...exerciseProblems(root, chapter))
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (!entry.isDirectory() || OTHER_FOLDERS.includes(entry.name)) continue
    if (names.includes(entry.name)) continue
    problems.push(
      `${folder}/${entry.name} is not in chapter.ts: add an example named "${entry.name}"`,
    )
  }
  return problems
}

/** Files without which there is no exercise. */
const EXERCISE_FILES = ['README.md', 'check.ts', 'start.ts', 'solution.ts']

function exerciseProblems(root: string, { folder, exercises = [] }: CatalogueChapter): string[] {
  const place = `chapters/${folder}/exercises`
  const unlisted = namesIn(join(root, place))
    .filter(name => !exercises.includes(name))
    .map(name => `${place}/${name} is not in chapter.ts: add '${name}' to "exercises"`)
  const incomplete = exercises.flatMap(name =>
    EXERCISE_FILES.filter(file => !existsSync(join(root, place, name, file))).map(
      file => `${place}/${name} has no ${file}: add one, or correct "exercises" in chapter.ts`,
    ),
  )
  return [...unlisted, ...incomplete]
}

/** What is in a folder; nothing where there is none. */
function namesIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : []
}

function exampleProblems(root: string, { folder }: CatalogueChapter, example: Example): string[] {
  const where = `chapters/${folder}/chapter.ts: example "${example.name}"`
  const problems = sentenceProblems(where, example.shows)
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(example.name)) {
    problems.push(`${where}: write the name in lower case, with hyphens`)
  }
  const { greeting = '', answer = '' } = example.server
  if (greeting !== '' && answer === '') {
    problems.push(`${where}: its server has a greeting: say what its answer is`)
  }
  if ([...greeting, ...answer].some(character => character > '\xff')) {
    problems.push(`${where}: write greeting and answer as bytes, "\\xc5\\x82" for "ł"`)
  }
  for (const file of programsOf(folder, example)) {
    if (existsSync(join(root, file))) continue
    problems.push(`${where}: ${file} does not exist: add it, or correct "file"`)
  }
  return problems
}

/** The files of an example's programs, the server first. */
function programsOf(folder: string, { server, client, demo }: Example): string[] {
  return [server, client, ...(demo ? [demo] : [])].map(({ file }) => `chapters/${folder}/${file}`)
}

function sentenceProblems(where: string, sentence: string): string[] {
  const problems: string[] = []
  if (!sentence.endsWith('.')) problems.push(`${where}: end "${sentence}" with a full stop`)
  if (sentence.length > 100) problems.push(`${where}: ${sentence.length} columns, 100 at most`)
  return problems
}

/** Lower ports need root; the kernel gives higher ones to clients (`ip_local_port_range`). */
const [LEAST, MOST] = [1024, 32_767]

/** Default ports stand in the programs: one for each example, which no other example has. */
function portProblems(root: string, chapters: readonly CatalogueChapter[]): string[] {
  const problems: string[] = []
  const owners = new Map<number, string>()
  const shared: [port: number, owner: string, other: string][] = []
  for (const { id, chapter, example } of entriesOf(chapters)) {
    const files = programsOf(chapter.folder, example).filter(file => existsSync(join(root, file)))
    const ports = files.map(file => ({ file, port: defaultPortIn(join(root, file)) }))
    problems.push(...programPortProblems(example, ports))
    const port = ports[0]?.port
    if (port === undefined) continue
    const owner = owners.get(port)
    if (owner === undefined) owners.set(port, id)
    else shared.push([port, owner, id])
  }
  let free = 7010
  while (owners.has(free)) free++
  const toDo = `change one (${free} is free)`
  const clashes = shared.map(
    ([port, owner, other]) => `port ${port} belongs to ${owner} and to ${other}: ${toDo}`,
  )
  return [...problems, ...clashes]
}

interface ProgramPort {
  file: string
  port: number | undefined
}

/** What is wrong with the ports of one example's programs, the server's first. */
function programPortProblems({ transport }: Example, programs: readonly ProgramPort[]): string[] {
  const wanted = programs[0]?.port
  return programs.flatMap(({ file, port }, at) => {
    if (transport === 'unix') {
      return port === undefined ? [] : [`${file}: has port(${port}): a path takes its place`]
    }
    if (port === undefined) return [`${file}: has no --port flag: add one with port(…)`]
    if (at > 0 && wanted !== undefined && port !== wanted) {
      return [`${file}: has port(${port}), make it port(${wanted}) as in ${programs[0]?.file}`]
    }
    if (port >= LEAST && port <= MOST) return []
    return [`${file}: has port(${port}), make it one from ${LEAST} to ${MOST}`]
  })
}

function scriptProblems(root: string, chapters: readonly CatalogueChapter[]): string[] {
  const manifest: { scripts: Record<string, string> } = JSON.parse(
    readFileSync(join(root, 'package.json'), 'utf8'),
  )
  const wanted = scriptsOf(chapters)
  const missing = Object.entries(wanted).flatMap(([name, command]) => {
    const now = manifest.scripts[name]
    const cure = `"${command}", or run npm run docs:sync`
    if (now === undefined) return [`package.json: script "${name}" is missing: add ${cure}`]
    return now === command ? [] : [`package.json: script "${name}" is "${now}": make it ${cure}`]
  })
  const extra = Object.keys(manifest.scripts)
    .filter(name => /^\d\d:/.test(name) && !Object.hasOwn(wanted, name))
    .map(name => `package.json: no chapter.ts asks for script "${name}": remove it`)
  return [...missing, ...extra]
}
