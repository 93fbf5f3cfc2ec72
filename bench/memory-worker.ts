/**
 * What one candidate holds on to, in a process of its own: `memory-worker.ts <what> <candidate>`.
 * Garbage is collected before each look, so only what is reachable counts.
 */

import { type Feed, type Feeder, lineFeeders, prefixFeeders } from './feeders.ts'

export interface Holding {
  /** Bytes held, for each chunk, connection or frame, depending on what was asked. */
  bytes: number
  /** What the candidate said, when it refused. */
  refusal: string | null
}

const chunkBytes = 64 * 1024
const forgedLength = 2 ** 32 - 1

function held(): number {
  globalThis.gc!()
  globalThis.gc!()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return arrayBuffers + heapUsed
}

function refusalOf(error: unknown): string {
  return error instanceof Error ? ((error as { code?: string }).code ?? error.message) : `${error}`
}

/** Connections that announce 2^32-1 bytes, allowed by the limit, and send 64: what is reserved? */
async function forged(feeder: Feeder): Promise<Holding> {
  const connections = 50
  const open: Feed[] = []
  const connect = async (frameBytes: number): Promise<void> => {
    const feed = await feeder.open(frameBytes, () => {})
    open.push(feed)
    await feed(feeder.head(frameBytes))
    await feed(Buffer.alloc(64))
  }
  for (let i = 0; i < connections; i++) await connect(100)
  await new Promise(resume => setImmediate(resume))
  const before = held()
  let counted = 0
  try {
    // One is enough when it takes gigabytes.
    for (let all = 0; counted < connections && all < 2 ** 30; counted++) {
      await connect(forgedLength)
      if (counted === 0) all = held() - before
    }
  } catch (error) {
    return { bytes: 0, refusal: refusalOf(error) }
  }
  await new Promise(resume => setImmediate(resume))
  if (open.length !== connections + counted) throw new Error('connections were lost')
  return { bytes: Math.max(0, held() - before) / counted, refusal: null }
}

/** One frame of each of 256 chunks is kept: how much does it keep alive? */
async function pinned(feeder: Feeder): Promise<Holding> {
  const chunks = 256
  const frameBytes = 80
  const kept: unknown[] = []
  let last: unknown = null
  const feed = await feeder.open(frameBytes, frame => {
    last = frame
  })
  const wire = Buffer.concat([feeder.head(frameBytes), Buffer.alloc(frameBytes, 'x'), feeder.tail])
  const framesPerChunk = Math.floor(chunkBytes / wire.length)
  const feedOne = async (): Promise<void> => {
    const chunk = Buffer.allocUnsafeSlow(framesPerChunk * wire.length)
    for (let i = 0; i < framesPerChunk; i++) chunk.set(wire, i * wire.length)
    await feed(chunk)
    await new Promise(resume => setImmediate(resume))
    kept.push(last)
    last = null
  }
  for (let i = 0; i < 8; i++) await feedOne()
  const before = held()
  for (let i = 0; i < chunks; i++) await feedOne()
  const bytes = Math.max(0, held() - before) / chunks
  if (kept.some(frame => (frame as { length: number }).length < frameBytes)) {
    throw new Error(`${feeder.id} kept something else`)
  }
  return { bytes, refusal: null }
}

/** 2,000 streams that stopped in the middle of a frame of 1,000 bytes: what does each cost? */
async function idle(feeder: Feeder): Promise<Holding> {
  const streams = 2000
  const open: unknown[] = []
  const half = Buffer.concat([feeder.head(1000), Buffer.alloc(500, 'x')])
  const openOne = async (): Promise<void> => {
    const feed = await feeder.open(1000, () => {})
    await feed(Buffer.from(half))
    open.push(feed)
  }
  for (let i = 0; i < 50; i++) await openOne()
  await new Promise(resume => setImmediate(resume))
  const before = held()
  for (let i = 0; i < streams; i++) await openOne()
  await new Promise(resume => setImmediate(resume))
  const bytes = Math.max(0, held() - before) / streams
  if (open.length !== streams + 50) throw new Error('streams were lost')
  return { bytes, refusal: null }
}

const [what, format, id] = process.argv.slice(2)
const feeder = (format === 'line' ? lineFeeders : prefixFeeders).find(known => known.id === id)
if (feeder === undefined) throw new Error(`no candidate ${id} for ${format}`)
process.once('uncaughtException', error => {
  process.send!({ bytes: 0, refusal: refusalOf(error) } satisfies Holding)
  process.disconnect()
})
const measure = what === 'forged' ? forged : what === 'pinned' ? pinned : idle
process.send!(await measure(feeder))
process.disconnect()
process.exit()
