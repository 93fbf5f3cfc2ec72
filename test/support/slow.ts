const { SLOW } = process.env

/**
 * True for `npm run test:slow`. Without it the suite leaves out masses of bytes and connections, and
 * what runs once more what another test has run.
 */
export const withSlow = SLOW === '1'

/**
 * True in CI, which sets `SLOW=some`, and for `npm run test:slow`. Without it the suite is for those who
 * wait for it: of many cases it runs a few, and no experiment of more than 20 seconds.
 */
export const withSome = withSlow || SLOW === 'some'

/** In the name of a test that runs with `SLOW=1` only: a run with `NO_SKIP=1` takes no offence at that. */
export const ONLY_SLOW = '(npm run test:slow)'

/**
 * Cases of a matrix that prove one shared function again and again: with SLOW=1 all of them, with
 * SLOW=some `some`, otherwise `few` of them, evenly spread from the first to the last.
 */
export function spread<T>(cases: readonly T[], few: number, some: number): T[] {
  return withSlow ? [...cases] : evenly(cases, withSome ? some : few)
}

/** Takes `few` of the cases, evenly spread from the first to the last; a single one from the middle. */
export function evenly<T>(cases: readonly T[], few: number): T[] {
  if (few >= cases.length) return [...cases]
  if (few === 1) return [cases[cases.length >> 1]!]
  const step = (cases.length - 1) / (few - 1)
  return Array.from({ length: few }, (_, n) => cases[Math.round(n * step)]!)
}
