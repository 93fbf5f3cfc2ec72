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
