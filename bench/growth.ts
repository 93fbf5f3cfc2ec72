/**
 * Growth: one 16 MiB frame, and one 4 MiB line, in chunks of 64 KiB, 1 KiB, 64 B and 1 B.
 *
 * A candidate that copies all it has for every chunk takes quadratic time. It is stopped at a time
 * limit, and the table says how far it got.
 */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { TYPESCRIPT_FLAGS } from '../lib/program/typescript.ts'
import { type Feeder, lineFeeders, prefixFeeders } from './feeders.ts'
import type { Growth } from './growth-worker.ts'
import { median } from './statistics.ts'

const growthChunkBytes = [64 * 1024, 1024, 64, 1] as const

/** What one more chunk may cost, whatever its size. Part of the target for 64 B chunks. */
const statedNsPerChunk = 100

export interface GrowthEffort {
  repeats: number
  limitMs: number
}

export const fullGrowth: GrowthEffort = { repeats: 3, limitMs: 2000 }
export const quickGrowth: GrowthEffort = { repeats: 1, limitMs: 1000 }

export interface GrowthCell {
  chunkBytes: number
  /** `false` = stopped at the time limit after `fedShare` of the frame. */
  finished: boolean
  fedShare: number
  nsPerByte: number
  nsPerChunk: number
  /** Most resident memory above the start, as a multiple of the frame. */
  peakResident: number
  /** Most reachable memory above the start, as a multiple of the frame, fresh chunks included. */
  peakLive: number
}

interface GrowthRow {
  id: string
  label: string
  package?: string
  cells: GrowthCell[]
}

export interface GrowthVerdict {
  ours: string
  text: string
  value: number
  atMost: number
  met: boolean
}

export interface GrowthTable {
  name: string
  title: string
  frameBytes: number
  limitMs: number
  repeats: number
  rows: GrowthRow[]
  verdicts: GrowthVerdict[]
}

interface Shape {
  format: 'prefix' | 'line'
  title: string
  frameBytes: number
  feeders: readonly Feeder[]
}

const shapes: readonly Shape[] = [
  {
    format: 'prefix',
    title: 'one frame of 16 MiB',
    frameBytes: 16 * 1024 * 1024,
    feeders: prefixFeeders,
  },
  {
    format: 'line',
    title: 'one line of 4 MiB',
    frameBytes: 4 * 1024 * 1024,
    feeders: lineFeeders,
  },
]

async function run(
  { format, frameBytes }: Shape,
  feeder: Feeder,
  chunkBytes: number,
  mode: 'time' | 'live',
  limitMs: number,
): Promise<Growth> {
  const child = fork(
    new URL('./growth-worker.ts', import.meta.url),
    [format, feeder.id, frameBytes, chunkBytes, mode, limitMs].map(String),
    { execArgv: ['--expose-gc', '--no-deprecation', ...TYPESCRIPT_FLAGS] },
  )
  const exit = once(child, 'exit')
  const [growth] = await Promise.race([once(child, 'message'), exit.then(() => [undefined])])
  await exit
  if (typeof growth !== 'object') throw new Error(`growth: the process of ${feeder.id} ended early`)
  return growth as Growth
}

function cell(chunkBytes: number, frameBytes: number, times: Growth[], live: Growth): GrowthCell {
  const ns = median(times.map(time => time.ns))
  const fedBytes = median(times.map(time => time.fedBytes))
  return {
    chunkBytes,
    finished: times.every(time => time.finished),
    fedShare: fedBytes / frameBytes,
    nsPerByte: ns / fedBytes,
    nsPerChunk: ns / (fedBytes / chunkBytes),
    peakResident: median(times.map(time => time.peakBytes)) / frameBytes,
    peakLive: live.peakBytes / frameBytes,
  }
}

function verdictsOf(rows: GrowthRow[]): GrowthVerdict[] {
  return rows
    .filter(({ id }) => id.startsWith('kit'))
    .flatMap(({ id, cells }) => {
      const large = cells.find(({ chunkBytes }) => chunkBytes === 64 * 1024)!
      const small = cells.find(({ chunkBytes }) => chunkBytes === 64)!
      const allowed = 4 * large.nsPerByte + statedNsPerChunk / 64
      const peak = Math.max(...cells.map(({ peakResident }) => peakResident))
      const live = Math.max(...cells.map(({ peakLive }) => peakLive))
      const verdict = (text: string, value: number, atMost: number): GrowthVerdict => ({
        ours: id,
        text,
        value,
        atMost,
        met: value <= atMost,
      })
      return [
        verdict(
          `ns per byte in 64 B chunks, 4 × that in 64 KiB chunks and ${statedNsPerChunk} ns a chunk`,
          small.nsPerByte,
          allowed,
        ),
        verdict('peak resident memory, × the frame', peak, 2.5),
        verdict('peak reachable memory, × the frame', live, 2.5),
      ]
    })
}

async function measureShape(
  shape: Shape,
  { repeats, limitMs }: GrowthEffort,
  progress: (text: string) => void,
): Promise<GrowthTable> {
  const { title, frameBytes, feeders } = shape
  const times = new Map<string, Growth[]>()
  const key = (feeder: Feeder, chunkBytes: number): string => `${feeder.id} ${chunkBytes}`
  for (let repeat = 0; repeat < repeats; repeat++) {
    for (const chunkBytes of growthChunkBytes) {
      for (const feeder of feeders) {
        const done = times.get(key(feeder, chunkBytes)) ?? []
        // Once is enough for a candidate that reaches the limit.
        if (done.some(({ finished }) => !finished)) continue
        progress(`${title}: round ${repeat + 1} of ${repeats}, ${chunkBytes} B, ${feeder.id}`)
        done.push(await run(shape, feeder, chunkBytes, 'time', limitMs))
        times.set(key(feeder, chunkBytes), done)
      }
    }
  }
  const rows: GrowthRow[] = []
  for (const feeder of feeders) {
    const cells: GrowthCell[] = []
    for (const chunkBytes of growthChunkBytes) {
      progress(`${title}: memory, ${chunkBytes} B, ${feeder.id}`)
      const live = await run(shape, feeder, chunkBytes, 'live', limitMs)
      cells.push(cell(chunkBytes, frameBytes, times.get(key(feeder, chunkBytes))!, live))
    }
    const { id, label, package: name } = feeder
    rows.push({ id, label, ...(name !== undefined && { package: name }), cells })
  }
  const name = `growth-${shape.format}`
  return { name, title, frameBytes, limitMs, repeats, rows, verdicts: verdictsOf(rows) }
}

export const growthNames = shapes.map(({ format }) => `growth-${format}`)

export async function measureGrowth(
  name: string,
  effort: GrowthEffort,
  progress: (text: string) => void,
): Promise<GrowthTable> {
  const shape = shapes.find(({ format }) => name === `growth-${format}`)!
  return measureShape(shape, effort, progress)
}
