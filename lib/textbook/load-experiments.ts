import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ROOT } from '#lib/catalogue/index.ts'
import type { Claim, Experiment } from './experiment.ts'

/** An experiment with the file it was read from. */
export interface ListedExperiment {
  /** `chapters/01-socket/experiments/backlog.ts`, relative to the root. */
  name: string
  /** The same, absolute. */
  file: string
  // Seen is known to the experiment alone: outside, it is data.
  experiment: Experiment<unknown>
}

/** A claim with the experiment that decides on it. */
export interface ListedClaim {
  claim: Claim<unknown>
  from: ListedExperiment
}

/** All experiments of all chapters, in the order of their first claim. */
export async function loadExperiments(root = ROOT): Promise<ListedExperiment[]> {
  const names = readdirSync(join(root, 'chapters')).flatMap(chapter =>
    filesIn(join(root, 'chapters', chapter, 'experiments')).map(
      file => `chapters/${chapter}/experiments/${file}`,
    ),
  )
  const loaded = await Promise.all(
    names.map(async name => {
      const file = join(root, name)
      const { default: experiment } = await import(pathToFileURL(file).href)
      return { name, file, experiment: experiment as Experiment<unknown> }
    }),
  )
  return loaded.sort((a, b) => byId(a.experiment.claims[0]!.id, b.experiment.claims[0]!.id))
}

/** The claims of these experiments, in the order of their numbers. */
export function claimsOf(experiments: readonly ListedExperiment[]): ListedClaim[] {
  return experiments
    .flatMap(from => from.experiment.claims.map(claim => ({ claim, from })))
    .sort((a, b) => byId(a.claim.id, b.claim.id))
}

/** 1.9 comes before 1.10. */
export function byId(a: string, b: string): number {
  const [chapterA = 0, numberA = 0] = a.split('.').map(Number)
  const [chapterB = 0, numberB = 0] = b.split('.').map(Number)
  return chapterA - chapterB || numberA - numberB
}

function filesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter(file => file.endsWith('.ts'))
  } catch {
    return []
  }
}

/** The numbers of an experiment's claims: `1.19 1.20`. */
export const claimIds = ({ experiment }: ListedExperiment): string =>
  experiment.claims
    .map(({ id }) => id)
    .sort(byId)
    .join(' ')
