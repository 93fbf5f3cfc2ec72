import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type CatalogueChapter,
  type CatalogueEntry,
  ROOT,
  scriptName,
} from '#lib/catalogue/index.ts'
import { trueOrFalse } from '#lib/textbook/document.ts'
import { loadExperiments } from '#lib/textbook/load-experiments.ts'
import { readObservations } from '#lib/textbook/observations.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { isPrint, TextTimeline } from '#lib/trace/render-text.ts'
import { type ListedExercise, loadExercises } from '#lib/workshop/load-exercises.ts'
import { captionOf, type EmbedKind } from './caption.ts'
import { listOfCodecs, packageTable, wireFormats } from './codec-tables.ts'
import { exerciseHere, navigation, nextChapter } from './navigation.ts'
import { runProgram } from './run-program.ts'
import { withSameNumbers } from './same-numbers.ts'
import { missingForSession, runSession, sessionNeeds, sessionShape } from './session.ts'
import { shownRun } from './shown-run.ts'
import { transitionTable } from './state-machine.ts'

/**
 * Parts of a Markdown file that are generated. Each stands between a comment that says what it is
 * and a comment that ends it:
 *
 *     <!-- source: chapters/02-tcp-echo/echo/server.ts#server -->   a region of a source file
 *     <!-- timeline: 02/echo -->                                    a run of an example
 *     <!-- output: 02/in-flight client -->                          what one program printed in a run
 *     <!-- output: 04/decoder client, server --step 2 -->           the same, with flags of the server
 *     <!-- session: tcpdump -->                                     a tool watching 02/echo, by hand
 *     <!-- run: chapters/03-udp/symptoms/not-running.ts -->         what a program prints that runs alone
 *     <!-- table: chapters -->                                      the catalogue
 *     <!-- table: examples 02 -->                                   one chapter's examples
 *     <!-- table: exercises 02 -->                                  one chapter's exercises; without it, all
 *     <!-- table: transitions -->                                   the steps of the state machine
 *     <!-- table: transitions closing -->                           those that end a connection
 *     <!-- table: codecs -->                                        what `npm run codec -- list` prints
 *     <!-- table: wire-formats -->                                  the same codecs' frames on the wire
 *     <!-- table: package -->                                       what a program imports of them
 *     <!-- table: claims 02 2.5 2.11 -->                            true or false? with folded answers
 *     <!-- table: navigation 02 -->                                 the chapters beside it, the time to read
 *     <!-- table: exercise tcp-echo -->                             one exercise, where it fits
 *     <!-- table: next 02 -->                                       the chapter to go on with
 *     …
 *     <!-- end -->
 */
const EMBED = /<!-- (source|timeline|output|session|run|table): (.+?) -->\n([\s\S]*?)<!-- end -->/g

/** One generated part of a Markdown file. */
export interface Embed {
  kind: EmbedKind
  /** What follows the colon. */
  what: string
  /** What stands in the file now. */
  body: string
}

/** What embeds are made from. `run` runs an example, at most once for each. */
export interface EmbedSources {
  /** The Markdown file that the embed is in, relative to the root. */
  document: string
  chapters: readonly CatalogueChapter[]
  run: (entry: CatalogueEntry) => Promise<TraceEvent[]>
  /** Runs a program that needs no other, and returns what it prints. Default: as a reader does. */
  runProgram?: (file: string) => Promise<string>
}

export function findEmbeds(markdown: string): Embed[] {
  return [...markdown.matchAll(EMBED)].map(([, kind, what = '', body = '']) => ({
    kind: kind as EmbedKind,
    what,
    body,
  }))
}

/** Puts new bodies into a Markdown file, in the order of its embeds. */
export function replaceEmbeds(markdown: string, bodies: readonly string[]): string {
  let at = 0
  return markdown.replace(
    EMBED,
    (_all, kind, what) => `<!-- ${kind}: ${what} -->\n${bodies[at++]}<!-- end -->`,
  )
}

/** Makes the body of an embed from the real thing: a table, or a caption and a block. */
export async function renderEmbed(embed: Embed, sources: EmbedSources): Promise<string> {
  if (embed.kind === 'table') return renderTable(embed, sources)
  const caption = captionOf(embed, sources.document, sources.chapters)
  return `\n${caption}\n${await renderBlock(embed, sources)}`
}

async function renderBlock(embed: Embed, sources: EmbedSources): Promise<string> {
  const { kind, what } = embed
  if (kind === 'source') return fenced('ts', sourceRegion(what))
  if (kind === 'session') return fenced('console', await runSession(what))
  if (kind === 'run') {
    const output = await (sources.runProgram ?? runProgram)(what)
    return fenced('console', `$ node --import tsx ${what}\n${output}`)
  }
  const { entry, end } = shownRun(what, sources.chapters)
  const events = await sources.run(entry)
  if (embed.kind === 'timeline') return fenced('text', timelineText(events))
  const lines = events.filter(event => isPrint(event) && event.end === end)
  return fenced('text', lines.map(({ text }) => text).join('\n'))
}

async function renderTable(
  { what, body }: Embed,
  { document, chapters }: EmbedSources,
): Promise<string> {
  const [name, ...words] = what.split(' ')
  const [first = ''] = words
  if (name === 'chapters') return chapterTable(chapters)
  if (name === 'transitions') return transitionTable(chapters, document, words[0])
  if (name === 'exercises') return exerciseTable(await loadExercises(), words[0])
  if (name === 'codecs') return listOfCodecs()
  if (name === 'wire-formats') return wireFormats()
  if (name === 'package') return packageTable()
  if (name === 'exercise') return exerciseHere(await loadExercises(), first)
  if (name === 'navigation') return navigation(chapters, first, document, body)
  if (name === 'next') return nextChapter(chapters, first)
  if (name === 'claims') {
    const all = await loadExperiments()
    return `\n${trueOrFalse(all, readObservations(all), first, words.slice(1))}\n\n`
  }
  return exampleTable(chapters, first)
}

/** The caption of a body, and the block below it. */
function parts(body: string): [caption: string, block: string] {
  const at = Math.max(0, body.indexOf('\n```') + 1)
  return [body.slice(0, at), body.slice(at)]
}

/** A fresh body, with the old block where the two differ in nothing but chance. */
export function updated(old: Embed, fresh: string): string {
  const [before, after] = comparable(old, fresh)
  if (before === after) return old.body
  const block = parts(old.body)[1]
  const [oldBlock, freshBlock] = comparable({ ...old, body: block }, parts(fresh)[1])
  return oldBlock === freshBlock ? `${parts(fresh)[0]}${block}` : fresh
}

/** What is needed to make an embed's body, and what of that this machine lacks, if anything. */
export function needsOf({ kind, what }: Pick<Embed, 'kind' | 'what'>): {
  needs: string[]
  lacks: string | undefined
} {
  return kind === 'session'
    ? { needs: sessionNeeds(what), lacks: missingForSession(what) }
    : { needs: [], lacks: undefined }
}

/** Why the program of a `run` could not show anything here, if it says so: `needs Linux`. */
export function skippedBecause(body: string): string | undefined {
  return /^skipped: (.+)$/m.exec(body)?.[1]
}

/**
 * What must be equal for a generated part to be up to date. Source and tables: everything. Runs:
 * the words, and the numbers as far as they mean something (`withSameNumbers`). For a timeline each
 * column on its own, because the order between two processes may differ as well.
 *
 * @returns the two texts to be compared: that of the file, and that of the fresh part.
 */
export function comparable(old: Embed, fresh: string): [old: string, fresh: string] {
  if (old.kind === 'source' || old.kind === 'table') return [old.body, fresh]
  if (old.kind === 'session') {
    return [sessionShape(old.body).join('\n'), sessionShape(fresh).join('\n')]
  }
  const layout = old.kind === 'timeline' ? columns : (text: string) => text
  const [before, after] = [old.body, fresh].map(text => layout(evenedOut(text))) as [string, string]
  return withSameNumbers(before, after)
}

function evenedOut(body: string): string {
  return (
    body
      .replaceAll(/\/\S+\/example\.sock/g, 'PATH')
      .replaceAll(/localhost is .+ here/g, 'localhost is ADDRESSES here')
      // Node 20 and 22 end a reset connection in another way than newer ones: see chapter 02.
      .replaceAll(/(reset: got \d+ bytes, then) \w+/g, '$1 HOW')
      // What depends on the version of Node, or on the shell: the page names the other outcomes.
      .replaceAll(/^here, .+$/gm, 'here, OUTCOME')
  )
}

/** A timeline without its times: the server's column, then the client's. */
function columns(body: string): string {
  const lines = body.split('\n').map(line => line.trimEnd())
  // The server's column begins behind the times; what is wrapped is indented by two.
  const isServer = (line: string) => /^[\d. ]{9} {2,4}\S/.test(line)
  const [server, client] = [lines.filter(isServer), lines.filter(line => !isServer(line))]
  return [...server, ...client].map(line => line.trim().replace(/^\d+\.\d\s+/, '')).join('\n')
}

function fenced(language: string, text: string): string {
  return `\n\`\`\`${language}\n${text.trimEnd()}\n\`\`\`\n\n`
}

/** The lines between `// #region name` and `// #endregion name`, or the whole file. */
export function sourceRegion(reference: string): string {
  const [file = '', region] = reference.split('#')
  const text = readFileSync(join(ROOT, file), 'utf8')
  if (region === undefined) return withoutMarks(text.split('\n')).join('\n')
  const match = new RegExp(
    `^ *// #region ${region}\n([\\s\\S]*?)^ *// #endregion ${region}$`,
    'm',
  ).exec(text)
  if (!match?.[1]) throw new Error(`${file} has no region "${region}": mark it with // #region`)
  // Regions may lie within each other: the marks of the inner ones are not shown.
  const lines = withoutMarks(match[1].split('\n'))
  const indent = Math.min(...lines.filter(line => line !== '').map(line => line.search(/\S/)))
  return lines.map(line => line.slice(indent)).join('\n')
}

function withoutMarks(lines: readonly string[]): string[] {
  return lines.filter(line => !/^ *\/\/ #(end)?region /.test(line))
}

/** A timeline as it stands in a document: 96 columns wide. */
function timelineText(events: readonly TraceEvent[]): string {
  const timeline = new TextTimeline({ columns: 96, color: false })
  return [timeline.header(), ...events.map(event => timeline.event(event))].join('\n')
}

function chapterTable(chapters: readonly CatalogueChapter[]): string {
  const rows = chapters.map(chapter => {
    const examples = chapter.examples.map(({ name }) => `\`${name}\``).join(', ')
    const link = `[${chapter.id} ${chapter.title}](chapters/${chapter.folder}/README.md)`
    return `| ${link} | ${chapter.promise} | ${examples} |`
  })
  return `\n| chapter | what you can do afterwards | examples |\n| --- | --- | --- |\n${rows.join('\n')}\n\n`
}

/** The exercises of a chapter, or of all of them, with links from the folder of the document. */
function exerciseTable(exercises: readonly ListedExercise[], chapter: string | undefined): string {
  const rows = exercises
    .filter(one => chapter === undefined || one.chapter === chapter)
    .map(({ chapter: id, folder, exercise }) => {
      const parts = folder.split('/')
      // A chapter's README is beside the folder `exercises`; other pages are in `docs`.
      const link = chapter === undefined ? `../${folder}` : parts.slice(2).join('/')
      const own = chapter === undefined ? `${id} | ` : ''
      return `| ${own}[\`${exercise.id}\`](${link}/README.md) | ${exercise.title} |`
    })
  const [head, rule] =
    chapter === undefined
      ? ['| chapter | exercise | what it is |', '| --- | --- | --- |']
      : ['| exercise | what it is |', '| --- | --- |']
  return `\n${head}\n${rule}\n${rows.join('\n')}\n\n`
}

function exampleTable(chapters: readonly CatalogueChapter[], id: string): string {
  const chapter = chapters.find(candidate => candidate.id === id)
  if (!chapter) throw new Error(`no chapter "${id}" in the catalogue: correct the comment`)
  const rows = chapter.examples.map(example => {
    const entry = { id: `${chapter.id}/${example.name}`, chapter, example }
    const second = example.demo ? 'demo' : 'client'
    const programs = `\`${scriptName(entry, 'server')}\`, \`${scriptName(entry, second)}\``
    const linux = example.needs === 'linux' ? ' (Linux)' : ''
    return `| \`npm start ${entry.id}\` | ${example.shows}${linux} | ${programs} |`
  })
  return `\n| run | what it shows | scripts |\n| --- | --- | --- |\n${rows.join('\n')}\n\n`
}
