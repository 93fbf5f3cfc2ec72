/** `npm run codec`: lists the codecs, and copies one of them into another project. */

import { resolve } from 'node:path'
import { nearest } from '../program/nearest.ts'
import { parseWords, problem } from './arguments.ts'
import { type Codec, codecs, sourcesOf } from './codec-catalogue.ts'
import { type Copied, CopyRefusal, copySources, type Ending, endingFor } from './codec-copy.ts'
import { folderOfReader } from './run-command.ts'

const usage = `usage: npm run codec -- list
       npm run codec -- copy <codec> <folder> [--force] [--js] [--imports ts|js]

  copy            copies the codec and the files it needs into a folder, and makes that if needed
  --force         overwrites files that are different
  --js            copies JavaScript and its declarations instead of TypeScript
  --imports       how the copies import each other: './frame.ts' or './frame.js'
                  (default: what the tsconfig.json above the folder allows; without one, ts)`

/** One line on stderr and exit code 2: the reader's mistake. */
function misuse(message: string): never {
  console.error(`codec: ${message}`)
  process.exit(2)
}

function list(): void {
  const width = Math.max(...codecs().map(({ name }) => name.length))
  for (const { name, format } of codecs()) console.log(`${name.padEnd(width)}  ${format}`)
}

function named(name: string): Codec {
  const known = codecs()
  const codec = known.find(candidate => candidate.name === name)
  if (codec !== undefined) return codec
  const near = nearest(
    name,
    known.map(candidate => candidate.name),
  )
  return misuse(
    `no codec '${name}'${near === undefined ? '' : `; did you mean ${near}?`} (npm run codec -- list)`,
  )
}

function report({ folder, written, same, example, missing }: Copied): void {
  for (const file of written) console.log(`copied  ${file}`)
  for (const file of same) console.log(`same    ${file}`)
  for (const name of missing) {
    console.log(`missing for the example: npm run codec -- copy ${name} ${folder}`)
  }
  console.log(`\nin ${folder}, for example:\n\n${example}`)
}

function copy(name: string, folder: string, force: boolean, js: boolean, ending?: Ending): void {
  const codec = named(name)
  const target = resolve(folderOfReader(), folder)
  try {
    report(
      copySources(codec, sourcesOf(codec), {
        target,
        shown: folder,
        force,
        js,
        ending: js ? 'js' : (ending ?? endingFor(target)),
      }),
    )
  } catch (error) {
    if (!(error instanceof CopyRefusal)) throw error
    console.error(`codec: ${error.message}`)
    process.exit(error.exitCode)
  }
}

function parse(): { words: string[]; force: boolean; js: boolean; imports: string | undefined } {
  try {
    const { values, positionals } = parseWords('npm run codec', process.argv.slice(2), {
      force: { type: 'boolean', short: 'f', default: false },
      js: { type: 'boolean', default: false },
      imports: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    })
    if (values.help) {
      console.log(usage)
      process.exit(0)
    }
    return { words: positionals, force: values.force, js: values.js, imports: values.imports }
  } catch (error) {
    return misuse(problem(error))
  }
}

// Whoever reads this may stop early: `| head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit()
})

const { words, force, js, imports } = parse()
const [command, name, folder, ...rest] = words
if (imports !== undefined && imports !== 'ts' && imports !== 'js') {
  misuse(`--imports is '${imports}', expected ts or js`)
}
if (command === undefined) misuse('list or copy? (npm run codec -- --help)')
if (command === 'list') {
  if (name !== undefined) misuse(`list takes nothing more, not '${name}'`)
  list()
} else if (command === 'copy') {
  if (name === undefined) misuse('copy which codec? (npm run codec -- list)')
  if (folder === undefined)
    misuse(`copy ${name} where? npm run codec -- copy ${name} ../my-app/src`)
  if (rest.length > 0) misuse(`copy takes one codec and one folder, not also '${rest.join(' ')}'`)
  copy(name, folder, force, js, imports)
} else misuse(`no command '${command}', there is list and copy`)
