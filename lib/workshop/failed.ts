import type { Failure } from './exercise.ts'

/** A program does not do what it should: thrown by what examines it, shown to the learner. */
export class Failed extends Error {
  readonly failure: Omit<Failure, 'step'>
  /** It did the right thing, and only too late: a busy machine may be why, once. */
  readonly late: boolean

  constructor(failure: Omit<Failure, 'step'>, late = false) {
    super(failure.what)
    this.failure = failure
    this.late = late
  }
}

/** The machine was too busy to tell whether a program does what it should. */
export class Unsure extends Error {}

/** Where two byte strings begin to differ; the length of the shorter one where that is all. */
export function firstDifference(one: Uint8Array, other: Uint8Array): number {
  const shorter = Math.min(one.length, other.length)
  // The usual case first, and fast: byte strings may be long.
  if (Buffer.compare(one.subarray(0, shorter), other.subarray(0, shorter)) === 0) return shorter
  for (let at = 0; at < shorter; at++) if (one[at] !== other[at]) return at
  return shorter
}

export const bytesOf = (data: string | Uint8Array): Buffer =>
  typeof data === 'string' ? Buffer.from(data) : Buffer.from(data)

export const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`
