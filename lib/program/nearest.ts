import { distance } from 'fastest-levenshtein'

/** The known name that a mistyped one most likely means; `undefined` when none is close. */
export function nearest(typed: string, known: readonly string[]): string | undefined {
  const plain = plainOf(typed)
  if (plain === '') return undefined
  let best: { name: string; steps: number } | undefined
  for (const name of known) {
    const target = plainOf(name)
    const isPart = plain.length >= 3 && target.includes(plain)
    const steps = isPart ? 1 : distance(plain, target)
    if (best === undefined || steps < best.steps) best = { name, steps }
  }
  return best && best.steps <= Math.max(2, plain.length / 3) ? best.name : undefined
}

/**
 * How a message about an unknown name ends: with the name that was meant, or, where none is close,
 * with what lists them all.
 */
export function didYouMean(near: string | undefined, list: string): string {
  return near === undefined ? `; all: ${list}` : `: did you mean ${near}?`
}

/** Only what tells names apart: `Length_Prefix` is `length-prefix`. */
function plainOf(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
}
