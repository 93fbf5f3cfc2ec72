import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { execa } from 'execa'
import { describe, expect, test, vi } from 'vitest'
import { entriesOf, loadChapters, ROOT } from '#lib/catalogue/index.ts'
import { renderList } from '#lib/cli/render-list.ts'
import { KIT } from '../support/kit-folder.ts'
import { ONLY_SLOW, spread, withSlow, withSome } from '../support/slow.ts'
import { hasProc, processesWith, readerEnv, startCommand } from './terminal.ts'

const chapters = await loadChapters()
const entries = entriesOf(chapters)

interface Started {
  stdout: string
  stderr: string
  exitCode?: number | undefined
}

/** Runs what `npm start -- args` runs, without a terminal. */
async function start(
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {},
  cwd = KIT,
): Promise<Started> {
  const [program, rest] = startCommand(args)
  return execa(program, rest, {
    cwd,
    env: readerEnv(env),
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
  })
}

const TIMELINE = [
  /^ {6}0\.0 {2} +connect\(127\.0\.0\.1:\d+\)$/m,
  /^ {11} +Node starts: \d+\.\d s$/m,
  /^ {11}listening 127\.0\.0\.1:\d+$/m,
  / connect 127\.0\.0\.1:\d+$/m,
  / end\(6 bytes "hello\\n"\)$/m,
  /^ +\d+\.\d {2}data 6 bytes "hello\\n"$/m,
  / › hello$/m,
  /^ +\d+\.\d {2}› closed 127\.0\.0\.1:\d+ 6 bytes$/m,
]

function expectEcho(stdout: string): void {
  for (const line of TIMELINE) expect(stdout).toMatch(line)
  expect(stdout.trimEnd().split('\n').slice(-9)).toEqual([
    'The same by hand, in two terminals:',
    '  npm run 02:server',
    '  npm run 02:client -- --message hello',
    '',
    'The client printed:',
    '  hello',
    '',
    'explained in chapters/02-tcp-echo/README.md, “The server that survives”;',
    'next: npm start 02/echo-naive',
  ])
}

describe.concurrent('npm start without a terminal', () => {
  test('lists the examples, runs 02/echo and exits with 0', async () => {
    const { stdout, stderr, exitCode } = await start()
    expect(exitCode).toBe(0)
    expect(stderr).toBe('')
    for (const { id } of entries) expect(stdout).toContain(`   ${id} `)
    expect(stdout).toContain('\n02/echo  Every byte comes back')
    expectEcho(stdout)
  })

  test.runIf(withSome)('does the same through npm itself', async () => {
    const { stdout, exitCode } = await execa('npm', ['start'], {
      cwd: KIT,
      env: readerEnv(),
      extendEnv: false,
      stdin: 'ignore',
    })
    expect(exitCode).toBe(0)
    expect(stdout).toContain('   01/tcp ')
    expectEcho(stdout)
  })

  test.each([['02'], ['02/echo'], ['chapters/02-tcp-echo/']])(
    'runs the echo example for "%s", and lists nothing',
    async name => {
      const { stdout, stderr, exitCode } = await start([name])
      expect([exitCode, stderr]).toEqual([0, ''])
      expect(stdout.startsWith('02/echo  Every byte comes back')).toBe(true)
      expectEcho(stdout)
    },
  )

  test('prints the timeline in the order of time', async () => {
    const { stdout } = await start(['02/in-flight'])
    const times = [...stdout.matchAll(/^ {0,7}(\d+\.\d) {2}/gm)].map(([, ms]) => Number(ms))
    expect(times.length).toBeGreaterThan(20)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })

  test('has at most 60 lines, and every line with --all', async () => {
    const [short, long] = await Promise.all([
      start(['02/in-flight']),
      start(['02/in-flight', '--all']),
    ])
    const hint = '\nevery line: npm start -- 02/in-flight --all\n'
    expect(short.stdout.split('\n').length).toBeLessThanOrEqual(60)
    expect(short.stdout).toMatch(/ … \d+ more events\n/)
    expect(short.stdout).toContain(hint)
    expect(long.stdout.split('\n').length).toBeGreaterThan(80)
    expect(long.stdout).not.toContain(hint)
  })

  test('says what was shown by which arguments, where the catalogue has some', async () => {
    const { stdout } = await start(['02/graceful'])
    expect(stdout).toContain(
      '\n  npm run 02:graceful:server -- --stop-after 2 --deadline-ms 1000\n  npm run 02:graceful:client',
    )
  })
})

// The programs themselves run in test/chapters. Here tsx compiles them, as for a reader.
test.skipIf(!withSlow).concurrent.each(entries.map(({ id }) => id))(
  `npm start %s runs to its end and exits with 0 ${ONLY_SLOW}`,
  async id => {
    const { stdout, stderr, exitCode } = await start([id], {}, ROOT)
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout).toContain('The same by hand, in two terminals:')
    expect(stdout.split('\n').length).toBeLessThanOrEqual(60)
    expect(stdout).not.toMatch(/^ +at /m)
  },
)

describe('npm start -- --list', () => {
  test('prints chapters with their promise and examples with their sentence, and runs nothing', async () => {
    const { stdout, exitCode } = await start(['--list'], { COLUMNS: '140' })
    expect(exitCode).toBe(0)
    const lines = stdout.split('\n')
    for (const { id, title, promise } of chapters) {
      expect(lines).toContain(`${id} ${title}`)
      expect(lines).toContain(`   ${promise}`)
    }
    for (const { id, example } of entries) {
      expect(lines.map(line => line.replaceAll(/ +/g, ' '))).toContain(` ${id} ${example.shows}`)
    }
    expect(stdout).not.toContain('listening')
  })
})

test('npm start -- --help prints the usage', async () => {
  const [long, short] = await Promise.all([start(['--help']), start(['-h'])])
  expect(long.exitCode).toBe(0)
  expect(long.stdout).toContain('usage: npm start ')
  expect(short.stdout).toBe(long.stdout)
})

describe.concurrent('npm start refuses, in one line and with exit code 2,', () => {
  const refused: [string[], string][] = [
    [['02/ecko'], 'no example "02/ecko": did you mean 02/echo?'],
    [['chatt'], 'no example "chatt": did you mean 02/chat?'],
    [['02/\u001b[2J'], 'no example "02/\\u001b[2J": did you mean 02/echo?'],
    [['02/nope'], 'no example "02/nope"; all: npm start -- --list'],
    [['01', '02'], 'one example at a time, got 01 02 (see npm start -- --help)'],
    [['--nope'], "Unknown option '--nope' (see npm start -- --help)"],
    [['02', '--port', '1'], "Unknown option '--port' (see npm start -- --help)"],
    [['--list=yes'], "Option '--list' does not take an argument (see npm start -- --help)"],
  ]
  test.each(spread(refused, 2, 3))('%j', async (args, message) => {
    const { stdout, stderr, exitCode } = await start(args)
    expect([exitCode, stdout, stderr]).toEqual([2, '', message])
  })
})

describe.concurrent('npm start in colour:', () => {
  const colours: [string, NodeJS.ProcessEnv, boolean][] = [
    ['not into a pipe', {}, false],
    ['not into a pipe of a build server', { CI: 'true' }, false],
    ['into a pipe where FORCE_COLOR is set', { FORCE_COLOR: '1' }, true],
    ['not where FORCE_COLOR is 0', { FORCE_COLOR: '0' }, false],
    ['not where NO_COLOR is set as well', { FORCE_COLOR: '1', NO_COLOR: '1' }, false],
  ]
  test.each(spread(colours, 1, 3))('%s', async (_what, env, colored) => {
    const [list, run] = await Promise.all([start(['--list'], env), start(['02'], env)])
    expect(list.stdout.includes('\u001b[')).toBe(colored)
    expect(run.stdout.includes('\u001b[')).toBe(colored)
    expectEcho(stripVTControlCharacters(run.stdout))
  })
})

describe.concurrent('npm start keeps to the width', () => {
  test.each(spread([60, 80, 100], 1, 2))('of %i columns', async columns => {
    const { stdout } = await start([], { COLUMNS: `${columns}` })
    const lines = stdout.split('\n')
    expect(Math.max(...lines.map(line => line.length))).toBeLessThanOrEqual(columns)
    expect(lines.some(line => line.length > columns - 20)).toBe(true)
    const inOneColumn = lines.some(line => / client connect 127/.test(line))
    expect(inOneColumn).toBe(columns === 60)
  })

  test.each(spread(['0', '-5', 'wide', '', '1e999'], 1, 2))(
    'of 100 columns where COLUMNS is "%s"',
    async value => {
      const { stdout, stderr } = await start(['--list'], { COLUMNS: value })
      expect([stderr, stdout]).toEqual(['', renderList(chapters, 100, false)])
    },
  )
})

describe('npm start says what is wrong with the catalogue, in one line and with exit code 1,', () => {
  async function startBroken(breakIt: (root: string) => void): Promise<Started> {
    const root = mkdtempSync(join(tmpdir(), 'kit-broken-'))
    try {
      for (const name of ['lib', 'chapters', 'package.json']) {
        cpSync(join(ROOT, name), join(root, name), { recursive: true })
      }
      symlinkSync(join(ROOT, 'node_modules'), join(root, 'node_modules'))
      breakIt(root)
      const [program, args] = startCommand([])
      return await execa(program, args, {
        cwd: root,
        env: readerEnv(),
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      })
    } finally {
      rmSync(root, { recursive: true, force: true })
    }
  }

  test('where a chapter has no chapter.ts', async () => {
    const { stdout, stderr, exitCode } = await startBroken(root =>
      mkdirSync(join(root, 'chapters/03-new')),
    )
    expect([exitCode, stdout]).toEqual([1, ''])
    expect(stderr).toBe(
      'chapters/03-new has no chapter.ts: add one like chapters/02-tcp-echo/chapter.ts, or move the folder',
    )
  })
})

describe.skipIf(!hasProc)('npm start whose reader has gone (needs /proc)', () => {
  const commands = [
    ['npm start', 'npm start'],
    ['npm start 02/chat', 'npm start 02/chat'],
    ['npm start, without npm', startCommand([]).flat().join(' ')],
  ]
  test.each(spread(commands, 1, 1))(
    'ends in silence and leaves no process: %s | head -1',
    async (_what, command) => {
      const env = readerEnv()
      const { stderr } = await execa('sh', ['-c', `${command} | head -1`], {
        cwd: KIT,
        env,
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      })
      expect(stderr.split('\n').filter(line => line && !line.startsWith('npm warn'))).toEqual([])
      await vi.waitFor(() => expect(processesWith(env.KIT_MARK)).toEqual([]), { timeout: 60_000 })
    },
  )
})

describe.skipIf(!hasProc)('npm start that is killed (needs /proc)', () => {
  test.each(spread(['01/accept-queue', '02/graceful'], 1, 1))(
    'leaves no child of %s behind after SIGKILL',
    async id => {
      const env = readerEnv()
      const [program, args] = startCommand([id])
      const child = execa(program, args, {
        cwd: KIT,
        env,
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      })
      // No event tells from outside that both programs run: look into the process table.
      await vi.waitFor(() => expect(processesWith(env.KIT_MARK)).toHaveLength(3), {
        timeout: 60_000,
        interval: 5,
      })
      child.kill('SIGKILL')
      expect((await child).signal).toBe('SIGKILL')
      await vi.waitFor(() => expect(processesWith(env.KIT_MARK)).toEqual([]), { timeout: 60_000 })
    },
  )

  test.each(spread(['SIGTERM', 'SIGHUP'] as const, 1, 1))(
    'leaves no child behind after %s',
    async signal => {
      const env = readerEnv()
      const [program, args] = startCommand(['01/accept-queue'])
      const child = execa(program, args, {
        cwd: KIT,
        env,
        extendEnv: false,
        reject: false,
        stdin: 'ignore',
      })
      await vi.waitFor(() => expect(processesWith(env.KIT_MARK)).toHaveLength(3), {
        timeout: 60_000,
        interval: 5,
      })
      child.kill(signal)
      const { stdout, exitCode } = await child
      expect(exitCode).toBe(130)
      expect(stdout).toContain('stopped; both programs have ended')
      expect(processesWith(env.KIT_MARK)).toEqual([])
    },
  )
})
