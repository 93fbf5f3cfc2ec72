import { claimIds, type ListedExperiment } from '#lib/textbook/load-experiments.ts'
import type { RunOutcome } from '#lib/textbook/run-experiment.ts'

/**
 * Says how far the experiments are: in a terminal one line that is written anew, elsewhere a line
 * for each experiment that has ended.
 */
export class TextbookProgress {
  readonly #count: number
  readonly #stream: NodeJS.WriteStream
  readonly #running = new Set<ListedExperiment>()
  #done = 0

  /** `aside`: the results go to standard output and nothing else may. */
  constructor(count: number, aside: boolean) {
    this.#count = count
    this.#stream = aside ? process.stderr : process.stdout
  }

  started(one: ListedExperiment): void {
    this.#running.add(one)
    this.#show()
  }

  ended(one: ListedExperiment, outcome: RunOutcome): void {
    this.#running.delete(one)
    this.#done++
    if (this.#stream.isTTY) {
      this.#show()
      return
    }
    const how = 'failed' in outcome ? 'failed' : 'skipped' in outcome ? 'not run' : 'done'
    const took = 'skipped' in outcome ? '' : ` in ${(outcome.ms / 1000).toFixed(1)} s`
    this.#stream.write(`${this.#done}/${this.#count} ${claimIds(one)}: ${how}${took}\n`)
  }

  /** Takes the line away. */
  close(): void {
    this.#stream.write(this.#stream.isTTY ? '\r\u001b[K' : '\n')
  }

  #show(): void {
    if (!this.#stream.isTTY) return
    const names = [...this.#running].map(claimIds).join(', ')
    const text = `${this.#done}/${this.#count} done; running: ${names}`
    const columns = Math.max(10, (this.#stream.columns || 80) - 1)
    this.#stream.write(
      `\r\u001b[K${text.length > columns ? `${text.slice(0, columns - 1)}…` : text}`,
    )
  }
}
