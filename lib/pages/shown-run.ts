import {
  type CatalogueChapter,
  type CatalogueEntry,
  entryOf,
  type Program,
  scriptName,
} from '#lib/catalogue/index.ts'

/** What a timeline or an output shows. */
interface ShownRun {
  /** The example, with the flags of this run; its id names them too. */
  entry: CatalogueEntry
  /** Whose output it is. */
  end: string | undefined
  /** What a reader types in two terminals, where flags are needed; else it is `npm start`. */
  commands?: { server: string; client: string }
}

/**
 * Reads `02/echo`, `02/echo client`, and with flags of the server, or of both programs,
 * `04/decoder client, server --step 2` and `04/header client, both --format mysql`.
 *
 * @throws {Error} where the catalogue has no such example.
 */
export function shownRun(what: string, chapters: readonly CatalogueChapter[]): ShownRun {
  const [shown = '', flags] = what.split(', ')
  const [name = '', end] = shown.split(' ')
  const entry = entryOf(chapters, name)
  if (flags === undefined) return { entry, end }
  const [whose, ...args] = flags.split(' ')
  const more = (program: Program, isGiven: boolean): Program =>
    isGiven ? { ...program, args: [...(program.args ?? []), ...args] } : program
  const isForBoth = whose === 'both'
  const { example } = entry
  const server = { ...example.server, ...more(example.server, true) }
  const client = { ...example.client, ...more(example.client, isForBoth) }
  const command = (role: 'server' | 'client', isGiven: boolean) =>
    `npm run ${scriptName(entry, role)}${isGiven ? ` -- ${args.join(' ')}` : ''}`
  return {
    entry: { ...entry, id: `${entry.id}, ${flags}`, example: { ...example, server, client } },
    end,
    commands: { server: command('server', true), client: command('client', isForBoth) },
  }
}
