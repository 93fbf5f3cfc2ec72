/**
 * `npm run lint:markdown`: markdownlint, which brings more packages than all that the kit runs.
 *
 * So it is installed in this folder, together with the other packages of its package.json, and only
 * when it is needed. Where it cannot be installed, Markdown is not checked, and a line says so; with
 * NO_SKIP=1 that is a failure.
 */
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('.', import.meta.url))

const program = find() ?? install()
if (program === undefined) {
  console.error('Markdown is not checked (skipped: needs npm ci --prefix .ci/lint)')
  process.exitCode = process.env.NO_SKIP === '1' ? 1 : 0
} else {
  const args = [program, ...process.argv.slice(2)]
  process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1
}

function find() {
  try {
    return createRequire(import.meta.url).resolve('markdownlint-cli/markdownlint.js')
  } catch {
    return undefined
  }
}

function install() {
  console.error('installing the linters of .ci/lint/package.json (once): npm ci --prefix .ci/lint')
  const args = ['ci', '--no-audit', '--no-fund', '--fetch-retries=0', '--loglevel=error']
  const npm = process.env.npm_execpath
  const [command, first] = npm ? [process.execPath, [npm]] : ['npm', []]
  spawnSync(command, [...first, ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return find()
}
