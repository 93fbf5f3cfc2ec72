/** Memory: a forged length, a kept slice, and streams that wait in the middle of a frame. */

import { fork } from 'node:child_process'
import { once } from 'node:events'
import { TYPESCRIPT_FLAGS } from '../lib/program/typescript.ts'
import { type Feeder, lineFeeders, prefixFeeders } from './feeders.ts'
import type { GrowthVerdict } from './growth.ts'
import type { Holding } from './memory-worker.ts'

interface MemoryRow extends Holding {
  id: string
  label: string
  package?: string
}

export interface MemoryTable {
  name: string
  title: string
  rows: MemoryRow[]
  verdicts: GrowthVerdict[]
}

interface Question {
  name: string
  title: string
  what: 'forged' | 'pinned' | 'idle'
  format: 'prefix' | 'line'
  feeders: readonly Feeder[]
  /** Target for this kit, in bytes, and its wording. */
  atMost?: number
  text?: string
}

const candidates = (feeders: readonly Feeder[]): readonly Feeder[] =>
  feeders.filter(({ id }) => id !== 'slab')

const questions: readonly Question[] = [
  {
    name: 'memory-forged',
    title: '2^32-1 bytes announced and allowed, 64 B sent: bytes held for each',
    what: 'forged',
    format: 'prefix',
    feeders: candidates(prefixFeeders),
    atMost: 8192,
    text: 'for a forged length of 2^32-1',
  },
  {
    name: 'memory-pinned',
    title: 'one 80 B frame of every 64 KiB chunk is kept: bytes held for each',
    what: 'pinned',
    format: 'prefix',
    feeders: candidates(prefixFeeders),
    atMost: 66_500,
    text: 'for a kept frame, which may pin its chunk',
  },
  {
    name: 'memory-pinned-lines',
    title: 'one 80 B line of every 64 KiB chunk is kept: bytes held for each',
    what: 'pinned',
    format: 'line',
    feeders: candidates(lineFeeders),
    atMost: 66_500,
    text: 'for a kept line, which may pin its chunk',
  },
  {
    name: 'memory-idle',
    title: 'streams that wait after 500 of the 1,000 bytes of a frame: bytes held for each',
    what: 'idle',
    format: 'prefix',
    feeders: candidates(prefixFeeders),
  },
]

async function ask({ what, format }: Question, { id }: Feeder): Promise<Holding> {
  const child = fork(new URL('./memory-worker.ts', import.meta.url), [what, format, id], {
    execArgv: ['--expose-gc', '--no-deprecation', ...TYPESCRIPT_FLAGS],
  })
  const exit = once(child, 'exit')
  const [holding] = await Promise.race([once(child, 'message'), exit.then(() => [undefined])])
  await exit
  if (typeof holding !== 'object') throw new Error(`memory: the process of ${id} ended early`)
  return holding as Holding
}

export const memoryNames = questions.map(({ name }) => name)

export async function measureMemory(
  wanted: string,
  progress: (text: string) => void,
): Promise<MemoryTable> {
  const question = questions.find(({ name }) => name === wanted)!
  const { name, title, atMost, text } = question
  const rows: MemoryRow[] = []
  for (const feeder of question.feeders) {
    progress(`${name}: ${feeder.id}`)
    const { id, label, package: npm } = feeder
    const holding = await ask(question, feeder)
    rows.push({ id, label, ...(npm !== undefined && { package: npm }), ...holding })
  }
  const verdicts: GrowthVerdict[] = []
  if (atMost !== undefined && text !== undefined) {
    for (const { id, bytes } of rows.filter(row => row.id.startsWith('kit'))) {
      verdicts.push({ ours: id, text, value: bytes, atMost, met: bytes <= atMost })
    }
  }
  return { name, title, rows, verdicts }
}
