import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { ROOT } from '#lib/catalogue/index.ts'
import { makeFolder } from '#lib/program/make-folder.ts'
import { explainCode } from '#lib/program/system-error.ts'
import { type ListedExercise, readIfPresent } from './load-exercises.ts'

/** What a learner has done so far. */
export interface Progress {
  /** When each exercise was passed first: ISO 8601. */
  passed: Record<string, string>
  /** How many hints have been shown. */
  hints: Record<string, number>
}

/** The learner's folder cannot be read or written; the message is one line for the learner. */
export class WorkspaceError extends Error {}

/** The learner's own folder: git does not look at it. */
export class Workspace {
  readonly folder: string
  readonly #notice: (line: string) => void

  /** `notice` gets a line when a file of the learner's had to be put aside. */
  constructor(folder = join(ROOT, 'workspace'), notice: (line: string) => void = console.error) {
    this.folder = folder
    this.#notice = notice
  }

  /** The learner's file for an exercise. */
  fileOf({ exercise }: ListedExercise): string {
    return join(this.folder, `${exercise.id}.ts`)
  }

  /**
   * Copies what the exercise starts with, unless the learner has a file already. Says if it did.
   *
   * @throws {WorkspaceError} when the file cannot be written.
   */
  prepare(one: ListedExercise): boolean {
    const file = this.fileOf(one)
    if (existsSync(file)) return false
    const beside = this.#writeBeside(file, startOf(one))
    this.#attempt(`make ${near(file)}`, () => renameSync(beside, file), beside)
    return true
  }

  /**
   * Begins an exercise anew. Returns where the learner's file was kept; undefined if there was none.
   *
   * @throws {WorkspaceError} when that cannot be done: the learner's file is where it was then.
   */
  reset(one: ListedExercise, now: Date): string | undefined {
    const file = this.fileOf(one)
    // Written before the old one moves: with a full disk, nothing has changed.
    const beside = this.#writeBeside(file, startOf(one))
    const backup = this.#attempt(
      `keep a copy of ${near(file)}`,
      () => {
        if (!existsSync(file)) return undefined
        const folder = join(this.folder, 'backup')
        makeFolder(folder)
        const stamp = now.toISOString().replaceAll(/[:.]/g, '-')
        const place = freeName(join(folder, `${one.exercise.id}-${stamp}`), '.ts')
        renameSync(file, place)
        return place
      },
      beside,
    )
    this.#attempt(`make ${near(file)}`, () => renameSync(beside, file), beside)
    const progress = this.progress()
    delete progress.passed[one.exercise.id]
    delete progress.hints[one.exercise.id]
    this.#save(progress)
    return backup
  }

  /**
   * What is noted so far. A file that makes no sense is put aside, and the learner is told where;
   * what can be read of it still counts.
   *
   * @throws {WorkspaceError} when the file is there and cannot be read or put aside.
   */
  progress(): Progress {
    const file = this.#progressFile
    const text = this.#attempt(`read ${near(file)}`, () => readIfPresent(file))
    if (text === undefined) return { passed: {}, hints: {} }
    const { progress, problem } = parseProgress(text)
    if (problem === undefined) return progress
    const kept = freeName(`${file}.broken`)
    this.#attempt(`put ${near(file)} aside, which ${problem}`, () => renameSync(file, kept))
    const count = Object.keys(progress.passed).length
    const restored = count === 0 ? 'nothing in it counts' : `${count} passed of it still count`
    this.#notice(
      `${near(file)} ${problem}: kept as ${near(kept)}; ${restored}, and ` +
        'npm run workshop -- verify --all passes again what your files pass',
    )
    if (count > 0) this.#save(progress)
    return progress
  }

  /** @throws {WorkspaceError} when it cannot be noted. */
  notePassed(id: string, now: Date): void {
    const progress = this.progress()
    progress.passed[id] ??= now.toISOString()
    try {
      this.#save(progress)
    } catch (error) {
      throw new WorkspaceError(
        `${id} is passed, but ${(error as Error).message}; ` +
          `once that is possible: npm run workshop -- verify ${id}`,
      )
    }
  }

  /** Counts one more hint as shown; returns how many there were before. */
  noteHint(id: string): number {
    const progress = this.progress()
    const before = progress.hints[id] ?? 0
    progress.hints[id] = before + 1
    this.#save(progress)
    return before
  }

  get #progressFile(): string {
    return join(this.folder, 'progress.json')
  }

  #save(progress: Progress): void {
    const file = this.#progressFile
    const beside = this.#writeBeside(file, `${JSON.stringify(progress, null, 2)}\n`)
    this.#attempt(`write ${near(file)}`, () => renameSync(beside, file), beside)
  }

  /** Writes a file beside its place, whole or not at all: never half a file in the place itself. */
  #writeBeside(file: string, text: string): string {
    const beside = `${file}.${process.pid}.new`
    this.#attempt(
      `write ${near(file)}`,
      () => {
        makeFolder(dirname(file))
        writeFileSync(beside, text)
      },
      beside,
    )
    return beside
  }

  /** Does something with files; where that fails, says what, in one line, and leaves no half file. */
  #attempt<T>(what: string, action: () => T, halfDone?: string): T {
    try {
      return action()
    } catch (error) {
      if (halfDone !== undefined) removeIfPossible(halfDone)
      throw new WorkspaceError(`cannot ${what}: ${explainCode(error)}`)
    }
  }
}

const near = (file: string): string => relative(process.cwd(), file)

function startOf({ folder }: ListedExercise): string {
  return readFileSync(join(ROOT, folder, 'start.ts'), 'utf8')
}

function removeIfPossible(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // The error that brought us here says more.
  }
}

/** Reads what a progress file says. `problem`: what is wrong with it; the rest counts all the same. */
function parseProgress(text: string): { progress: Progress; problem?: string } {
  const progress: Progress = { passed: {}, hints: {} }
  let read: unknown
  try {
    // Some editors write a byte order mark, which JSON has not.
    read = JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    return { progress, problem: 'is no JSON' }
  }
  const passed = entriesOf(read, 'passed')
  const hints = entriesOf(read, 'hints')
  for (const [id, when] of passed ?? []) if (isDate(when)) progress.passed[id] = when
  for (const [id, shown] of hints ?? []) if (isCount(shown)) progress.hints[id] = shown
  const kept = Object.keys(progress.passed).length + Object.keys(progress.hints).length
  if (passed !== undefined && hints !== undefined && kept === passed.length + hints.length) {
    return { progress }
  }
  return { progress, problem: 'has something in it that is no progress' }
}

/** The entries of a field that is an object; none where the field is missing. */
function entriesOf(read: unknown, field: string): [string, unknown][] | undefined {
  if (typeof read !== 'object' || read === null || Array.isArray(read)) return undefined
  const value: unknown = Reflect.get(read, field)
  if (value === undefined) return []
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.entries(value)
}

const isDate = (value: unknown): value is string =>
  typeof value === 'string' && !Number.isNaN(Date.parse(value))

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

/** Nothing is ever written over: a number is added where that name is taken. */
function freeName(name: string, ending = ''): string {
  for (let n = 0; ; n++) {
    const candidate = n === 0 ? `${name}${ending}` : `${name}-${n}${ending}`
    if (!existsSync(candidate)) return candidate
  }
}
