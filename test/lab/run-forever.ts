/** Runs the experiment that never ends, and prints its steps: to be killed at any moment. */
import { fileURLToPath } from 'node:url'
import { runExperiment } from '../../lib/textbook/run-experiment.ts'
import experiment from './experiments/forever.ts'

const file = fileURLToPath(new URL('./experiments/forever.ts', import.meta.url))
console.log('started')
await runExperiment({ name: 'forever', file, experiment }, undefined, ({ step }) => {
  console.log(step)
})
