/** `npm run codec`: lists the codecs, and copies one of them into another project. */

import { resolve } from 'node:path'
import { type Codec, codecList, codecs, sourcesOf } from '#lib/catalogue/codecs.ts'
import { nearest } from '#lib/program/nearest.ts'
import { complain } from '#lib/program/one-line.ts'
import { ArgumentError, UsageError } from './arguments.ts'
import { type Copied, CopyError, copySources, type Ending, endingFor } from './codec-copy.ts'
import { readersFolder, runCommand } from './run-command.ts'

const usage = `usage: npm run codec -- list
       npm run codec -- copy <codec> <folder> [--force] [--js] [--imports ts|js]

  copy            copies the codec and the files it needs into a folder, and makes that if needed
  --force         overwrites files that are different
  --js            copies JavaScript and its declarations instead of TypeScript
  --imports       how the copies import each other: './frame.ts' or './frame.js'
                  (default: what the tsconfig.json above the folder allows; without one, ts)`

/** The reader's mistake. */
function misuse(message: string): never {
  throw new UsageError(`codec: ${message}`)
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

function copy(name: string, folder: string, force: boolean, js: boolean, ending?: Ending): number {
  const codec = named(name)
  const target = resolve(readersFolder(), folder)
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
    return 0
  } catch (error) {
    if (!(error instanceof CopyError)) throw error
    complain(`codec: ${error.message}`)
    return error.exitCode
  }
}

await runCommand({
  name: 'npm run codec',
  usage,
  flags: {
    force: { type: 'boolean', short: 'f', default: false },
    js: { type: 'boolean', default: false },
    imports: { type: 'string' },
  },
  lineFor: mistake => `codec: ${mistake} (npm run codec -- --help)`,
  run: codec,
})

function codec(
  { force, js, imports }: { force: boolean; js: boolean; imports?: string | undefined },
  words: readonly string[],
): number {
  const [command, name, folder, ...rest] = words
  if (imports !== undefined && imports !== 'ts' && imports !== 'js') {
    misuse(`--imports is '${imports}', expected ts or js`)
  }
  if (command === undefined) throw new ArgumentError('list or copy?')
  if (command === 'list') {
    if (name !== undefined) misuse(`list takes nothing more, not '${name}'`)
    console.log(codecList())
    return 0
  }
  if (command !== 'copy') throw new ArgumentError(`no command '${command}', there is list and copy`)
  if (name === undefined) misuse('copy which codec? (npm run codec -- list)')
  // An empty word is no folder: a variable of the reader's may be empty.
  if (!folder) {
    misuse(`copy ${name} where? npm run codec -- copy ${name} ../my-app/src`)
  }
  if (rest.length > 0) misuse(`copy takes one codec and one folder, not also '${rest.join(' ')}'`)
  return copy(name, folder, force, js, imports)
}
