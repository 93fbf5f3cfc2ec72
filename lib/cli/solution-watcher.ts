import { readFileSync, statSync, unwatchFile, watchFile } from 'node:fs'
import { dirname, resolve } from 'node:path'

/** The time between two looks at the files, in milliseconds. */
const LOOK_MS = 250

/**
 * Waits for a reason to check a solution again: its file was saved, with the same content or another
 * one; a file that it imports was saved; or the learner pressed Enter.
 *
 * It looks at names four times a second, so it sees what editors replace by renaming, what is deleted
 * and made anew, and what lies on a file system that reports no changes.
 */
export class SolutionWatcher {
  readonly #file: string
  readonly #watched = new Set<string>()
  #hasReason = false
  #wake: (() => void) | undefined

  constructor(file: string) {
    this.#file = file
    this.#watchAll()
    process.stdin.on('data', this.#onReason)
    process.stdin.on('error', () => {})
    process.stdin.resume()
  }

  /** Settles when the file is there, and there was a reason since this settled before. */
  async next(): Promise<void> {
    while (!this.#hasReason || !this.#isThere()) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    this.#hasReason = false
    this.#watchAll()
  }

  close(): void {
    for (const file of this.#watched) unwatchFile(file, this.#onReason)
    process.stdin.off('data', this.#onReason)
    process.stdin.pause()
  }

  readonly #onReason = (): void => {
    this.#hasReason = true
    this.#wake?.()
  }

  /** An editor that writes in two steps leaves the file empty, or missing, for a moment. */
  #isThere(): boolean {
    return (statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0) > 0
  }

  #watchAll(): void {
    for (const file of withImports(this.#file)) {
      if (this.#watched.has(file)) continue
      this.#watched.add(file)
      watchFile(file, { interval: LOOK_MS }, this.#onReason)
    }
  }
}

/** A relative import or require(). One in a comment does no harm: a file more is watched. */
const IMPORT = /\b(?:from|import|require)\s*\(?\s*['"](\.{1,2}\/[^'"\n]+)['"]/g

/** A file, and the files that it imports by a relative path, directly and by way of others. */
function withImports(file: string): string[] {
  const found = [file]
  // The list grows while it is walked.
  for (const next of found) {
    for (const [, specifier] of readIfPossible(next).matchAll(IMPORT)) {
      const place = placeOf(resolve(dirname(next), specifier!))
      if (place !== undefined && !found.includes(place)) found.push(place)
    }
  }
  return found
}

/** Where an import leads: to that file, to the TypeScript behind a `.js`, or to what lacks its end. */
function placeOf(path: string): string | undefined {
  const candidates = [path, path.replace(/\.js$/, '.ts'), `${path}.ts`, `${path}/index.ts`]
  return candidates.find(one => statSync(one, { throwIfNoEntry: false })?.isFile())
}

function readIfPossible(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
