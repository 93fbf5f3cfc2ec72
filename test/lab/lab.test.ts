import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, test, vi } from 'vitest'
import { counterChanges, parseCounters } from '#lib/kernel/counters.ts'
import { isolation } from '#lib/kernel/isolation.ts'
import { missing, type Requirement } from '#lib/kernel/requirements.ts'
import { parseSocketStatistics } from '#lib/kernel/socket-statistics.ts'
import { runC } from '#lib/lab/c-program.ts'
import { Lab } from '#lib/lab/lab.ts'
import { waitUntil } from '#lib/lab/wait-until.ts'
import type { Experiment } from '#lib/textbook/experiment.ts'
import { type RunOutcome, runExperiment } from '#lib/textbook/run-experiment.ts'
import { spread } from '../support/slow.ts'

const lacks = (...needs: Requirement[]) => needs.some(need => missing(need) !== undefined)

async function run(name: string, signal?: AbortSignal): Promise<RunOutcome> {
  const file = fileURLToPath(new URL(`./experiments/${name}.ts`, import.meta.url))
  const { default: experiment } = (await import(file)) as { default: Experiment<unknown> }
  return runExperiment({ name, file, experiment }, signal)
}

async function seen(name: string): Promise<Record<string, unknown>> {
  const outcome = await run(name)
  if (!('seen' in outcome)) throw new Error(JSON.stringify(outcome))
  return outcome.seen as Record<string, unknown>
}

test('parseCounters reads pairs of lines', () => {
  const text = 'Tcp: ActiveOpens RetransSegs\nTcp: 12 3\nUdp: InDatagrams\nUdp: 9\n'
  expect(parseCounters(text)).toEqual({
    'Tcp.ActiveOpens': 12,
    'Tcp.RetransSegs': 3,
    'Udp.InDatagrams': 9,
  })
})

test('changes leaves out what stood still, and counts what is new from 0', () => {
  expect(counterChanges({ a: 1, b: 2 }, { a: 1, b: 5, c: 4 })).toEqual({ b: 3, c: 4 })
})

test('parseSocketStatistics reads a line of ss', () => {
  const line =
    'ESTAB 0 12 127.0.0.1:7020 127.0.0.1:40238 timer:(on,200ms,0) ino:1917704 sk:3a <-> skmem:(r0,rb131072,t0,tb2626560,f4096,w0,o0,bl0,d0) ts sack bbr wscale:10,7 rto:201 rtt:0.02/0.01 cwnd:10'
  expect(parseSocketStatistics(line)).toMatchObject({
    state: 'ESTAB',
    recvQ: 0,
    sendQ: 12,
    local: '127.0.0.1:7020',
    remote: '127.0.0.1:40238',
    memory: { r: 0, rb: 131072, t: 0, tb: 2626560 },
    info: { timer: '(on,200ms,0)', wscale: '10,7', rto: '201', rtt: '0.02/0.01', cwnd: '10' },
    flags: ['<->', 'ts', 'sack', 'bbr'],
  })
})

test('until returns what it sees first, and says what it waited for in vain', async () => {
  let looks = 0
  expect(await waitUntil('three', () => ++looks === 3 && looks)).toBe(3)
  await expect(waitUntil('a thing', () => undefined, 20)).rejects.toThrow(
    'waited 0.02 s in vain: a thing',
  )
})

test('missing names the package that brings a tool', async () => {
  vi.stubEnv('PATH', '')
  try {
    // The folders of the administrator are looked into as well: gcc is in none of them.
    expect(missing('cc')).toBe('needs cc (apt-get install gcc libc6-dev)')
  } finally {
    vi.unstubAllEnvs()
  }
})

test('Lab refuses on the host what would touch the host', async () => {
  const lab = new Lab(false)
  // The value that it has, in case it does not refuse.
  const name = 'net.ipv4.tcp_syn_retries'
  const set = () => lab.sysctl(name, lab.sysctl(name))
  expect(set).toThrow('not in a private namespace')
  expect(() => lab.drop('tcp')).toThrow('not in a private namespace')
  expect(() => lab.routedNetwork()).toThrow('not in a private namespace')
})

describe.skipIf(lacks('cc'))('runC (needs cc)', () => {
  test('returns what a C program prints', async () => {
    const source = '#include <stdio.h>\nint main(int c, char **v) { printf("%s!\\n", v[1]); }'
    expect(await runC(source, ['hello'])).toBe('hello!\n')
  })

  test('says where a program does not compile', async () => {
    await expect(runC('int main() { return x; }')).rejects.toThrow(/does not compile: error: .*x/)
  })
})

test('Lab.start runs a function in a process of its own, and tells how it crashed', async () => {
  const { isPrivate, pid, ...rest } = await seen('helper-processes')
  expect(rest).toEqual({
    hello: 'hi',
    sameClock: true,
    echoes: [1, 2],
    said: 'the other program ended before it said anything: TypeError: broken on purpose',
  })
  expect(isPrivate).toBe(isolation() !== undefined)
  if (isPrivate) expect(pid).toBe(1)
})

test.skipIf(lacks('namespace'))(
  'Lab.needBuffers and its like set what is too small, and are inconclusive on a host (needs namespaces)',
  async () => {
    const { hasTimer, refusals, ...values } = await seen('parameters')
    expect(refusals).toEqual([
      'net.ipv4.tcp_wmem is 4096 5000 9000000 here, and it takes 4096 16384 4194304',
      hasTimer ? 'net.ipv4.tcp_rto_min_us is 9000000 here, and it takes 200000' : 'nothing',
      'net.ipv4.tcp_max_tw_buckets is 3 here, and it takes 1000',
      'net.core.somaxconn is 2 here, and it takes 512',
    ])
    expect(values).toEqual({
      wmem: '4096 16384 9000000', // as large as it was, where that is enough
      unsent: '4294967295',
      timer: '200000',
      cookies: '1',
      timeWaits: '1000',
      queue: '512',
      afterwards: ['nothing', 'nothing', 'nothing', 'nothing'],
    })
  },
)

test.skipIf(lacks('namespace', 'nft', 'tcpdump', 'ss'))(
  'Lab.drop swallows what matches, until it is lifted (needs root, nft, tcpdump, ss)',
  async () => {
    const was = readFileSync('/proc/sys/net/ipv4/tcp_syn_retries', 'utf8').trim()
    const found = await seen('drops')
    expect(found.wrong).toContain('nonsense')
    expect(found.dropped).toBe(1)
    // On its way out, the sender is told.
    expect(found.sends).toEqual(['EPERM', 'ok'])
    expect(found.states).toEqual(expect.arrayContaining(['LISTEN', 'SYN-SENT']))
    expect(found.syns).toBe(2)
    expect(found.retries).toEqual([was, '3'])
    expect(found.statistics).toMatchObject({ state: 'ESTAB', memory: { r: 0 } })
    expect(found.grown).toMatchObject({ 'Tcp.ActiveOpens': 1, 'Tcp.PassiveOpens': 1 })
    // What the experiment set was its own.
    expect(readFileSync('/proc/sys/net/ipv4/tcp_syn_retries', 'utf8').trim()).toBe(was)
  },
)

test.skipIf(lacks('namespace', 'nft', 'tcpdump', 'ss'))(
  'runExperiment finds the tools of the administrator on a PATH without them (needs root, nft, tcpdump, ss)',
  async () => {
    const folders = process.env.PATH!.split(delimiter).filter(name => !/\/sbin$/.test(name))
    vi.stubEnv('PATH', folders.join(delimiter))
    try {
      expect((await seen('drops')).dropped).toBe(1)
    } finally {
      vi.unstubAllEnvs()
    }
  },
)

test.skipIf(lacks('namespace', 'tcpdump', 'ss'))(
  'Lab.routedNetwork carries real segments from A to B (needs root, tcpdump, ss)',
  async () => {
    const found = await seen('routed')
    expect(found.end).toEqual({ bytes: 100_000, from: '10.0.1.1' })
    expect(found.longest).toBe(1448)
    // A route's attribute is in force: without it, cwnd begins at 10.
    expect(found.cwnd).toBe('3')
    expect(found.dropped).toBe(1)
  },
)

/** Kills a runner after a step of an experiment that never ends; settles when it is gone. */
async function killRunner(name: string, step: string, how: NodeJS.Signals, env = process.env) {
  const file = fileURLToPath(new URL('./run-forever.ts', import.meta.url))
  const runner = spawn(process.execPath, ['--import', 'tsx', file, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env,
  })
  const ended = once(runner, 'exit')
  for await (const line of createInterface({ input: runner.stdout! }))
    if (line === step || step === '') break
  runner.kill(how)
  await ended
}

test.skipIf(lacks('linux')).each(['SIGKILL', 'SIGTERM'] as const)(
  'An experiment on the host leaves no stopped program behind when its runner gets %s (needs Linux)',
  async how => {
    const folder = mkdtempSync(join(tmpdir(), 'socket-kit-path-'))
    // As on a system that allows no namespaces.
    writeFileSync(join(folder, 'unshare'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
    try {
      const stopped = () => processes('experiments/paused.ts')
      await killRunner('paused', 'paused', how, {
        ...process.env,
        PATH: `${folder}:${process.env.PATH}`,
      })
      await vi.waitFor(() => expect(stopped()).toEqual([]), 60_000)
    } finally {
      rmSync(folder, { recursive: true })
    }
  },
)

const FOREVER = fileURLToPath(new URL('./experiments/forever.ts', import.meta.url))

/** The command lines that have these words in them. */
function processes(words: string): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').join(' ')
        return line.includes(words) ? [line] : []
      } catch {
        return [] // it has just ended
      }
    })
}

/** Everything on this machine that an experiment could leave behind. */
function leftovers(): string[] {
  const lines = (command: string, ...args: string[]) =>
    spawnSync(command, args, { encoding: 'utf8' }).stdout.split('\n').filter(Boolean)
  return [
    ...processes(FOREVER),
    ...lines('ip', 'netns', 'list'),
    ...lines('ip', '-o', 'link').filter(line => /to-r-|r-a|r-b/.test(line)),
    ...lines('nft', 'list', 'tables').filter(line => line.includes('lab')),
  ]
}

describe.skipIf(lacks('namespace', 'nft', 'tcpdump'))('An experiment (needs root, nft)', () => {
  const MOMENTS = ['', 'network', 'rule', 'capture', 'everything']

  test('leaves nothing behind when it is stopped', async () => {
    const abort = new AbortController()
    const outcome = run('forever', abort.signal)
    await vi.waitFor(() => expect(leftovers()).not.toEqual([]), 60_000)
    abort.abort()
    expect(await outcome).toMatchObject({ failed: 'stopped' })
    await vi.waitFor(() => expect(leftovers()).toEqual([]), 60_000)
  })

  const kills = MOMENTS.flatMap(moment =>
    (['SIGKILL', 'SIGTERM'] as const).map(how => ({ how, moment })),
  )
  test.each(spread(kills, 1, 4))(
    'leaves nothing behind when its runner gets $how after "$moment"',
    async ({ how, moment }) => {
      await killRunner('forever', moment, how)
      await vi.waitFor(() => expect(leftovers()).toEqual([]), 60_000)
    },
  )
})
