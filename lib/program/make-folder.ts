import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Makes a folder and the ones above it that are missing. Returns the first that was made; undefined
 * where the folder exists already.
 *
 * Node's `recursive` reports ENOENT for a read-only file system, which is not what the system said:
 * EROFS. So each folder is made by a call of its own, and its error is passed on unchanged.
 *
 * @throws the system's error.
 */
export function makeFolder(folder: string): string | undefined {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return undefined
  const above = dirname(folder)
  const first = existsSync(above) ? undefined : makeFolder(above)
  try {
    mkdirSync(folder)
  } catch (error) {
    // Another program may have made it in the meantime.
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error
    return first
  }
  return first ?? folder
}
