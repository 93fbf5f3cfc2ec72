import { join, relative } from 'node:path'
import { type CatalogueEntry, type Example, ROOT } from '#lib/catalogue/index.ts'
import type { Programs } from './programs.ts'

/** An example made of two programs that exist only in a test. */
export function entryOf(
  programs: Programs,
  server: string,
  client: string,
  more: Partial<Example> = {},
): CatalogueEntry {
  const example: Example = {
    name: 'test',
    shows: 'A test.',
    transport: 'tcp',
    server: { file: relative(programs.folder, programs.write(server)) },
    client: { file: relative(programs.folder, programs.write(client)) },
    ...more,
  }
  const folder = relative(join(ROOT, 'chapters'), programs.folder)
  const chapter = { id: '00', folder, title: 'Test', promise: 'Test.', examples: [example] }
  return { id: '00/test', chapter, example }
}
