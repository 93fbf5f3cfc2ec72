import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { type CheckContext, exercise, type Step } from '#lib/workshop/exercise.ts'
import { renderCheck, resultAsJson } from '#lib/workshop/render.ts'
import { exitCodeOf, runCheck } from '#lib/workshop/run-check.ts'

const ONE = exercise({
  id: 'one',
  title: 'One step',
  kind: 'server',
  protocol: '',
  section: '',
  hints: [],
  steps: [],
})

function check(...runs: Step['run'][]) {
  const titles = ['is in time', 'is right']
  return checkSteps(runs.map((run, at) => ({ title: titles[at]!, run })))
}

async function checkSteps(steps: readonly Step[]) {
  const server = createServer(socket => socket.on('error', () => {}).resume())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return runCheck({ ...ONE, steps }, { target: { port }, seed: 1 })
}

test('a step that decides nothing is run again, with the same random numbers', async () => {
  const seen: number[] = []
  const { passed, steps } = await check(async check => {
    seen.push(check.random.below(1000))
    if (seen.length === 1) check.inconclusive('nothing was seen')
  })
  expect({ passed, steps: steps.length, runs: seen.length }).toEqual({
    passed: true,
    steps: 1,
    runs: 2,
  })
  expect(seen[0]).toBe(seen[1])
})

test('a step has random numbers of its own, whichever steps stand before it', async () => {
  const drawn = async (...titles: string[]) => {
    const seen: Record<string, number[]> = {}
    const steps = titles.map(title => ({
      title,
      async run(check: CheckContext) {
        seen[title] = Array.from({ length: 8 }, () => check.random.below(1000))
      },
    }))
    await checkSteps(steps)
    return seen
  }
  const { last } = await drawn('first', 'last')
  expect(await drawn('last')).toEqual({ last })
  const { first } = await drawn('first')
  expect(first).not.toEqual(last)
})

test('a step that fails is not run again, whether or not it was undecided before', async () => {
  let runs = 0
  const failed = await check(async check => {
    if (++runs < 3) check.inconclusive('nothing was seen')
    check.fail({ what: 'wrong' })
  })
  expect(failed).toMatchObject({ passed: false, failure: { step: 'is in time', what: 'wrong' } })
  expect(failed).not.toHaveProperty('inconclusive')
  expect(exitCodeOf([failed])).toBe(1)
  expect(runs).toBe(3)
})

test('a step that no run decides has neither passed nor failed, and does not hide a failure', async () => {
  let runs = 0
  const undecided = async (check: CheckContext) => {
    runs++
    check.inconclusive(`run ${runs} saw nothing`)
  }
  const result = await check(undecided)
  expect(runs).toBe(8)
  expect(result).toMatchObject({
    passed: false,
    steps: [{ passed: false, inconclusive: 'run 8 saw nothing' }],
    inconclusive: [{ step: 'is in time', what: 'run 8 saw nothing' }],
  })
  expect(result).not.toHaveProperty('failure')
  expect(exitCodeOf([result])).toBe(3)
  const text = renderCheck(result, ONE)
  expect(text).toContain('  ? is in time')
  expect(text).toContain('one: inconclusive. Nothing wrong was found')
  expect(text).toContain('is in time: run 8 saw nothing.')
  expect(resultAsJson(result)).toMatchObject({ passed: false, inconclusive: [{}] })

  const failed = await check(undecided, async check => check.fail({ what: 'wrong' }))
  expect(failed).toMatchObject({ failure: { what: 'wrong' }, inconclusive: [{}] })
  expect(failed.steps.map(({ passed }) => passed)).toEqual([false, false])
  expect(exitCodeOf([failed])).toBe(1)
  expect(exitCodeOf([result, failed])).toBe(1)
})

const SLEEPER = { file: process.execPath, args: ['-e', 'setInterval(() => {}, 1000)'] }

/** A quick step, and one alongside that ends only when the quick one has begun. */
async function runBeside(quickFails: boolean) {
  const ports: number[] = []
  let begin = () => {}
  const begun = new Promise<void>(done => {
    begin = done
  })
  const one = exercise({
    id: 'two',
    title: 'Two steps',
    kind: 'client',
    protocol: '',
    section: '',
    hints: [],
    steps: [
      {
        title: 'is quick',
        async run(check) {
          ports.push(check.program.port)
          begin()
          if (quickFails) check.fail({ what: 'wrong' })
        },
      },
      {
        title: 'waits',
        alongside: true,
        async run({ program }) {
          ports.push(program.port)
          await begun
          // Nothing ends this one but the end of the check.
          if (quickFails) await new Promise(() => {})
        },
      },
    ],
  })
  const { steps } = await runCheck(one, { target: { command: SLEEPER }, seed: 1 })
  return { ports, steps: steps.map(({ title, passed }) => `${title}: ${passed}`) }
}

test('a step alongside runs beside the others with its own program, and is reported in order', async () => {
  const { ports, steps } = await runBeside(false)
  expect(new Set(ports).size).toBe(2)
  expect(steps).toEqual(['is quick: true', 'waits: true'])
})

test('when a step fails, those alongside are ended and not reported', async () => {
  const { steps } = await runBeside(true)
  expect(steps).toEqual(['is quick: false'])
})
