/** A number in the output of a run. */
const NUMBER = /0x[0-9a-f]+|\d+(?:\.\d+)?/g

/**
 * Numbers that are different in every run and mean nothing: times, ratios of times, ports, inodes,
 * the settings of a machine, how often somebody had to ask. Of an inode, whether it is 0 does mean
 * something: nobody owns the socket.
 */
const CHANCE: readonly RegExp[] = [
  /\d+(\.\d+)?(?= (ms|s|times)\b)/g,
  /(?<=[\w.\]]:)\d+/g,
  /(?<=\bport )\d+/g,
  /(?<=little-endian: )\d+/g,
  /0x[0-9a-f]+/g,
  /(?<=socket:\[)\d+/g,
  /(?<=inode )[1-9]\d*/g,
  /\d+(?=.*\(net\.ipv4\.)/g,
  /(?<=questions: )\d+/g,
]

/** How far a large number may be from another that means the same: sizes of buffers, counts. */
const TOLERANCE = 1 / 3

/**
 * Makes two texts equal where their numbers mean the same: numbers of chance always; others below 10
 * when they are equal, larger ones when they are near each other. What still differs then is what a
 * reader would call another result.
 */
export function withSameNumbers(old: string, fresh: string): [old: string, fresh: string] {
  const [before, after] = [withoutChance(old), withoutChance(fresh)]
  if (before.replaceAll(NUMBER, 'N') !== after.replaceAll(NUMBER, 'N')) return [before, after]
  const numbers = [...before.matchAll(NUMBER)].map(([number]) => number)
  let at = 0
  const settled = after.replaceAll(NUMBER, number => {
    const other = numbers[at++]!
    return areNear(Number(number), Number(other)) ? other : number
  })
  return [before, settled]
}

function areNear(a: number, b: number): boolean {
  if (Math.min(a, b) < 10) return a === b
  return Math.abs(a - b) <= TOLERANCE * Math.max(a, b)
}

function withoutChance(text: string): string {
  return CHANCE.reduce((rest, chance) => rest.replaceAll(chance, '~'), text)
}
