import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { runsTypeScript, TYPESCRIPT_FLAGS } from '#lib/program/typescript.ts'

test.each([
  [{}, '20.19.0', false],
  [{ typescript: false }, '22.18.0', false],
  [{ typescript: 'strip' }, '22.18.0', true],
  [{ typescript: 'strip' }, '23.11.0', false],
  [{ typescript: 'strip' }, '26.0.0', true],
] as const)('runsTypeScript believes features %j of Node %s: %s', (features, version, runs) => {
  expect(runsTypeScript(features, version)).toBe(runs)
})

test('TYPESCRIPT_FLAGS let this Node run a program of a chapter', () => {
  const words = [...TYPESCRIPT_FLAGS, 'chapters/02-tcp-echo/echo/server.ts', '--help']
  const { status, stdout, stderr } = spawnSync(process.execPath, words, {
    cwd: ROOT,
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(stdout).toContain('--port')
})

// Of Node before 22.18 the next test sees the error that a reader would.
test('programs of chapters run without any package, where Node runs TypeScript', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kit-without-packages-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  for (const name of ['chapters', 'lib', 'package.json']) {
    cpSync(join(ROOT, name), join(folder, name), { recursive: true })
  }
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['chapters/02-tcp-echo/echo/server.ts', '--help'],
    { cwd: folder, encoding: 'utf8' },
  )
  if (runsTypeScript()) expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  else expect({ status, stdout }).toEqual({ status: 1, stdout: '' })
})
