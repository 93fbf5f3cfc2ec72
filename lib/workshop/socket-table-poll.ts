import { existsSync, readFileSync } from 'node:fs'

/** So many times as long as a reading took, there is none after it. */
const PAUSE = 4

/**
 * Reads the kernel's table of sockets when that may say something new. To print the table takes
 * milliseconds, for an empty one too, since the kernel looks through all of its hash buckets; how many
 * sockets there are, it says at once. Where it does not say that, each reading may say something new.
 */
export class SocketTablePoll {
  readonly #mostMs: number
  readonly #count: () => string | undefined
  #counts: string | undefined
  #readMs = Number.NEGATIVE_INFINITY
  #tookMs = 0

  /**
   * @param mostMs So much later it may have changed anyway: one socket came, and another one went.
   * @param count How many sockets there are, in any words; undefined where that is not known.
   */
  constructor(mostMs: number, count = countSockets) {
    this.#mostMs = mostMs
    this.#count = count
  }

  /** What `read` says, or false where it need not be asked. */
  async poll(read: () => Promise<boolean>): Promise<boolean> {
    const startMs = performance.now()
    if (startMs - this.#readMs < PAUSE * this.#tookMs) return false
    // Counted before it is read: what comes meanwhile counts as a change.
    const counts = this.#count()
    const same = counts !== undefined && counts === this.#counts
    if (same && startMs - this.#readMs < this.#mostMs) return false
    this.#counts = counts
    const answer = await read()
    this.#readMs = performance.now()
    this.#tookMs = this.#readMs - startMs
    return answer
  }
}

/** `TCP: inuse 5`, `UDP: inuse 1`, `TCP6: inuse 2`: without memory, and what waits in TIME-WAIT. */
function countSockets(): string | undefined {
  try {
    return ['/proc/net/sockstat', '/proc/net/sockstat6']
      .filter((file, at) => at === 0 || existsSync(file))
      .flatMap(file => readFileSync(file, 'latin1').match(/^(TCP|UDP)6?: inuse \d+/gm) ?? [])
      .join()
  } catch {
    return undefined
  }
}
