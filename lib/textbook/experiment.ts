import type { Requirement } from '#lib/kernel/requirements.ts'
import type { Lab } from '#lib/lab/lab.ts'

/** What became of a textbook's statement. `depends`: true only under a condition it omits. */
export type Verdict = 'holds' | 'depends' | 'outdated' | 'wrong'

/** What an observation says about a claim. */
export interface Judgement {
  /** `unclear`: the observation fits none of the known answers. */
  verdict: Verdict | 'unclear'
  /** What was seen, with its numbers, in one line. */
  observed: string
}

/** One statement of a textbook, and how an observation decides on it. */
export type Claim<Observation> = ClaimText<Observation> & VerdictExpected

/**
 * What we expect to find. What is called wrong or outdated is so somewhere: for these kernels, these
 * versions or these standards (`Linux since 5.4`, `RFC 9293 section 3.1`).
 */
type VerdictExpected =
  | { verdict: 'holds' | 'depends'; appliesTo?: undefined }
  | { verdict: 'wrong' | 'outdated'; appliesTo: string }

interface ClaimText<Observation> {
  /** Chapter and number: `1.20`. */
  id: string
  /** True for the claims that a chapter cannot do without. */
  essential: boolean
  /** The statement as textbooks have it. */
  statement: string
  /** How it really is, in one or two sentences. */
  truth: string
  /** RFC section or man page that decides. */
  source: string
  /** What it takes beyond what its experiment needs: without that, only the others are judged. */
  needs?: readonly Requirement[]
  /** The example of the catalogue that shows the same in a program to play with: `01/backlog`. */
  example?: string
  /** Pure: computes the verdict from what was seen, and from nothing else. */
  judge(seen: Observation): Judgement
  /** An observation of another world, for which `judge` must find something else. */
  counterexample(seen: Observation): Observation
}

/** Notes a step: what was done, or what was seen. */
export type Observe = (step: string) => void

/** Claims, and the run that puts them to the test. */
export interface Experiment<Observation> {
  /** In a few words: what is done. */
  title: string
  claims: readonly Claim<Observation>[]
  /** What it cannot do without. What it only says more with is asked of the lab. */
  needs: readonly Requirement[]
  /** True where it takes more than 20 seconds: it runs only when asked for. */
  slow?: boolean
  /**
   * Does the thing with real sockets and returns what it saw, as plain data. It never assumes and
   * never judges.
   */
  run(lab: Lab, observe: Observe): Promise<Observation>
}

/**
 * Declares an experiment: the default export of `chapters/NN-…/experiments/<slug>.ts`.
 *
 * `run` happens in a process of its own, in a private network namespace where one can be had, so
 * everything it makes is gone when that process is.
 */
export function experiment<Observation>(
  definition: Experiment<Observation>,
): Experiment<Observation> {
  return definition
}
