import { readdirSync } from 'node:fs'
import { join } from 'node:path'

/** The files below a folder whose names end so, as paths from the root. */
export function filesBelow(root: string, folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith(ending))
    .map(name => join(folder, name))
}
