import { unmapped } from '#lib/kernel/parse-tracefs.ts'
import { missing } from '#lib/kernel/requirements.ts'
import { readTcpTable, type TcpRow } from '#lib/kernel/tcp-table.ts'
import { endpoint } from '#lib/program/endpoint.ts'
import type { StateEvent } from '#lib/trace/recording.ts'
import type { StateOf } from './time-wait.ts'

/** A step between two samples: what came in between, and was shorter, is not in it. */
export type SampledStep = Pick<StateEvent, 'tNs' | 'from' | 'to' | 'local' | 'remote'>

function endpointsOf(row: TcpRow): { local: string; remote: string } {
  return {
    local: endpoint(unmapped(row.localAddress), row.localPort),
    remote: endpoint(unmapped(row.remoteAddress), row.remotePort),
  }
}

function keyOf(row: TcpRow): string {
  const { local, remote } = endpointsOf(row)
  return `${local} ${remote}`
}

/** Turns samples of the kernel's table of TCP sockets into the steps between them. */
export class StateSampler {
  #known = new Map<string, Omit<SampledStep, 'tNs' | 'from'>>()

  /** Takes a sample and returns the steps since the one before. */
  push(rows: readonly TcpRow[], tNs: number): SampledStep[] {
    const now = new Map(
      rows.map(row => [keyOf(row), { to: row.state as string, ...endpointsOf(row) }]),
    )
    const steps: SampledStep[] = []
    for (const [key, socket] of now) {
      const from = this.#known.get(key)?.to ?? 'CLOSED'
      if (from !== socket.to) steps.push({ tNs, from, ...socket })
    }
    for (const [key, { to, ...socket }] of this.#known) {
      if (!now.has(key)) steps.push({ tNs, from: to, to: 'CLOSED', ...socket })
    }
    this.#known = now
    return steps
  }
}

/** Between two samples. Reading the tables takes a small part of that. */
const INTERVAL_MS = 3

/**
 * Watches the states of all TCP sockets of this machine without root, by looking again and again.
 *
 * Sockets that are there already are not told of, until they change.
 *
 * @throws {Error} `ENOENT` where there is no `/proc/net/tcp`, as on any system but Linux.
 */
export function startSampling(onStep: (step: SampledStep) => void): { stop(): void } {
  const sampler = new StateSampler()
  const look = () => {
    // A process that had to wait for a processor in between cannot tell when it looked.
    for (let attempt = 0; ; attempt++) {
      const beforeNs = Number(process.hrtime.bigint())
      const rows = readTcpTable()
      const tNs = Number(process.hrtime.bigint())
      if (tNs - beforeNs < INTERVAL_MS * 1e6 || attempt === 2) return sampler.push(rows, tNs)
    }
  }
  look()
  const again = () => {
    look().forEach(onStep)
    timer = setTimeout(again, INTERVAL_MS)
  }
  let timer = setTimeout(again, INTERVAL_MS)
  return {
    stop() {
      clearTimeout(timer)
      look().forEach(onStep)
    },
  }
}

/**
 * Looks single sockets up in the kernel's table, TIME-WAIT included. One reading of the table
 * serves for all that happened before it. Where the table cannot be read, nothing is found.
 */
export function tableLookup(): StateOf {
  let states = new Map<string, string>()
  let readNs = 0
  const canRead = missing('socket tables') === undefined
  return (local, remote, tNs) => {
    if (tNs > readNs) {
      readNs = Number(process.hrtime.bigint())
      states = canRead ? new Map(readTcpTable().map(row => [keyOf(row), row.state])) : new Map()
    }
    return states.get(`${local} ${remote}`)
  }
}
