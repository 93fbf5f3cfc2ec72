/**
 * A condition variable: after each event its listener calls `notify()`, and every `waitFor()` looks
 * again whether what it waits for holds.
 */
export class Condition {
  #waiting: (() => void)[] = []

  notify(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /**
   * Settles with true when it holds, with false when the time is over; by default there is no limit.
   * Where no event reports it, `lookMs` says how often to look.
   */
  async waitFor(
    holds: () => boolean,
    ms = Number.POSITIVE_INFINITY,
    lookMs = ms,
  ): Promise<boolean> {
    const end = performance.now() + ms
    while (!holds()) {
      const left = end - performance.now()
      if (left <= 0) return false
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>(resolve => {
        const nextMs = Math.min(left, lookMs)
        if (nextMs < Number.POSITIVE_INFINITY) timer = setTimeout(resolve, nextMs)
        this.#waiting.push(resolve)
      })
      clearTimeout(timer)
    }
    return true
  }
}
