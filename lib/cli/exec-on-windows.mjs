/**
 * Runs after `npm ci`. The npm scripts begin with `exec`, so that a signal to npm's shell
 * reaches the program. The shell of Windows has no `exec`, so a batch file of that name runs what
 * follows.
 *
 * Plain JavaScript: at this moment nothing else may be installed yet.
 */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

if (process.platform === 'win32') {
  const file = fileURLToPath(new URL('../../node_modules/.bin/exec.cmd', import.meta.url))
  writeFileSync(file, '@%*\r\n')
}
