import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { missing } from '#lib/kernel/requirements.ts'
import { onPath } from '#lib/kernel/tools.ts'
import { isStep } from '#lib/trace/explain-states.ts'
import type { Recording, StateEvent } from '#lib/trace/recording.ts'
import { withSome } from '../support/slow.ts'
import { canEnter, copyOfKit, NODE, runIn } from './enter.ts'
import { ENVIRONMENTS, type Environment } from './environments.ts'

let copy = { path: '', remove: () => {} }
beforeAll(() => {
  if (canEnter) copy = copyOfKit()
}, 60_000)
afterAll(() => copy.remove(), 60_000)

const hasAll =
  onPath('git') &&
  (['strace', 'tcpdump', 'tracefs', 'nft'] as const).every(tool => missing(tool) === undefined)

const LANES = 'js,syscalls,states,packets,tcp'

/** Runs one of the kit's commands. */
async function kit(environment: Environment, command: string, ...args: string[]) {
  const words = ['--import', 'tsx', `lib/cli/${command}.ts`, ...args]
  return runs(environment, NODE, ...words)
}

/** Runs a command. Whatever it does, it shows no stack trace. */
async function runs(environment: Environment, ...command: string[]) {
  const ran = await runIn(environment, copy.path, command)
  expect(`${ran.stdout}${ran.stderr}`).not.toMatch(/^\s+at .*[:(]/m)
  return ran
}

describe.skipIf(!canEnter || !hasAll)(
  'The kit (needs root, git, strace, tcpdump, nft, tracefs, setpriv)',
  { timeout: 300_000 },
  () => {
    describe.concurrent.each(ENVIRONMENTS)('with $name', environment => {
      test.runIf(withSome).concurrent('runs an example', async () => {
        const { stdout, stderr, exitCode } = await kit(environment, 'start', '02/echo')
        expectTimeline(stdout, stderr, exitCode, environment)
      })

      if (environment.withNpm)
        test.runIf(withSome).concurrent('runs it by npm', async () => {
          const { stdout, stderr, exitCode } = await runs(
            environment,
            ...['npm', '-s', 'start', '02/echo'],
          )
          expectTimeline(stdout, stderr, exitCode, environment)
        })

      if (environment.git)
        test.runIf(withSome).concurrent('is as Git finds it', async () => {
          const { stdout } = await runs(environment, NODE, '-e', GIT_STATUS)
          expect(stdout).toMatch(environment.git!)
        })

      test
        .runIf(withSome || environment.isQuick)
        .concurrent(
          'traces it, with states in a legal order, and says truly what is missing',
          async () => {
            const args = ['02/echo', '--lanes', LANES, '--format', 'json']
            const { stdout, stderr, exitCode } = await kit(environment, 'trace', ...args)
            expect(exitCode, stderr).toBe(0)
            const { meta, events }: Recording = JSON.parse(stdout)
            expect(meta.lanes.js).toBe('live')
            for (const lane of ['syscall', 'state', 'packet', 'tcp'] as const) {
              const expected = environment.incomplete?.[lane]
              const status = meta.lanes[lane]!
              const reason = lane === 'state' ? (meta.whySampled ?? '') : ''
              const said = `${status.replace(/^missing: |^sampled$|^live$/, '')}${reason}`
              if (expected === undefined) expect([lane, status, said]).toEqual([lane, 'live', ''])
              else expect(said).toMatch(expected)
            }
            // One line for each lane that is not complete, and nothing else.
            const lines = stderr.split('\n').filter(Boolean)
            expect(lines).toHaveLength(Object.keys(environment.incomplete ?? {}).length)
            expectLegal(
              events.filter(event => event.lane === 'state'),
              meta.lanes.state === 'live',
            )
          },
        )

      if (environment.claims)
        test.runIf(withSome)('puts claims to the test', async () => {
          const { stdout, exitCode } = await kit(
            environment,
            'textbook',
            '--json',
            ...environment.claims!,
          )
          const results: Record<string, unknown>[] = JSON.parse(stdout)
          expect(results.map(({ id }) => id)).toEqual(environment.claims)
          expect(results.filter(({ failed }) => failed !== undefined)).toEqual([])
          expect(results.filter(({ agrees }) => agrees === false)).toEqual([])
          expect(exitCode).toBe(0)
        })

      test.runIf(withSome).concurrent('lists exercises and checks', async () => {
        const list = await kit(environment, 'workshop', 'list')
        expect([list.stderr, list.exitCode]).toEqual(['', 0])
        expect(list.stdout).toMatch(/tcp-echo/)
        const checks = await kit(environment, 'check', '--list')
        expect([checks.stderr, checks.exitCode]).toEqual(['', 0])
      })

      test.runIf(withSome).concurrent('copies a codec, or says in a line why not', async () => {
        const target = environment.env?.TMPDIR ?? '/srv/home/copied'
        const ran = await kit(environment, 'codec', 'copy', 'lines', target)
        if (environment.env?.TMPDIR === undefined)
          expect([ran.stderr, ran.exitCode]).toEqual(['', 0])
        else {
          expect(ran.exitCode).not.toBe(0)
          expect(ran.stderr).toMatch(/^.*ENOSPC.*$/)
        }
      })
    })
  },
)

/** Prints what Git says, or the system where there is no Git. */
const GIT_STATUS = `
const { error, stderr } = require('node:child_process').spawnSync('git', ['status'], { encoding: 'utf8' })
console.log(error?.message ?? stderr)`

function expectTimeline(
  stdout: string,
  stderr: string,
  exitCode: number | undefined,
  environment: Environment,
): void {
  expect([stderr, exitCode]).toEqual(['', 0])
  const columns = Number(environment.env?.COLUMNS ?? 100)
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(columns)
  expect(stdout).toMatch(/^02\/echo {2}Every byte comes back/)
  // Narrow terminals break the line there.
  expect(stdout).toMatch(/listening\s+127\.0\.0\.1:\d+/)
  expect(stdout).toContain('hello')
}

/** Each socket goes from one state to the next, as RFC 9293 draws them; a sample may miss some. */
function expectLegal(steps: readonly StateEvent[], isComplete: boolean): void {
  if (isComplete) expect(steps.length).toBeGreaterThan(10)
  const states = new Map<string, string>()
  for (const { end, local, remote, from, to, text } of steps) {
    const socket = `${end} ${local} ${remote}`
    const isFirst = !states.has(socket)
    if (isComplete) expect(isStep(from, to), `${socket}: ${text}`).toBe(true)
    else if (!isStep(from, to)) expect(text).toBe(`${from} … → ${to}`)
    if (!isFirst) expect(from, `${socket}: ${text}`).toBe(states.get(socket))
    states.set(socket, to)
  }
}

test('CONTRIBUTING.md lists every environment, and no other', () => {
  const text = readFileSync(join(ROOT, 'CONTRIBUTING.md'), 'utf8')
  const section = /^## Environments$([\s\S]*?)^## /m.exec(text)?.[1] ?? ''
  const listed = [...section.matchAll(/^- (.+)$/gm)].map(([, name]) => name)
  expect(listed).toEqual(ENVIRONMENTS.map(({ name }) => name))
})
