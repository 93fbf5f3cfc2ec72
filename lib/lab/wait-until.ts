import { setTimeout as delay } from 'node:timers/promises'

/**
 * Looks again and again until there is something to see. For what the kernel announces by no event
 * only: the rows of its tables, the length of its queues.
 *
 * @throws {Error} after `limitMs` (default 30 s), with the words of `what`.
 */
export async function waitUntil<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 30_000,
): Promise<T> {
  const end = performance.now() + limitMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined && seen !== false) return seen
    if (performance.now() > end) throw new Error(`waited ${limitMs / 1000} s in vain: ${what}`)
    await delay(5)
  }
}
