import { createHash } from 'node:crypto'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus'

/**
 * Random numbers that a seed repeats.
 *
 * @example
 * ```ts
 * import assert from 'node:assert/strict'
 * import { Random } from '#lib/program/random.ts'
 *
 * assert.equal(new Random(7).below(1000), new Random(7).below(1000))
 * ```
 */
export class Random {
  readonly #generator: ReturnType<typeof xoroshiro128plus>

  /** @param name Each name has its own numbers, whatever other names there are. */
  constructor(seed: number, name = '') {
    // The first numbers of the generator are alike where its seeds are: a hash keeps those apart.
    const hash = createHash('sha256').update(`${seed} ${name}`).digest()
    this.#generator = xoroshiro128plus(hash.readInt32LE())
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    return uniformInt(this.#generator, 0, limit - 1)
  }

  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number {
    return uniformInt(this.#generator, least, most)
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.alloc(count)
    for (let at = 0; at < count; at++) bytes[at] = this.below(256)
    return bytes
  }

  /** Small letters. */
  word(letters: number): string {
    const codes = Array.from({ length: letters }, () => this.between(97, 122))
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
