import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest'
import { attempt, describeRefusal } from '#lib/kernel/attempt.ts'
import { isolation } from '#lib/kernel/isolation.ts'
import { missing, type Requirement, shortfall } from '#lib/kernel/requirements.ts'
import { onPath } from '#lib/kernel/tools.ts'
import { instanceName, parseMounts, tracefsWays } from '#lib/kernel/tracefs-instance.ts'

const folder = mkdtempSync(join(tmpdir(), 'kit-requirements-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())

/** Puts a program of that name before all others: a tool that is there, and does not work. */
function shadow(tool: string, script: string): void {
  const bin = mkdtempSync(join(folder, 'bin-'))
  writeFileSync(join(bin, tool), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  vi.stubEnv('PATH', `${bin}:${process.env.PATH}`)
}

describe.skipIf(process.platform !== 'linux')('shortfall (needs Linux)', () => {
  test.each<[Requirement, string]>([
    ['cc', 'needs cc (apt-get install gcc libc6-dev)'],
    ['strace', 'needs strace (apt-get install strace)'],
  ])('names the package that brings %s where it is not on the PATH', (tool, reason) => {
    // The administrator's folders are looked into as well: neither is in them.
    vi.stubEnv('PATH', '')
    expect(shortfall(tool)).toEqual({ needs: reason })
    expect(missing(tool)).toBe(reason)
  })

  // A broken tool of any sort may speak of permissions: its words are repeated, and no cause is made up.
  test.each<[Requirement, string, string]>([
    ['strace', 'strace', 'strace true: cannot do this: Operation not permitted'],
    ['ss', 'ss', 'ss -t: cannot do this: Operation not permitted'],
    ['cc', 'cc', 'cc: cannot do this: Operation not permitted'],
  ])('repeats what %s said when it was tried', (requirement, tool, reason) => {
    const said = `${tool}: cannot do this: Operation not permitted`
    shadow(tool, `echo "${said}" >&2; exit 1`)
    expect(shortfall(requirement)?.needs.replace(/ \(in .*\)$/, '')).toBe(reason)
  })

  test('finds a strace that works but complains not to be working', () => {
    shadow('strace', 'echo "strace: attach: No such process" >&2; exit 0')
    expect(shortfall('strace')?.needs).toContain('strace true: attach: No such process')
  })

  // The same program of nft, without our words around it, decides what is to come out.
  test.skipIf(isolation()?.by !== 'root' || !onPath('nft'))(
    'finds that nft works where it can drop packets in a network of its own (needs root, nft)',
    () => {
      const rules = [
        'nft add table inet t',
        'nft add chain inet t c "{ type filter hook input priority 0 ; }"',
        'nft add rule inet t c counter drop',
      ]
      const works = attempt('nft', ['unshare', '--net', 'sh', '-ec', rules.join('\n')])
      expect(shortfall('nft') === undefined).toBe(works === undefined)
    },
  )

  test('looks again where the PATH has changed', () => {
    vi.stubEnv('PATH', '')
    expect(shortfall('cc')).toBeDefined()
    shadow('cc', 'exit 0')
    expect(shortfall('cc')).toBeUndefined()
  })
})

test('attempt returns the first line that came back, or how the command ended', () => {
  const sh = (script: string) => attempt('try it', ['sh', '-c', script])
  expect(sh('exit 0')).toBeUndefined()
  expect(sh('echo; echo one >&2; echo two >&2; exit 1')?.said).toBe('one')
  expect(sh('echo out; exit 1')?.said).toBe('out')
  expect(sh('exit 3')?.said).toBe('exit code 3')
  expect(sh('kill -9 $$')?.said).toBe('ended by SIGKILL')
  expect(attempt('try it', ['/no/such/program'])?.said).toContain('ENOENT')
})

test('describeRefusal does not say the name of a command twice', () => {
  expect(describeRefusal({ tried: 'mount -t tracefs', said: 'mount: no' })).toBe(
    'mount -t tracefs: no',
  )
  expect(describeRefusal({ tried: 'mkdir /x', said: 'sh: no' })).toBe('mkdir /x: sh: no')
})

test('instanceName is never the same twice, not even in two containers', () => {
  expect(instanceName()).toMatch(new RegExp(`^socket-kit-${process.pid}-`))
  expect(new Set(Array.from({ length: 100 }, instanceName)).size).toBe(100)
})

describe('tracefsWays', () => {
  const mountinfo = [
    '22 1 0:21 / /sys rw,nosuid - sysfs sysfs rw',
    '34 22 0:12 / /sys/kernel/tracing rw,nosuid shared:15 - tracefs tracefs rw',
    '80 22 0:12 / /sys/kernel/debug/trac\\040ing rw - tracefs tracefs rw',
    '81 22 0:12 /instances /elsewhere rw - tracefs tracefs rw',
  ].join('\n')

  test('uses what is mounted before it mounts', () => {
    const mounted = parseMounts(mountinfo)
    expect(mounted).toEqual(['/sys/kernel/tracing', '/sys/kernel/debug/trac ing'])
    const ways = tracefsWays(mounted)
    expect(ways.map(({ command, args }) => [command.join(' '), ...args])).toEqual([
      ['', '/sys/kernel/tracing', 'no'],
      ['', '/sys/kernel/debug/trac ing', 'no'],
      // The same place would be busy.
      ['unshare --mount', '/mnt', 'yes'],
    ])
  })

  test('mounts where nothing is mounted', () => {
    expect(tracefsWays([]).map(({ command }) => command.join(' '))).toEqual(['unshare --mount'])
    expect(parseMounts('22 1 0:21 / /sys rw - sysfs sysfs rw\n')).toEqual([])
  })
})
