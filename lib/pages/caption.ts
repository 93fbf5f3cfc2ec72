import { basename, dirname, relative } from 'node:path/posix'
import type { CatalogueChapter } from '#lib/catalogue/index.ts'
import { sessionNeeds, watchesEcho } from './session.ts'
import { shownRun } from './shown-run.ts'

/** What a generated part of a document is. */
export type EmbedKind = 'source' | 'timeline' | 'output' | 'session' | 'run' | 'table'

/**
 * The line above a generated block: which file it is from, or what was run and whose output it is.
 *
 * @param document the Markdown file, relative to the root: links start from its folder.
 */
export function captionOf(
  { kind, what }: { kind: EmbedKind; what: string },
  document: string,
  chapters: readonly CatalogueChapter[],
): string {
  const [name = ''] = what.split(' ')
  switch (kind) {
    case 'source': {
      const [file = '', region] = what.split('#')
      const link = `[\`${file}\`](${relative(dirname(document), file)})`
      return region === undefined ? `The whole of ${link}:` : `From ${link}:`
    }
    case 'timeline':
      return `\`npm start ${name}\` prints what both programs see and do:`
    case 'output': {
      const { entry, end, commands } = shownRun(what, chapters)
      if (commands) {
        return `With \`${commands.server}\` in another terminal, \`${commands.client}\` prints:`
      }
      const isDemo = end === 'client' && entry.example.demo !== undefined
      return `In \`npm start ${name}\`, the ${isDemo ? 'demo' : end} prints:`
    }
    case 'session': {
      const asRoot = sessionNeeds(name).includes('root') ? ', as root' : ''
      const meanwhile = watchesEcho(name) ? ', while `npm run 02:server` runs in another' : ''
      return `In a terminal${asRoot}${meanwhile}:`
    }
    case 'run':
      return `[\`${basename(name)}\`](${relative(dirname(document), name)}) shows it:`
    case 'table':
      return ''
  }
}
