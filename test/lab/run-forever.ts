/** Runs an experiment that never ends, and prints its steps: to be killed at any moment. */
import { fileURLToPath } from 'node:url'
import { runExperiment } from '#lib/textbook/run-experiment.ts'

const name = process.argv[2] ?? 'forever'
const url = new URL(`./experiments/${name}.ts`, import.meta.url)
const { default: experiment } = await import(url.href)
console.log('started')
await runExperiment({ name, file: fileURLToPath(url), experiment }, undefined, ({ step }) => {
  console.log(step)
})
