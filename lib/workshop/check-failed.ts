import type { Failure } from './failure.ts'

/** A program does not do what it should: thrown by what examines it, shown to the learner. */
export class CheckFailed extends Error {
  readonly failure: Omit<Failure, 'step'>

  constructor(failure: Omit<Failure, 'step'>) {
    super(failure.what)
    this.failure = failure
  }
}
