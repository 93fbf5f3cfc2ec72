/**
 * The process of one candidate: `worker.ts <table> <candidate>`.
 *
 * It loads that candidate and no other, checks it, warms it up, and then measures one sample for
 * each message from the parent, which lets the candidates of a table take turns.
 */

import { Bench } from 'tinybench'
import { type Candidate, check, type Work } from './candidate.ts'
import { mainThreadNs } from './clock.ts'
import { tables } from './tables/index.ts'

/** From the parent: measure for so long. */
export interface SampleRequest {
  sampleMs: number
}

/** To the parent: what one frame took, garbage collection included. */
export interface Sample {
  nsPerFrame: number
  bytesPerFrame: number
}

async function sample(candidate: Candidate, work: Work, sampleMs: number): Promise<Sample> {
  const bench = new Bench({ time: sampleMs, iterations: 1, warmup: false, throws: true })
  bench.add(candidate.id, work.run)
  const start = process.hrtime.bigint()
  const ranBefore = mainThreadNs()
  const [task] = await bench.run()
  const ran = mainThreadNs() - ranBefore
  const passed = Number(process.hrtime.bigint() - start)
  const result = task?.result
  if (result?.state !== 'completed') throw new Error(`${candidate.id}: no result`)
  const frames = work.payloads.length
  return {
    // The mean of the sample, not its median: a collection that comes every tenth pass is a cost
    // of the candidate too. The median is taken over the samples. The share of the time in which
    // this process ran takes out what others took of the core.
    nsPerFrame: ((result.latency.mean * 1e6) / frames) * Math.min(1, ran / passed),
    bytesPerFrame: work.wireBytes / frames,
  }
}

const [tableName, candidateId] = process.argv.slice(2)
const candidate = tables
  .find(table => table.name === tableName)
  ?.candidates.find(({ id }) => id === candidateId)
if (candidate === undefined) throw new Error(`no candidate ${candidateId} in ${tableName}`)

const work = await candidate.prepare()
await check(candidate.id, work)

process.on('message', async ({ sampleMs }: SampleRequest) => {
  process.send!(await sample(candidate, work, sampleMs))
})
process.once('disconnect', () => process.exit())
process.send!('ready')
