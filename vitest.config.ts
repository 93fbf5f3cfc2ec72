import { defineConfig } from 'vitest/config'
import {
  BaseSequencer,
  type Reporter,
  type TestCase,
  type TestModule,
  type TestSpecification,
} from 'vitest/node'
import { ONLY_SLOW } from './test/support/slow.ts'

/** A skipped test whose reason begins so has neither passed nor failed: the machine was too busy. */
const INCONCLUSIVE = 'inconclusive'
/** More of them than this, and a run that may skip nothing has not shown enough. */
const MOST_INCONCLUSIVE = 10

/**
 * A line for each test that fails, as soon as it has failed, and the last line of a run, for readers
 * and programs alike: `N passed, N failed`. Before that come the tests that nothing decided, with the
 * reason.
 */
const outcomes: Reporter = {
  onTestCaseResult(test: TestCase) {
    const { state, errors = [] } = test.result()
    if (state !== 'failed') return
    const [why = ''] = errors[0]?.message.split('\n') ?? []
    console.log(`FAILED ${test.module.relativeModuleId} > ${test.fullName}: ${why}`)
  },
  onTestRunEnd(modules: readonly TestModule[]) {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    const inconclusive: string[] = []
    const lacking: string[] = []
    for (const module of modules) {
      if (module.state() === 'failed' && [...module.children.allTests()].length === 0)
        count.failed++
      for (const test of module.children.allTests()) {
        const result = test.result()
        count[result.state]++
        if (result.state !== 'skipped') continue
        const line = `  ${module.relativeModuleId} > ${test.fullName}`
        if (result.note?.startsWith(INCONCLUSIVE)) inconclusive.push(`${line}: ${result.note}`)
        else if (process.env.SLOW === '1' || !test.fullName.includes(ONLY_SLOW))
          lacking.push(`${line}${result.note ? `: ${result.note}` : ''}`)
      }
    }
    if (inconclusive.length > 0)
      console.log(`\nNeither passed nor failed:\n${inconclusive.join('\n')}`)
    if (process.env.NO_SKIP === '1') refuseSkipped(lacking, inconclusive.length)
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : ''
    console.log(`\n${count.passed} passed, ${count.failed} failed${skipped}`)
  },
}

/** Ends a run as failed in which tests were skipped that could have run here. */
function refuseSkipped(lacking: readonly string[], inconclusive: number): void {
  if (lacking.length > 0) {
    console.log(`\nNO_SKIP=1, but skipped, for what their names say:\n${lacking.join('\n')}`)
    process.exitCode = 1
  }
  if (inconclusive > MOST_INCONCLUSIVE) {
    console.log(
      `\nNO_SKIP=1, but ${inconclusive} were inconclusive: at most ${MOST_INCONCLUSIVE} may be`,
    )
    process.exitCode = 1
  }
}

/** Files that take more than ten seconds, the longest first. */
const LONG = [
  'workshop/exercises',
  'pages/embeds',
  'textbook/textbook',
  'observe/trace-example',
  'chapters/wrong-server',
  'cli/start',
  'workshop/foreign',
  'chapters/abuse',
  'cli/picker',
  'cli/trace',
  'observe/left-behind',
  'chapters/05-keepalive',
  'chapters/examples',
]

/**
 * One worker begins with the longest file, the other with all short ones, so that most mistakes show
 * within the first minute. The other long files follow, the longest first.
 */
class QuickAnswers extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG.findIndex(name => moduleId.endsWith(`test/${name}.test.ts`))
      return at < 0 ? 0.5 : at
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

/** No test changes what it imports: each worker loads that once. */
const common = { isolate: false, globalSetup: 'test/support/compile.ts', hookTimeout: 120_000 }

export default defineConfig({
  test: {
    reporters: ['default', outcomes],
    // As many files side by side as there are cores, if there are two: what runs beside a check makes it late.
    maxWorkers: 2,
    sequence: { sequencer: QuickAnswers },
    // The feedback on file of the exercises.
    update: process.env.UPDATE_FEEDBACK === '1' ? 'all' : 'none',
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/{bench,catalogue,cli,environments,framing,kernel,lab,observe,program,textbook,trace}/**/*.test.ts',
          ],
          ...common,
          testTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'chapters',
          include: ['test/chapters/**/*.test.ts'],
          ...common,
          testTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'workshop',
          include: ['test/workshop/**/*.test.ts'],
          ...common,
          testTimeout: 600_000,
          // They connect hundreds of clients: more side by side, and the checks themselves are late.
          maxConcurrency: 3,
        },
      },
      {
        test: {
          name: 'docs',
          include: ['test/{docs,pages}/**/*.test.ts'],
          ...common,
          testTimeout: 300_000,
        },
      },
    ],
  },
})
