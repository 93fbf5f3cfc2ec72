/**
 * One large frame through one candidate, in a process of its own:
 * `growth-worker.ts <prefix|line> <candidate> <frameBytes> <chunkBytes> <time|live> <limitMs>`.
 *
 * `time` pushes the same chunk again and again, so that time and resident memory are the
 * candidate's own. `live` pushes fresh chunks, as a socket does, and collects garbage before each
 * look, so that what is seen is what the candidate holds on to.
 */

import { mainThreadNs } from './clock.ts'
import { type Feed, type Feeder, lineFeeders, prefixFeeders } from './feeders.ts'

export interface Growth {
  finished: boolean
  fedBytes: number
  ns: number
  /** Most memory above the start: resident in `time`, reachable in `live`. */
  peakBytes: number
}

interface Job {
  feeder: Feeder
  frameBytes: number
  chunkBytes: number
  limitMs: number
}

async function feedFrame(
  feed: Feed,
  { feeder, frameBytes, chunkBytes, limitMs }: Job,
  nextChunk: (bytes: number) => Buffer,
  look: () => void,
): Promise<{ fedBytes: number; ns: number }> {
  const start = mainThreadNs()
  const passed = (): number => mainThreadNs() - start
  const lookAtClock = Math.max(64, Math.floor(frameBytes / chunkBytes / 256))
  const lookEvery = Math.max(1, Math.floor(frameBytes / chunkBytes / 64))
  let fedBytes = 0
  let fed = 0
  const head = feeder.head(frameBytes)
  if (head.length > 0) await feed(head)
  while (fedBytes < frameBytes) {
    const chunk = nextChunk(Math.min(chunkBytes, frameBytes - fedBytes))
    const wait = feed(chunk)
    if (wait !== undefined) await wait
    fedBytes += chunk.length
    if (++fed % lookEvery === 0) look()
    if (fed % lookAtClock === 0 && passed() > limitMs * 1e6) return { fedBytes, ns: passed() }
  }
  if (feeder.tail.length > 0) await feed(feeder.tail)
  return { fedBytes, ns: passed() }
}

/** The frame must have come out, whole, before a time counts. */
function outlet(frameBytes: number): {
  out: (frame: unknown) => void
  arrived(): Promise<boolean>
} {
  let length = -1
  return {
    out(frame) {
      length = (frame as { length: number }).length
    },
    async arrived() {
      for (let turn = 0; turn < 1000 && length === -1; turn++) {
        await new Promise(resume => setImmediate(resume))
      }
      return length >= frameBytes && length <= frameBytes + 4
    },
  }
}

async function measureTime(job: Job): Promise<Growth> {
  const reused = Buffer.alloc(job.chunkBytes, 'x')
  const chunk = (bytes: number): Buffer =>
    bytes === reused.length ? reused : reused.subarray(0, bytes)
  const nothing = (): void => {}
  // Frames of an eighth first, through decoders of their own, so that the code is compiled.
  const small = { ...job, frameBytes: job.frameBytes / 8, limitMs: job.limitMs / 8 }
  for (let i = 0; i < 3; i++) {
    const warm = await job.feeder.open(small.frameBytes, nothing)
    await feedFrame(warm, small, chunk, nothing)
  }

  const { out, arrived } = outlet(job.frameBytes)
  globalThis.gc!()
  const before = process.memoryUsage.rss()
  const feed = await job.feeder.open(job.frameBytes, out)
  const start = mainThreadNs()
  const { fedBytes, ns } = await feedFrame(feed, job, chunk, nothing)
  const whole = fedBytes === job.frameBytes
  const finished = whole && (await arrived())
  if (whole && !finished) throw new Error(`${job.feeder.id} did not yield the frame`)
  return {
    finished,
    fedBytes,
    ns: finished ? mainThreadNs() - start : ns,
    peakBytes: Math.max(0, process.resourceUsage().maxRSS * 1024 - before),
  }
}

async function measureLive(job: Job): Promise<Growth> {
  const fresh = (bytes: number): Buffer => {
    const chunk = bytes >= 4096 ? Buffer.allocUnsafeSlow(bytes) : Buffer.from(new Uint8Array(bytes))
    return chunk.fill('x')
  }
  const held = (): number => {
    globalThis.gc!()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return arrayBuffers + heapUsed
  }
  const { out, arrived } = outlet(job.frameBytes)
  await job.feeder.open(1, out) // loads the package before memory is counted
  const before = held()
  const feed = await job.feeder.open(job.frameBytes, out)
  let peakBytes = 0
  const look = (): void => {
    peakBytes = Math.max(peakBytes, held() - before)
  }
  const { fedBytes, ns } = await feedFrame(feed, job, fresh, look)
  look()
  const finished = fedBytes === job.frameBytes && (await arrived())
  return { finished, fedBytes, ns, peakBytes }
}

const [format, id, frameBytes, chunkBytes, mode, limitMs] = process.argv.slice(2)
const feeder = (format === 'line' ? lineFeeders : prefixFeeders).find(known => known.id === id)
if (feeder === undefined) throw new Error(`no candidate ${id} for ${format}`)
const job: Job = {
  feeder,
  frameBytes: Number(frameBytes),
  chunkBytes: Number(chunkBytes),
  limitMs: Number(limitMs),
}
process.send!(await (mode === 'live' ? measureLive(job) : measureTime(job)))
process.disconnect()
process.exit()
