import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { expect, test } from 'vitest'
import { Inconclusive } from '#lib/lab/lab.ts'
import { measureUndisturbed, raisePriority } from '#lib/lab/measure-undisturbed.ts'

/** Measures 1, 2, 3 …; whatever is less than `first` is worthless. */
const counting = (first: number) => {
  const steps: string[] = []
  let count = 0
  const measured = measureUndisturbed(
    step => steps.push(step),
    async () => ++count,
    seen => (seen < first ? `a pause of ${seen} ms` : undefined),
  )
  return { measured, steps }
}

test('measureUndisturbed returns the first measurement that counts, and says why others do not', async () => {
  const { measured, steps } = counting(3)
  expect(await measured).toBe(3)
  expect(steps).toEqual(['does not count: a pause of 1 ms', 'does not count: a pause of 2 ms'])
})

test('measureUndisturbed is inconclusive with what was seen last, when nothing counts', async () => {
  const { measured } = counting(100)
  const error = await measured.catch((reason: Error) => reason)
  expect(error).toBeInstanceOf(Inconclusive)
  expect((error as Error).message).toBe('measured 4 times, each in vain: a pause of 4 ms')
})

test.skipIf(process.getuid?.() !== 0)(
  'prefer raises the priority of a process, and bears one that has ended (needs root)',
  async () => {
    // A session of its own, and so a group of its own: ours keeps its priority.
    const child = spawn('cat', { detached: true })
    await once(child, 'spawn')
    raisePriority(child.pid!)
    expect(getPriority(child.pid)).toBe(-20)
    // The group of its session, in a kernel that schedules by such groups.
    const group = `/proc/${child.pid}/autogroup`
    if (existsSync(group)) expect(readFileSync(group, 'latin1')).toMatch(/ nice -20$/m)
    child.stdin.end()
    await once(child, 'close')
    expect(() => raisePriority(child.pid!)).not.toThrow()
  },
)
