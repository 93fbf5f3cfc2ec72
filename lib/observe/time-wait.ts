/** One step of a socket, as tracefs tells it. */
export interface Step {
  tNs: number
  from: string
  to: string
  local: string
  remote: string
}

/** The state of a socket in the kernel's table at that time or later; undefined: not listed. */
export type StateOf = (local: string, remote: string, tNs: number) => string | undefined

/**
 * Completes the steps that tracefs shows by those that it does not: the ones into TIME-WAIT.
 *
 * The kernel keeps a connection in TIME-WAIT, or one in FIN-WAIT-2 that its program has closed, in a
 * smaller structure, and lets the socket go: tracefs shows FIN-WAIT-2 → CLOSED for both. Which of
 * them it is can be read from the table of sockets.
 */
export class TimeWait<S extends Step> {
  readonly #stateOf: StateOf
  /** Closed by their programs in FIN-WAIT-2: they wait for the FIN of the peer. */
  readonly #waiting = new Map<string, S>()
  /** Sockets that have sent their FIN, by `local remote`. */
  readonly #finished = new Set<string>()
  /** Sockets that are gone. */
  readonly #closed = new Set<string>()

  constructor(stateOf: StateOf) {
    this.#stateOf = stateOf
  }

  /** Takes the next step and returns what really happened. */
  push(step: S): S[] {
    const { from, to, local, remote } = step
    const [own, peer] = [`${local} ${remote}`, `${remote} ${local}`]
    if (to === 'SYN-SENT' || to === 'SYN-RECEIVED') {
      this.#finished.delete(own)
      this.#closed.delete(own)
    }
    if (to === 'FIN-WAIT-1' || to === 'LAST-ACK') this.#finished.add(own)
    if (to !== 'CLOSED') return [step]
    this.#closed.add(own)

    // The end of the peer: what it sent last has reached the one who waits for its FIN.
    const waiting = this.#waiting.get(peer)
    this.#waiting.delete(peer)
    const last: S[] = []
    if (waiting) {
      const state = this.#stateOf(waiting.local, waiting.remote, step.tNs) ?? 'CLOSED'
      if (state !== 'FIN-WAIT-2') last.push({ ...waiting, tNs: step.tNs, to: state })
    }

    if (from !== 'FIN-WAIT-2' && from !== 'CLOSING') return [...last, step]
    // The peer is there and has not sent its FIN: the kernel goes on waiting for it.
    if (from === 'FIN-WAIT-2' && !this.#finished.has(peer) && !this.#closed.has(peer)) {
      this.#waiting.set(own, step)
      return last
    }
    const state = this.#stateOf(local, remote, step.tNs)
    return [...last, state === undefined ? step : { ...step, to: state }]
  }
}
