import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setPriority } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, onTestFinished, test } from 'vitest'
import { Inconclusive } from '#lib/lab/inconclusive.ts'
import { CheckFailed } from '#lib/workshop/check-failed.ts'
import { threadTimes } from '#lib/workshop/run-delay.ts'
import { Delays, longestTogether } from '#lib/workshop/stopwatch.ts'

function delays(pid?: number): Delays {
  const made = new Delays(pid)
  onTestFinished(() => made.close())
  return made
}

function program(script: string) {
  const child = spawn(process.execPath, ['-e', script], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return { pid: child.pid!, child }
}

const block = (ms: number) => {
  for (const end = performance.now() + ms; performance.now() < end; );
}

const FAILURE = { what: 'wrong' }

test('a stopwatch takes off what this process was late itself', async () => {
  const watch = delays().start()
  block(300)
  await delay(1)
  const { ms, leastMs, mostMs } = watch.read()
  expect(ms).toBeGreaterThanOrEqual(300)
  expect(leastMs).toBeLessThan(ms - 250)
  expect(mostMs).toBeGreaterThanOrEqual(ms)
  expect(() => watch.atMost(250, FAILURE)).toThrow(Inconclusive)
  expect(() => watch.atLeast(250, 200, FAILURE)).toThrow(Inconclusive)
})

test('a stopwatch that starts late says that it may have begun before', async () => {
  const late = delays()
  block(300)
  const { ms, leastMs, mostMs } = late.start().read()
  expect(mostMs - ms).toBeGreaterThan(280)
  expect(leastMs).toBe(0)
})

test('a stopwatch that starts late twice over says so', async () => {
  const late = delays()
  block(300)
  // One tick, which is late, and then again no time for the next.
  await delay(0)
  block(100)
  const { ms, mostMs } = late.start().read()
  expect(mostMs - ms).toBeGreaterThan(350)
})

test('a stopwatch that starts after the run is over keeps no process alive', () => {
  const over = new Delays(undefined)
  over.close()
  const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = timers()
  expect(over.start().read().ms).toBeGreaterThanOrEqual(0)
  expect(timers()).toBe(before)
})

test.each([
  { waits: [], longest: 0, why: 'nothing waited' },
  { waits: [[30, 500]], longest: 30, why: 'one thread' },
  {
    waits: [
      [30, 500],
      [40, 500],
    ],
    longest: 70,
    why: 'one after the other, perhaps',
  },
  {
    waits: Array(20).fill([40, 50]),
    longest: 50,
    why: 'side by side: no longer than the time itself',
  },
  {
    waits: [[400, 1000], ...Array(20).fill([40, 50])],
    longest: 450,
    why: 'one of them began before',
  },
  {
    waits: [
      [30, 50],
      [30, 50],
      [30, 60],
      [30, 1000],
    ],
    longest: 90,
    why: 'each within its own time',
  },
])('threads wait together at most $longest ms: $why', ({ waits, longest }) => {
  const threads = waits.map(([ms, withinMs]) => ({ ms, withinMs }))
  expect(longestTogether(threads)).toBe(longest)
  expect(longestTogether(threads.toReversed())).toBe(longest)
})

test('a stopwatch judges what no delay explains', async () => {
  const watch = delays().start()
  await delay(50)
  expect(() => watch.atLeast(50, 0, FAILURE)).not.toThrow()
  expect(() => watch.atMost(60_000, FAILURE)).not.toThrow()
  expect(() => watch.atLeast(60_000, 0, FAILURE)).toThrow(CheckFailed)
  // Ten times as long, or as much longer as the machine makes it.
  while (watch.read().leastMs < 20) await delay(10)
  expect(() => watch.atMost(10, FAILURE)).toThrow(CheckFailed)
})

test('a stopwatch waits for longer than the limit where the machine took some of the time', async () => {
  const watch = delays().start()
  block(200)
  const waits: number[] = []
  const happened = await watch.happensWithin(100, async ms => {
    waits.push(ms)
    await delay(ms)
    return false
  })
  expect(happened).toBe(false)
  expect(waits[0]).toBeGreaterThan(90)
  expect(watch.read().ms).toBeGreaterThan(290)
})

test.skipIf(process.platform !== 'linux')(
  'a stopwatch takes off what a program waited for a processor (needs Linux)',
  async () => {
    const { pid, child } = program('for (;;) ;')
    setPriority(pid, 19)
    // As many loops as it takes: until it has waited.
    const others = Array.from({ length: 4 }, () => program('for (;;) ;'))
    const made = delays(pid)
    const watch = made.start()
    const waited = () => Math.max(...threadTimes([pid]).map(({ delayMs }) => delayMs))
    const before = waited()
    while (waited() - before < 300) await delay(20)
    const { ms, leastMs } = watch.read()
    expect(leastMs).toBeLessThanOrEqual(Math.max(0, ms - 300))
    for (const other of others) other.child.kill('SIGKILL')
    child.kill('SIGKILL')
    await once(child, 'exit')
    made.programEnded()
    // What it waited is not forgotten with it; and nothing delays it any more.
    const after = watch.read()
    expect(after.leastMs).toBeLessThanOrEqual(Math.max(0, after.ms - 300))
    const ended = made.startRoughly()
    while (!ended.isOver(100)) await delay(20)
  },
)

test.skipIf(process.platform !== 'linux')(
  'a stopwatch takes off what a program waits for a processor at this moment (needs Linux)',
  async () => {
    const { pid } = program('for (;;) ;')
    const watch = delays(pid).start()
    // Stopped it is neither ready to run, nor does it count as delayed.
    process.kill(pid, 'SIGSTOP')
    const stopped = delays(pid).start()
    while (!stopped.isOver(150)) await delay(20)
    process.kill(pid, 'SIGCONT')
    setPriority(pid, 19)
    const others = Array.from({ length: 8 }, () => program('for (;;) ;'))
    const [main] = threadTimes([pid])
    // It gets a processor seldom: most of the time it waits, and that shows at once.
    let least = 1
    for (let n = 0; n < 100; n++) {
      const { ms, leastMs } = watch.read()
      least = Math.min(least, leastMs / ms)
      await delay(10)
    }
    expect(main).toBeDefined()
    expect(least).toBeLessThan(0.7)
    for (const other of others) other.child.kill('SIGKILL')
  },
)
