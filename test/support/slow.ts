const { SLOW = '' } = process.env

/**
 * True for `npm run test:slow`. Without it the suite leaves out experiments of more than 20
 * seconds, masses of bytes and connections, and what runs once more what another test has run.
 */
export const withSlow = SLOW === '1'

/**
 * Whether a test file leaves nothing out: with `SLOW=1`, and where `SLOW` names its folder, as in CI:
 * `SLOW=environments,textbook`.
 */
export const isComplete = (folder: string): boolean => withSlow || SLOW.split(',').includes(folder)

/** In the name of a test that is left out without it: a run with `NO_SKIP=1` takes no offence at that. */
export const ONLY_SLOW = '(npm run test:slow)'

/**
 * Cases of a matrix that prove one shared function again and again: with SLOW=1 all of them, otherwise
 * `few` of them, evenly spread from the first to the last.
 */
export function spread<T>(cases: readonly T[], few: number): T[] {
  return withSlow ? [...cases] : evenly(cases, few)
}

/** Takes `few` of the cases, evenly spread from the first to the last. */
export function evenly<T>(cases: readonly T[], few: number): T[] {
  if (few >= cases.length) return [...cases]
  const step = (cases.length - 1) / Math.max(1, few - 1)
  return Array.from({ length: few }, (_, n) => cases[Math.round(n * step)]!)
}
