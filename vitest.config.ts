import { defineConfig } from 'vitest/config'
import type { Reporter, TestModule } from 'vitest/node'

/** The last line of a run, for readers and programs alike: `N passed, N failed`. */
const closingLine: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const count = { passed: 0, failed: 0, skipped: 0, pending: 0 }
    for (const module of modules) {
      if (module.state() === 'failed' && [...module.children.allTests()].length === 0)
        count.failed++
      for (const test of module.children.allTests()) count[test.result().state]++
    }
    const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : ''
    console.log(`\n${count.passed} passed, ${count.failed} failed${skipped}`)
  },
}

export default defineConfig({
  test: {
    reporters: ['default', closingLine],
    // Most tests wait for programs: two files side by side, also where there are only two cores.
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/{catalogue,cli,framing,lab,program,textbook,trace,workshop}/**/*.test.ts',
          ],
          testTimeout: 120_000,
        },
      },
      { test: { name: 'chapters', include: ['test/chapters/**/*.test.ts'], testTimeout: 60_000 } },
      { test: { name: 'docs', include: ['test/docs/**/*.test.ts'], testTimeout: 120_000 } },
    ],
  },
})
