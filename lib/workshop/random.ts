/**
 * Random numbers that a seed repeats: mulberry32.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Random } from '#lib/workshop/random.ts'
 *
 * assert.equal(new Random(7).below(1000), new Random(7).below(1000))
 * ```
 */
export class Random {
  readonly seed: number
  #state: number

  /** @param name Numbers of their own for each name, whatever other names there are. */
  constructor(seed: number, name = '') {
    this.seed = seed
    this.#state = seed ^ hashOf(name)
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * limit)
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1)
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.below(256)))
  }

  /** Small letters. */
  word(letters: number): string {
    const codes = Array.from({ length: letters }, () => 97 + this.below(26))
    return String.fromCharCode(...codes)
  }

  /** One of these. */
  of<T>(choice: readonly T[]): T {
    return choice[this.below(choice.length)]!
  }

  /** Cuts bytes into pieces of 1 to `most` bytes. */
  cut(bytes: Uint8Array, most: number): Uint8Array[] {
    const pieces: Uint8Array[] = []
    for (let at = 0; at < bytes.length; ) {
      const end = at + this.between(1, most)
      pieces.push(bytes.subarray(at, end))
      at = end
    }
    return pieces
  }
}

/** FNV-1a with 32 bits; 0 for an empty text. */
function hashOf(text: string): number {
  if (text === '') return 0
  let hash = 0x811c9dc5
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash
}
