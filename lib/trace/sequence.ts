/** Arithmetic of sequence numbers: 32 bits, which wrap around (RFC 9293 §3.4). */
const MODULUS = 2 ** 32

/** `a + count`, where `count` may be negative. */
export function sequencePlus(a: number, count: number): number {
  return (a + count + MODULUS) % MODULUS
}

/** How far `a` is after `b`: negative when it is before. */
export function sequenceDistance(a: number, b: number): number {
  const ahead = (a - b + MODULUS) % MODULUS
  return ahead < MODULUS / 2 ? ahead : ahead - MODULUS
}
