import { defineConfig } from 'vitest/config'
import { BaseSequencer, type Reporter, type TestModule, type TestSpecification } from 'vitest/node'
import { withSlow } from './test/support/slow.ts'

/**
 * The last line of a run, for readers and programs alike: `N passed, N failed`. Before it come the
 * tests that a retry has saved: they are to be mended, too.
 */
const closingLine: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const flaky = modules.flatMap(module =>
      [...module.children.allTests()]
        .filter(test => test.diagnostic()?.flaky)
        .map(test => `  ${module.relativeModuleId} > ${test.fullName}`),
    )
    if (flaky.length > 0) console.log(`\nPassed, but not at the first try:\n${flaky.join('\n')}`)
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const module of modules) {
      if (module.state() === 'failed' && [...module.children.allTests()].length === 0)
        count.failed++
      for (const test of module.children.allTests()) count[test.result().state]++
    }
    if (count.skipped > 0 && process.env.NO_SKIP === '1') {
      console.log(`\nNO_SKIP=1, but ${count.skipped} were skipped: their names say what they need`)
      process.exitCode = 1
    }
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : ''
    console.log(`\n${count.passed} passed, ${count.failed} failed${skipped}`)
  },
}

/** Files that mostly wait, the longest first: what computes runs beside them. */
const LONG = [
  'docs/embeds',
  'workshop/exercises',
  'textbook/textbook',
  'trace/trace-example',
  'chapters/wrong-server',
  'cli/start',
  'workshop/foreign',
  'chapters/abuse',
  'cli/picker',
  'cli/trace',
  'trace/trace-example',
  'trace/left-behind',
  'chapters/05-keepalive',
  'chapters/examples',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = LONG.findIndex(name => moduleId.endsWith(`test/${name}.test.ts`))
      return at < 0 ? LONG.length : at
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

/** No test changes what it imports: each worker loads that once. */
const common = { isolate: false, globalSetup: 'test/support/compile.ts' }

export default defineConfig({
  test: {
    reporters: ['default', closingLine],
    // Most tests wait for programs: more files side by side than there are cores, if there are two.
    // What is slow computes more.
    maxWorkers: withSlow ? 2 : 3,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/{catalogue,cli,environments,framing,kernel,lab,program,textbook,trace}/**/*.test.ts',
          ],
          ...common,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'chapters',
          include: ['test/chapters/**/*.test.ts'],
          ...common,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'workshop',
          include: ['test/workshop/**/*.test.ts'],
          ...common,
          testTimeout: 120_000,
          // Most of them wait for programs that say nothing.
          maxConcurrency: 10,
        },
      },
      {
        test: {
          name: 'docs',
          include: ['test/docs/**/*.test.ts'],
          ...common,
          testTimeout: 120_000,
        },
      },
    ],
  },
})
