import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect } from 'vitest'
import { flagsTakenByNpm, withoutTerminator } from '#lib/program/npm-flags.ts'
import { test } from '../support/kit.ts'
import { KIT } from '../support/kit-folder.ts'

const program = '/kit/chapters/02-tcp-echo/echo/client.ts'
const script = 'exec node --import tsx chapters/02-tcp-echo/echo/client.ts'
const started = { npm_lifecycle_script: script, npm_config_message: 'hi' }

describe('flagsTakenByNpm', () => {
  test('names what npm has in place of the program', () => {
    expect(flagsTakenByNpm(['port', 'message'], started, program)).toEqual(['message'])
  })

  test('takes no notice of settings that the program does not know', () => {
    const env = { ...started, npm_config_fund: '' }
    expect(flagsTakenByNpm(['port'], env, program)).toEqual([])
  })

  test('knows flags with a dash, and those that begin with no-', () => {
    const env = {
      npm_lifecycle_script: script,
      npm_config_start_timeout: '3',
      npm_config_watch: '',
    }
    const flags = ['start-timeout', 'no-watch', 'watch-less']
    expect(flagsTakenByNpm(flags, env, program)).toEqual(['start-timeout', 'no-watch'])
    // `watch` that is on is another flag.
    const on = { npm_lifecycle_script: script, npm_config_watch: 'true' }
    expect(flagsTakenByNpm(['no-watch'], on, program)).toEqual([])
  })

  test('takes no notice in a program that another one has started', () => {
    const env = { ...started, npm_lifecycle_script: 'exec node --import tsx lib/cli/trace.ts' }
    expect(flagsTakenByNpm(['message'], env, program)).toEqual([])
    expect(flagsTakenByNpm(['message'], { npm_config_message: 'hi' }, program)).toEqual([])
  })

  test('takes no notice of what an .npmrc sets', ({ kit }) => {
    const folder = kit.folder()
    writeFileSync(join(folder, '.npmrc'), '; mine\nmessage = hello\n')
    const env = { ...started, npm_config_local_prefix: folder }
    expect(flagsTakenByNpm(['message'], env, program)).toEqual([])
  })
})

test('withoutTerminator drops one leading -- and no other', () => {
  expect(withoutTerminator(['--', 'a'])).toEqual(['a'])
  expect(withoutTerminator(['--', '--', 'a'])).toEqual(['--', 'a'])
  expect(withoutTerminator(['a', '--'])).toEqual(['a', '--'])
})

describe.concurrent('npm run, with a flag before the --', () => {
  test.for([
    ['02:client', ['--message', 'x'], 'npm took --message for itself: write -- before the flags'],
    ['check', ['tcp-echo', '--port', '9'], 'npm took --port for itself: write -- before the flags'],
    ['workshop', ['--no-watch'], 'npm took --no-watch for itself: write -- before the flags'],
  ] as const)('%s %j is one line and exit code 2', async ([name, args, line]) => {
    const run = execa('npm', ['run', '--silent', name, ...args], { cwd: KIT, reject: false })
    const { exitCode, stdout, stderr } = await run
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' })
    const ours = stderr.split('\n').filter(each => !each.startsWith('npm warn'))
    expect(ours).toHaveLength(1)
    expect(ours[0]).toContain(line)
  })

  test('a second -- is dropped', async () => {
    const args = ['run', '--silent', 'check', '--', '--', 'tcp-echo', '--list']
    const { exitCode, stdout } = await execa('npm', args, { cwd: KIT, reject: false })
    expect(exitCode).toBe(0)
    expect(stdout).toMatch(/^02 {2}tcp-echo: /)
  })
})
