/**
 * Measures servers over loopback: each in a process of its own, the clients in another one, and all
 * servers in turns within one run.
 *
 * Servers are compared within a round, a few seconds apart at most, and the median of that is taken
 * over the rounds. On a busy machine the time that passes says little, so what is compared is the
 * time that the server ran.
 */

import { median, quantile } from '../statistics.ts'
import type { Held, Latencies, Load } from './client.ts'
import { anonymousBytes, openFileLimit } from './cpu.ts'
import { type Kind, kinds } from './kinds.ts'
import { ClientProcess, GoServers, ServerProcess } from './processes.ts'
import {
  memoryAtMost,
  memoryTargetIds,
  remarkOf,
  type SocketEffort,
  type SocketQuestion,
  type SocketRow,
  type SocketTable,
  type SocketVerdict,
  targetsOf,
  windowOf,
} from './tables.ts'

/** Files that a process has open besides the connections that are counted. */
const otherFiles = 100

interface Running {
  kind: Kind
  server: ServerProcess
}

/** One answer of a round for each server that could be measured: `samples.get(id)[round]`. */
type Samples<T> = Map<string, T[]>

/** What all tables of one run share: the clients, and the servers in Go. */
export class SocketBench {
  readonly goVersion: string | null
  readonly #client: ClientProcess
  readonly #go: GoServers | null
  readonly #effort: SocketEffort
  readonly #progress: (text: string) => void
  readonly #kinds: readonly Kind[]

  private constructor(
    client: ClientProcess,
    go: GoServers | null,
    effort: SocketEffort,
    progress: (text: string) => void,
    measured: readonly Kind[],
  ) {
    this.#kinds = measured
    this.#client = client
    this.#go = go
    this.goVersion = go?.version ?? null
    this.#effort = effort
    this.#progress = progress
  }

  static async start(
    effort: SocketEffort,
    progress: (text: string) => void,
    measured: readonly Kind[] = kinds,
  ): Promise<SocketBench> {
    const wantsGo = measured.some(({ needs }) => needs !== undefined)
    if (wantsGo) progress('sockets: compiling the servers in Go')
    const go = wantsGo ? await GoServers.build() : null
    try {
      return new SocketBench(await ClientProcess.start(), go, effort, progress, measured)
    } catch (error) {
      go?.remove()
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.#client.stop()
    this.#go?.remove()
  }

  async measure(question: SocketQuestion): Promise<SocketTable> {
    const { name, title, what } = question
    const remark = remarkOf(question, this.#effort)
    const [rows, verdicts] = await this.#answer(question)
    return { name, title, remark, what, rows, verdicts }
  }

  #answer(question: SocketQuestion): Promise<[SocketRow[], SocketVerdict[]]> {
    switch (question.what) {
      case 'load':
        return this.#load(question)
      case 'latency':
        return this.#latency(question)
      case 'memory':
        return this.#memory(question)
      case 'burst':
        return this.#burst(question)
    }
  }

  #missing({ needs }: Kind): string | null {
    if (needs === undefined || this.#go !== null) return null
    return `not measured: needs ${needs.program} (${needs.install})`
  }

  /** The targets whose two servers are measured. */
  #known<T extends { ours: string; than: string }>(targets: readonly T[]): T[] {
    const ids = this.#kinds.map(({ id }) => id)
    return targets.filter(({ ours, than }) => ids.includes(ours) && ids.includes(than))
  }

  /** A row for each server: its figures, or why it has none. */
  #rows<T>(
    samples: Samples<T>,
    figures: (of: T[], id: string) => SocketRow['figures'],
    lacks: string | null = null,
  ): SocketRow[] {
    return this.#kinds.map((kind): SocketRow => {
      const { id, label, package: name } = kind
      const of = samples.get(id)
      const missing = of === undefined ? (this.#missing(kind) ?? lacks) : null
      return {
        id,
        label,
        ...(name !== undefined && { package: name }),
        ...(missing !== null && { unmeasured: missing }),
        figures: of === undefined ? {} : figures(of, id),
      }
    })
  }

  /** Starts all servers, and asks each for one sample in every round; the first does not count. */
  async #rounds<T>(
    { name, bytes }: SocketQuestion,
    sample: (running: Running, warmUp: boolean) => Promise<T>,
  ): Promise<Samples<T>> {
    const samples: Samples<T> = new Map()
    const all: Running[] = []
    try {
      for (const kind of this.#kinds.filter(kind => this.#missing(kind) === null)) {
        this.#progress(`${name}: starting ${kind.id}`)
        all.push({ kind, server: await ServerProcess.start(kind, bytes, this.#go) })
        samples.set(kind.id, [])
      }
      for (let round = 0; round <= this.#effort.rounds; round++) {
        for (const running of all) {
          const { id } = running.kind
          this.#progress(`${name}: round ${round} of ${this.#effort.rounds}, ${id}`)
          const answer = await sample(running, round === 0)
          if (round > 0) samples.get(id)!.push(answer)
        }
      }
    } finally {
      await Promise.all(all.map(({ server }) => server.stop()))
    }
    return samples
  }

  #askLoad({ kind, server }: Running, bytes: number, window: number, ms: number): Promise<Load> {
    const { port, pid } = server
    const { links } = this.#effort
    return this.#client.ask<Load>({
      ask: 'load',
      ...{ kind: kind.id, port, pid, bytes, links, window, ms },
    })
  }

  async #load(question: SocketQuestion): Promise<[SocketRow[], SocketVerdict[]]> {
    const { bytes } = question
    const { sampleMs, warmUpMs } = this.#effort
    const samples = await this.#rounds(question, async (running, warmUp) => {
      const ms = warmUp ? warmUpMs : sampleMs
      const load = await this.#askLoad(running, bytes, windowOf(bytes), ms)
      if (load.answered !== load.sent || load.messages === 0) {
        throw new Error(`${running.kind.id}: ${load.answered} of ${load.sent} answers came`)
      }
      return load
    })
    const costs = (id: string): number[] => samples.get(id)!.map(costOf)
    const times = (id: string, than: string): number =>
      median(costs(id).map((cost, round) => costs(than)[round]! / cost))
    const rows = this.#rows(samples, (of, id) => {
      const rates = of.map(({ messages, seconds }) => messages / seconds)
      return {
        messagesPerSecond: median(rates),
        lowQuartile: quantile(rates, 0.25),
        highQuartile: quantile(rates, 0.75),
        megabytesPerSecond: (median(rates) * bytes) / 1e6,
        serverUs: median(costs(id)) / 1000,
        ratio: samples.has('raw') ? times(id, 'raw') : Number.NaN,
        answers: of.reduce((sum, { answered }) => sum + answered, 0),
        bytesVerified: of.reduce((sum, { bytesVerified }) => sum + bytesVerified, 0),
      }
    })
    const verdicts = this.#known(targetsOf(bytes)).map(({ ours, than, atLeast }): SocketVerdict => {
      const ratio = times(ours, than)
      return { ours, than: [than], atLeast, fastest: than, ratio, met: ratio >= atLeast }
    })
    return [rows, verdicts]
  }

  async #latency(question: SocketQuestion): Promise<[SocketRow[], SocketVerdict[]]> {
    const { bytes } = question
    const { links, latencyMs, sampleMs, warmUpMs } = this.#effort
    const samples = await this.#rounds(question, async (running, warmUp) => {
      const ms = warmUp ? warmUpMs : sampleMs / 2
      const { messages, seconds } = await this.#askLoad(running, bytes, 1, ms)
      const perSecond = messages / seconds / 2
      const { kind, server } = running
      const request = { kind: kind.id, port: server.port, bytes, links, perSecond, ms: latencyMs }
      return {
        perSecond,
        ...(await this.#client.ask<Latencies>({ ask: 'schedule', ...request })),
      }
    })
    const rows = this.#rows(samples, of => ({
      messagesPerSecond: median(of.map(({ perSecond }) => perSecond)),
      ...latencyFigures(of),
      lateP99Us: median(of.map(({ lateP99Us }) => lateP99Us)),
    }))
    return [rows, []]
  }

  async #burst(question: SocketQuestion): Promise<[SocketRow[], SocketVerdict[]]> {
    const { bytes } = question
    const links = this.#effort.burstLinks
    const samples = await this.#rounds(question, ({ kind, server }) =>
      this.#client.ask<Latencies>({
        ask: 'burst',
        ...{ kind: kind.id, port: server.port, bytes, links },
      }),
    )
    return [this.#rows(samples, latencyFigures), []]
  }

  /** A server has one measurement in its life: what it once had used would be used again. */
  async #memory(question: SocketQuestion): Promise<[SocketRow[], SocketVerdict[]]> {
    const { name, bytes } = question
    const { memoryRounds, idleLinks } = this.#effort
    const samples: Samples<number> = new Map()
    const lacks = whatMemoryLacks(idleLinks)
    for (let round = 0; lacks === null && round < memoryRounds; round++) {
      for (const kind of this.#kinds.filter(kind => this.#missing(kind) === null)) {
        this.#progress(`${name}: round ${round + 1} of ${memoryRounds}, ${kind.id}`)
        const sample = await this.#bytesPerLink(kind, bytes, idleLinks)
        if (round === 0) samples.set(kind.id, [])
        samples.get(kind.id)!.push(sample)
      }
    }
    const times = (id: string, than: string): number =>
      median(samples.get(id)!.map((own, round) => own / samples.get(than)![round]!))
    const figures = (of: number[], id: string): SocketRow['figures'] => ({
      bytesPerLink: median(of),
      least: Math.min(...of),
      most: Math.max(...of),
      ratio: samples.has('pipe') ? times(id, 'pipe') : Number.NaN,
    })
    const rows = this.#rows(samples, figures, lacks)
    if (lacks !== null) return [rows, []]
    const targets = memoryTargetIds.map(ours => ({ ours, than: 'pipe' }))
    const verdicts = this.#known(targets).map(({ ours }): SocketVerdict => {
      const value = times(ours, 'pipe')
      const text = '× the memory of a bare net pipe'
      return { ours, text, value, atMost: memoryAtMost, met: value <= memoryAtMost }
    })
    return [rows, verdicts]
  }

  async #bytesPerLink(kind: Kind, bytes: number, links: number): Promise<number> {
    const server = await ServerProcess.start(kind, bytes, this.#go)
    const { port, pid } = server
    const hold = (count: number): Promise<Held> =>
      this.#client.ask<Held>({ ask: 'hold', kind: kind.id, port, bytes, links: count })
    try {
      // What the first connections bring with them, code above all, is not a cost of each.
      await hold(100)
      await server.collect()
      const before = anonymousBytes(pid)!
      const { links: held } = await hold(links)
      if (held !== links + 100) throw new Error(`${kind.id}: ${held} connections, not ${links}`)
      await server.collect()
      return (anonymousBytes(pid)! - before) / links
    } finally {
      await this.#client.ask<Held>({ ask: 'release' })
      await server.stop()
    }
  }
}

/** Nanoseconds that the server ran for a message; where they are not to be had, those that passed. */
function costOf({ messages, seconds, serverNs }: Load): number {
  return (serverNs ?? seconds * 1e9) / messages
}

function latencyFigures(of: readonly Latencies[]): SocketRow['figures'] {
  const p99 = of.map(({ p99Us }) => p99Us)
  return {
    p50Us: median(of.map(({ p50Us }) => p50Us)),
    p99Us: median(p99),
    p99Least: Math.min(...p99),
    p99Most: Math.max(...p99),
    maxUs: median(of.map(({ maxUs }) => maxUs)),
    answers: of.reduce((sum, { count }) => sum + count, 0),
    bytesVerified: of.reduce((sum, { bytesVerified }) => sum + bytesVerified, 0),
  }
}

function whatMemoryLacks(links: number): string | null {
  if (anonymousBytes(process.pid) === null) return 'not measured: needs Linux'
  const wanted = links + otherFiles
  const limit = openFileLimit()
  if (limit !== null && limit < wanted) {
    return `not measured: needs ${wanted} open files, the limit is ${limit} (ulimit -n ${wanted})`
  }
  return null
}
