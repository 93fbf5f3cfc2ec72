/** What is measured over sockets: the tables, their rows, and the targets. */

import type { GrowthVerdict } from '../growth.ts'
import type { Verdict } from '../throughput.ts'
import { framedIds } from './kinds.ts'

export type SocketVerdict = Verdict | GrowthVerdict

/** One row of a table: its figures, or why there are none. */
export interface SocketRow {
  id: string
  label: string
  package?: string
  unmeasured?: string
  figures: Record<string, number>
}

export interface SocketTable {
  name: string
  title: string
  remark: string
  what: 'load' | 'latency' | 'memory' | 'burst'
  rows: SocketRow[]
  verdicts: SocketVerdict[]
}

export interface SocketQuestion {
  name: string
  title: string
  what: SocketTable['what']
  /** Bytes of payload in a message. */
  bytes: number
}

/** How long, how often, and with how many connections. */
export interface SocketEffort {
  /** Rounds that count; one more comes before them, to warm up. */
  rounds: number
  warmUpMs: number
  sampleMs: number
  latencyMs: number
  links: number
  memoryRounds: number
  idleLinks: number
  burstLinks: number
}

export const fullSockets: SocketEffort = {
  rounds: 5,
  warmUpMs: 1000,
  sampleMs: 300,
  latencyMs: 400,
  links: 32,
  memoryRounds: 3,
  idleLinks: 10_000,
  burstLinks: 1000,
}

export const quickSockets: SocketEffort = {
  rounds: 2,
  warmUpMs: 200,
  sampleMs: 100,
  latencyMs: 150,
  links: 16,
  memoryRounds: 1,
  idleLinks: 1000,
  burstLinks: 200,
}

const sizes = [64, 1024, 65_536] as const
const sizeText = (bytes: number): string => (bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`)

export const socketQuestions: readonly SocketQuestion[] = [
  ...sizes.map(
    (bytes): SocketQuestion => ({
      name: `sockets-${bytes}`,
      title: `messages of ${sizeText(bytes)} over loopback, as many as go through`,
      what: 'load',
      bytes,
    }),
  ),
  ...sizes.map(
    (bytes): SocketQuestion => ({
      name: `sockets-latency-${bytes}`,
      title: `latency of ${sizeText(bytes)} messages at half of the highest load`,
      what: 'latency',
      bytes,
    }),
  ),
  {
    name: 'sockets-memory',
    title: 'memory of the server for each idle connection',
    what: 'memory',
    bytes: 64,
  },
  {
    name: 'sockets-connect',
    title: 'from SYN to the first answer, all connecting at once',
    what: 'burst',
    bytes: 64,
  },
]

/** So many messages of a connection may wait for their answers at once. */
export function windowOf(bytes: number): number {
  return Math.max(1, Math.min(16, Math.floor(65_536 / bytes)))
}

/** How many times as many messages as `than` a server must answer in the same time. */
export function targetsOf(bytes: number): { ours: string; than: string; atLeast: number }[] {
  const atLeast = bytes < 1024 ? 0.8 : 0.95
  const ours = [...framedIds, 'by-hand']
  return [
    ...ours.map(id => ({ ours: id, than: 'raw', atLeast })),
    ...(bytes <= 1024 ? [{ ours: 'http1', than: 'node-http', atLeast: 1.5 }] : []),
  ]
}

/** The servers whose connections may cost 1.2 times as much memory as a bare `net` pipe. */
export const memoryTargetIds: readonly string[] = [...framedIds, 'by-hand', 'http1']
export const memoryAtMost = 1.2

export function remarkOf({ what, bytes }: SocketQuestion, effort: SocketEffort): string {
  const { links, rounds, idleLinks, burstLinks, memoryRounds } = effort
  switch (what) {
    case 'load': {
      const window = windowOf(bytes)
      const waiting = window === 1 ? '1 message' : `${window} messages`
      return (
        `${links} connections with ${waiting} under way on each; medians of ${rounds} rounds. ` +
        'The clients compare every byte. They and the server share the cores, so the ratio is ' +
        'one of time that the server ran, all its threads together, for a message.'
      )
    }
    case 'latency':
      return (
        `${links} connections; medians of ${rounds} rounds. The highest load is what goes ` +
        'through with one message under way on each. Messages go out on a schedule, and a ' +
        'latency counts from the time on the schedule: a server that stops for a moment pays for ' +
        'all that had to wait. The last column is how late the client itself was.'
      )
    case 'memory':
      return (
        `${idleLinks.toLocaleString('en-US')} connections, each after one message of ` +
        `${sizeText(bytes)}; medians of ${memoryRounds} rounds. Anonymous memory of the process, ` +
        'after garbage collection; what the kernel holds for a socket is not in it.'
      )
    case 'burst':
      return (
        `${burstLinks.toLocaleString('en-US')} connections from one client in one turn, each with ` +
        `one message of ${sizeText(bytes)}; medians of ${rounds} rounds. The client's own work ` +
        'is part of it, the same for all. A WebSocket takes one round trip more.'
      )
  }
}
