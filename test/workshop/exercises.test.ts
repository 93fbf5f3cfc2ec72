import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { slug } from 'github-slugger'
import { describe, expect, inject, type TestContext, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { firstDifference } from '#lib/workshop/bytes.ts'
import type { Failure } from '#lib/workshop/failure.ts'
import {
  feedbackFile,
  type ListedExercise,
  loadExercises,
  readIfPresent,
  wrongSolutions,
} from '#lib/workshop/load-exercises.ts'
import { renderCheck } from '#lib/workshop/render.ts'
import { type CheckResult, runCheck } from '#lib/workshop/run-check.ts'
import { evenly, ONLY_SLOW, spread, withSlow, withSome } from '../support/slow.ts'

const SEED = 1
/** REPEAT=50: each check so many times, with other seeds; without it, once. */
const REPEAT = Number(process.env.REPEAT ?? 0)
const seeds = Array.from({ length: REPEAT }, (_, n) => n + 1)
/** How long one of these may take where many run side by side, in milliseconds. */
const RUN_MS = 60_000
/** UPDATE_FEEDBACK=1: vitest writes what the wrong solutions are told. */
const RENEWED = process.env.UPDATE_FEEDBACK === '1'
/** EVERY=1: every wrong solution. WHOLE=1: also the steps before the one that each fails. */
const EVERY = RENEWED || process.env.EVERY === '1'
const WHOLE = process.env.WHOLE === undefined ? RENEWED : process.env.WHOLE === '1'
const exercises = await loadExercises()

/** The exercises' programs as JavaScript, as in the tests of the chapters. */
const pathOf = (file: string) => join(inject('compiled'), file.replace(/\.ts$/, '.js'))

interface Options {
  preload?: readonly string[]
  only?: string | undefined
  seed?: number
}

function examine(
  one: ListedExercise,
  file: string,
  { preload = [], only, seed = SEED }: Options = {},
) {
  // What it complains about is in its TypeScript, as for a learner.
  const args = ['--enable-source-maps', ...preload.map(each => `--import=${pathOf(each)}`)]
  const program = pathOf(join(one.folder, file))
  const command = { file: process.execPath, args: [...args, program] }
  return runCheck(one.exercise, { target: { command }, seed, only })
}

/** For how long an inconclusive check is made again, in milliseconds: what is judged waits for a quiet moment. */
const INCONCLUSIVE_MS = 60_000

/**
 * Examines a program until that decides something. Where the machine stays too busy to judge it, the
 * test is skipped as inconclusive: it has neither passed nor failed.
 */
async function judge(
  context: TestContext,
  one: ListedExercise,
  file: string,
  options: Options = {},
): Promise<CheckResult> {
  const startMs = performance.now()
  for (;;) {
    const result = await examine(one, file, options)
    const [undecided] = result.inconclusive ?? []
    if (result.failure || undecided === undefined) return result
    if (performance.now() - startMs > INCONCLUSIVE_MS)
      context.skip(`inconclusive: ${undecided.step}: ${undecided.what}`)
  }
}

/**
 * Ports are other ones in each run; how much of a mass of bytes came, or came too many, and whether a
 * read or a write hears of a reset, is chance.
 */
const normalised = (feedback: string) =>
  feedback
    .replaceAll(/\b\d+ of \d{5,} bytes\b/g, 'N of M bytes')
    .replaceAll(/\bsent \d+ bytes more\b/g, 'sent N bytes more')
    .replaceAll(
      /\d+ times `wait \d+` took less than \d+ ms/g,
      'N times `wait M` took less than L ms',
    )
    .replaceAll(/\bport \d+/g, 'port N')
    .replaceAll(/\b(read|write) (ECONNRESET|EPIPE)\b/g, 'read ECONNRESET')

/** The step in which a wrong solution fails, as its feedback has it. */
const failingStep = (one: ListedExercise, name: string) =>
  /^ {2}✗ (.*)$/m.exec(readIfPresent(feedbackFile(one, name)) ?? '')?.[1]

/**
 * In bytes, too, ports are other ones in each run: they are numbered as they appear. How many halves of
 * lines were read before a reset threw them away is chance: one is shown.
 */
function evenOut(failure: Failure): void {
  const ports: string[] = []
  const numbered = (bytes: Uint8Array) => {
    const text = Buffer.from(bytes).toString('latin1')
    const other = text
      .replaceAll(/(half a li){2,}/g, '$1')
      .replaceAll(/\bport (\d+)/g, (_, port: string) => {
        if (!ports.includes(port)) ports.push(port)
        return `port ${10_001 + ports.indexOf(port)}`
      })
    return Buffer.from(other, 'latin1')
  }
  const { expected, received } = failure
  if (expected) failure.expected = numbered(expected)
  if (!received) return
  failure.received = numbered(received)
  if (failure.expected && ports.length > 0)
    failure.offset = firstDifference(failure.expected, failure.received)
}

/** Quick tests run the programs of a few exercises. What is on file is compared for all. */
const examined = new Set(spread(exercises, 3, exercises.length))

describe.concurrent.each(REPEAT > 0 ? [] : exercises)('$exercise.id', one => {
  const { exercise, folder } = one

  test('has a README that says what is checked, and hints', () => {
    const readme = readFileSync(join(ROOT, folder, 'README.md'), 'utf8')
    for (const { title } of exercise.steps) expect(readme).toContain(title)
    expect(exercise.hints.length).toBeGreaterThanOrEqual(2)
    expect(exercise.hints.length).toBeLessThanOrEqual(3)
    const [file = '', place = ''] = exercise.section.split('#')
    const headings = readFileSync(join(ROOT, file), 'utf8')
      .split('\n')
      .filter(line => line.startsWith('#'))
      .map(line => slug(line.replace(/^#+ /, '')))
    expect(headings).toContain(place)
  })

  // Only the slow tests take the steps that run alongside: they wait, for up to 15 seconds.
  test.runIf(examined.has(one))('is passed by its solution', async context => {
    const steps = exercise.steps.filter(step => withSlow || !step.alongside)
    const asked = { ...one, exercise: { ...exercise, steps } }
    const result = await judge(context, asked, 'solution.ts')
    expect(renderCheck(result, exercise)).toContain(`${exercise.id}: passed`)
  })

  test.skipIf(!withSlow)(`is passed by a solution that is slow ${ONLY_SLOW}`, async context => {
    const result = await judge(context, one, 'solution.ts', {
      preload: ['test/workshop/slow.ts'],
    })
    expect(renderCheck(result, exercise)).toContain(`${exercise.id}: passed`)
  })

  test.runIf(examined.has(one))('is not passed by what the learner starts with', async context => {
    const { passed, failure } = await judge(context, one, 'start.ts')
    expect(passed).toBe(false)
    // It runs: what it lacks is what the exercise is about.
    expect(failure?.what).not.toMatch(/Error:/)
  })

  test('has the steps that run alongside behind the others', () => {
    const alongside = exercise.steps.map(step => step.alongside === true)
    expect(alongside).toEqual(alongside.toSorted())
  })

  const wrong = wrongSolutions(one)
  test('has at least three wrong solutions', () => expect(wrong.length).toBeGreaterThanOrEqual(3))

  const howToWrite = `UPDATE_FEEDBACK=1 npm run test:workshop -- exercises -t ${exercise.id}`
  test.skipIf(RENEWED)(
    'has feedback on file for each wrong solution, of a step that there is',
    () => {
      const titles = exercise.steps.map(({ title }) => title)
      for (const name of wrong) {
        const why = `wrong/${name}.feedback.txt: ${howToWrite} writes it`
        expect(titles, why).toContain(failingStep(one, name))
      }
    },
  )

  // One of a few exercises, or two of each, of those that fail soon; six of each with npm run test:slow; with EVERY=1 all.
  const waits = exercise.steps.filter(step => step.alongside).map(({ title }) => title)
  const soon = wrong.filter(name => !waits.includes(failingStep(one, name) ?? ''))
  const few = withSome ? evenly(soon, 2) : examined.has(one) ? evenly(soon, 1) : []
  test.for(EVERY ? wrong : withSlow ? evenly(wrong, 6) : few)(
    'gives the feedback on file to %s',
    async (name, context) => {
      const file = feedbackFile(one, name)
      const only = WHOLE ? undefined : failingStep(one, name)
      const result = await judge(context, one, `wrong/${name}.ts`, { only })
      expect(result.passed).toBe(false)
      // A step before it that the machine was too busy to judge says nothing against the feedback.
      for (const step of result.steps) {
        if (step.inconclusive === undefined) continue
        delete step.inconclusive
        step.passed = true
      }
      if (only !== undefined) {
        const at = exercise.steps.findIndex(({ title }) => title === only)
        const before = exercise.steps.slice(0, at)
        result.steps.unshift(...before.map(({ title }) => ({ title, passed: true, ms: 0 })))
      }
      // What it printed comes when it comes: another test is about that.
      delete result.failure?.output
      if (result.failure) evenOut(result.failure)
      const feedback = `${normalised(renderCheck(result, exercise))}\n`
      // Where chance decides which of two true things is seen first, both are on file.
      const other = readIfPresent(file.replace(/txt$/, 'or.txt'))
      if (feedback === other) return
      await context.expect(feedback, `${howToWrite} writes it`).toMatchFileSnapshot(file)
    },
  )
})

/** Runs that decided nothing are counted apart; a machine that decides nothing at all shows nothing. */
function reportUndecided({ exercise }: ListedExercise, program: string, undecided: number[]): void {
  if (undecided.length === 0) return
  console.log(`${exercise.id} ${program}: ${undecided.length} of ${REPEAT} inconclusive`)
  expect(undecided.length).toBeLessThan(REPEAT)
}

// The tests run side by side: each of them is under load all the time.
describe.concurrent.each(REPEAT > 0 ? exercises : [])(`$exercise.id, ${REPEAT} times`, one => {
  test('is passed by its solution', { timeout: REPEAT * RUN_MS }, async () => {
    const failed: string[] = []
    const undecided: number[] = []
    for (const seed of seeds) {
      const result = await examine(one, 'solution.ts', { seed })
      if (result.failure) failed.push(`seed ${seed}\n${renderCheck(result, one.exercise)}`)
      else if (!result.passed) undecided.push(seed)
    }
    expect(failed).toEqual([])
    reportUndecided(one, 'solution', undecided)
  })

  test.each(wrongSolutions(one))(
    'is not passed by %s',
    { timeout: REPEAT * RUN_MS },
    async name => {
      const only = failingStep(one, name)
      expect(only).toBeDefined()
      const passed: number[] = []
      const undecided: number[] = []
      for (const seed of seeds) {
        const result = await examine(one, `wrong/${name}.ts`, { only, seed })
        if (result.passed) passed.push(seed)
        else if (!result.failure) undecided.push(seed)
      }
      expect(passed).toEqual([])
      reportUndecided(one, name, undecided)
    },
  )
})
