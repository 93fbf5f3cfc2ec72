/** Waits for what events report: whoever hears of one tells, and all who wait look again. */
export class Changed {
  #waiting: (() => void)[] = []

  tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /**
   * Settles with true when it holds, with false when the time is over. Where no event reports it,
   * `lookMs` says how often to look.
   */
  async until(holds: () => boolean, ms: number, lookMs = ms): Promise<boolean> {
    const end = performance.now() + ms
    while (!holds()) {
      const left = end - performance.now()
      if (left <= 0) return false
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>(resolve => {
        timer = setTimeout(resolve, Math.min(left, lookMs))
        this.#waiting.push(resolve)
      })
      clearTimeout(timer)
    }
    return true
  }
}
