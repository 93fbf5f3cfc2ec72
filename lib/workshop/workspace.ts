import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../catalogue/index.ts'
import type { ListedExercise } from './load.ts'

/** What a learner has done so far. */
export interface Progress {
  /** When each exercise was passed first: ISO 8601. */
  passed: Record<string, string>
  /** How many hints have been shown. */
  hints: Record<string, number>
}

/** The learner's own folder: git does not look at it. */
export class Workspace {
  readonly folder: string

  constructor(folder = join(ROOT, 'workspace')) {
    this.folder = folder
  }

  /** The learner's file for an exercise. */
  fileOf({ exercise }: ListedExercise): string {
    return join(this.folder, `${exercise.id}.ts`)
  }

  /** Copies what the exercise starts with, unless the learner has a file already. Says if it did. */
  prepare(one: ListedExercise): boolean {
    const file = this.fileOf(one)
    if (existsSync(file)) return false
    mkdirSync(this.folder, { recursive: true })
    const start = readFileSync(join(ROOT, one.folder, 'start.ts'), 'utf8')
    // The library is nearer from here.
    writeFileSync(file, start.replaceAll("'../../../../lib/", "'../lib/"))
    return true
  }

  /** Begins an exercise anew. Returns where the learner's file was kept; undefined if there was none. */
  reset(one: ListedExercise, now: Date): string | undefined {
    const file = this.fileOf(one)
    let backup: string | undefined
    if (existsSync(file)) {
      const folder = join(this.folder, 'backup')
      mkdirSync(folder, { recursive: true })
      const stamp = now.toISOString().replaceAll(/[:.]/g, '-')
      backup = freeName(join(folder, `${one.exercise.id}-${stamp}`), '.ts')
      renameSync(file, backup)
    }
    this.prepare(one)
    const progress = this.progress()
    delete progress.passed[one.exercise.id]
    delete progress.hints[one.exercise.id]
    this.#save(progress)
    return backup
  }

  progress(): Progress {
    const file = join(this.folder, 'progress.json')
    const empty: Progress = { passed: {}, hints: {} }
    if (!existsSync(file)) return empty
    try {
      const read: Partial<Progress> = JSON.parse(readFileSync(file, 'utf8'))
      const progress = { passed: read.passed ?? {}, hints: read.hints ?? {} }
      if (isRecordOf('string', progress.passed) && isRecordOf('number', progress.hints)) {
        return progress
      }
    } catch {
      // As below.
    }
    // Somebody has edited it. What they had is kept; what was passed can be verified again.
    renameSync(file, freeName(`${file}.broken`))
    return empty
  }

  notePassed(id: string, now: Date): void {
    const progress = this.progress()
    progress.passed[id] ??= now.toISOString()
    this.#save(progress)
  }

  /** Counts one more hint as shown; returns how many there were before. */
  noteHint(id: string): number {
    const progress = this.progress()
    const before = progress.hints[id] ?? 0
    progress.hints[id] = before + 1
    this.#save(progress)
    return before
  }

  #save(progress: Progress): void {
    mkdirSync(this.folder, { recursive: true })
    const file = join(this.folder, 'progress.json')
    // Never half a file, also when we are interrupted.
    const next = `${file}.${process.pid}.new`
    writeFileSync(next, `${JSON.stringify(progress, null, 2)}\n`)
    renameSync(next, file)
  }
}

function isRecordOf(type: string, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  return Object.values(value).every(each => typeof each === type)
}

/** Nothing is ever written over: a number is added where that name is taken. */
function freeName(name: string, ending = ''): string {
  for (let n = 0; ; n++) {
    const candidate = n === 0 ? `${name}${ending}` : `${name}-${n}${ending}`
    if (!existsSync(candidate)) return candidate
  }
}
