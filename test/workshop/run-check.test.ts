import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { exercise, type Step } from '../../lib/workshop/exercise.ts'
import { runCheck } from '../../lib/workshop/run-check.ts'

async function check(run: Step['run']) {
  const server = createServer(socket => socket.on('error', () => {}).resume())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  const one = exercise({
    id: 'one',
    title: 'One step',
    kind: 'server',
    protocol: '',
    section: '',
    hints: [],
    steps: [{ title: 'is in time', run }],
  })
  return runCheck(one, { target: { port }, seed: 1 })
}

test('a step that was late is run once more, with the same random numbers', async () => {
  const seen: number[] = []
  const { passed, steps } = await check(async at => {
    seen.push(at.random.below(1000))
    if (seen.length === 1) at.failLate({ what: 'it was late' })
  })
  expect({ passed, steps: steps.length, runs: seen.length }).toEqual({
    passed: true,
    steps: 1,
    runs: 2,
  })
  expect(seen[0]).toBe(seen[1])
})

test('a step that is late again has failed; one that fails otherwise is not run again', async () => {
  let runs = 0
  const late = await check(async at => {
    runs++
    at.failLate({ what: `late in run ${runs}` })
  })
  expect(late).toMatchObject({ passed: false, failure: { what: 'late in run 2' } })
  const wrong = await check(async at => {
    runs++
    at.fail({ what: 'wrong' })
  })
  expect(wrong).toMatchObject({ passed: false, failure: { step: 'is in time', what: 'wrong' } })
  expect(runs).toBe(3)
})

test('a step that cannot tell is run again, until it can, or has passed', async () => {
  let runs = 0
  const told = await check(async at => {
    if (++runs < 3) at.unsure()
    at.fail({ what: 'wrong' })
  })
  expect(told).toMatchObject({ passed: false, failure: { what: 'wrong' } })
  expect(runs).toBe(3)
  runs = 0
  const untold = await check(async at => {
    runs++
    at.unsure()
  })
  expect(untold).toMatchObject({ passed: true })
  expect(runs).toBe(8)
})
