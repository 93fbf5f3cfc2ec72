import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, vi } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { type Kit, test } from '../support/kit.ts'
import { spread, withSome } from '../support/slow.ts'

const solutionOf = (chapter: string, id: string) =>
  readFileSync(join(ROOT, `chapters/${chapter}/exercises/${id}/solution.ts`), 'utf8').replaceAll(
    "'#lib/",
    `'${ROOT}/lib/`,
  )
const SOLUTION = solutionOf('01-socket', 'hello')

const COMMAND = ['--import', 'tsx', 'lib/cli/workshop.ts']

/** `npm run workshop`, without npm, in a workspace of its own. */
const workshop = (kit: Kit, folder: string, ...args: string[]) =>
  kit.program(process.execPath, [...COMMAND, ...args], {
    env: { WORKSHOP_FOLDER: folder },
  })

/** The process that runs a learner's file: `ps` knows it by its command line. */
const programIn = (file: string): Promise<number> =>
  vi.waitFor(
    () => {
      const { stdout } = spawnSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' })
      const line = stdout.split('\n').find(each => each.endsWith(` ${file}`))
      expect(line, file).toBeDefined()
      return Number(line!.trim().split(' ')[0])
    },
    { timeout: 30_000, interval: 100 },
  )

/** One that has ended, and whose new parent has not asked how, is still in the list: as a zombie. */
function isRunning(pid: number): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' })
  return stdout.trim() !== '' && !stdout.startsWith('Z')
}

describe.concurrent('npm run workshop', () => {
  test('makes the file of the first exercise, checks it, and checks again when it is saved', async ({
    kit,
  }) => {
    const folder = kit.folder()
    const run = workshop(kit, folder)
    await run.line(/^01 {2}hello: /)
    await run.line(/^waiting until you save .*hello\.ts/)
    // As some editors save: a new file takes the name of the old one.
    writeFileSync(join(folder, 'hello.ts~'), SOLUTION)
    renameSync(join(folder, 'hello.ts~'), join(folder, 'hello.ts'))
    await run.line(/^hello: passed$/)
    // And it goes on to the next one.
    await run.line(/^01 {2}five-tuple: /)
    run.kill('SIGINT')
    expect(await run.ended).toMatchObject({ code: 0, stderr: '' })
    const progress = JSON.parse(readFileSync(join(folder, 'progress.json'), 'utf8'))
    expect(Object.keys(progress.passed)).toEqual(['hello'])
  })

  test.runIf(withSome)(
    'works on the exercise that is asked for, and then on the next one behind it',
    async ({ kit }) => {
      const folder = kit.folder()
      const run = workshop(kit, folder, 'udp-echo')
      await run.line(/^03 {2}udp-echo: /)
      await run.line(/^waiting until you save /)
      writeFileSync(join(folder, 'udp-echo.ts'), solutionOf('03-udp', 'udp-echo'))
      await run.line(/^udp-echo: passed$/)
      await run.line(/^03 {2}count-loss: /)
      run.kill('SIGINT')
      expect(await run.ended).toMatchObject({ code: 0, stderr: '' })
    },
  )

  test.runIf(withSome)(
    'a save ends a check that is under way; a file that is gone may come back',
    async ({ kit }) => {
      const folder = kit.folder()
      mkdirSync(folder, { recursive: true })
      const file = join(folder, 'hello.ts')
      writeFileSync(file, "console.log('one'); setInterval(() => {}, 1e6)\n")
      const run = workshop(kit, folder)
      await run.line(/^checking/)
      const first = await programIn(file)
      writeFileSync(file, "console.error('here'); socket.end()\n")
      await run.line(
        /^What happened: .*ReferenceError: socket is not defined \(hello\.ts, line 1\)/,
      )
      expect(isRunning(first)).toBe(false)
      expect(run.lines).not.toContain('  one')
      await run.line(/^The program printed:$/)
      await run.line(/^ {2}here$/)
      await run.line(/^waiting until you save /)
      rmSync(folder, { recursive: true })
      mkdirSync(folder)
      writeFileSync(file, SOLUTION)
      await run.line(/^hello: passed$/)
      run.kill('SIGINT')
      expect((await run.ended).code).toBe(0)
    },
  )

  test.for(spread(['SIGINT', 'SIGHUP', 'SIGTERM'] as const, 1, 1))(
    '%s leaves no program behind',
    async (signal, { kit }) => {
      const folder = kit.folder()
      const file = join(folder, 'hello.ts')
      writeFileSync(file, 'for (;;);\n')
      const run = workshop(kit, folder)
      const loop = await programIn(file)
      run.kill(signal)
      await run.ended
      await vi.waitFor(() => expect(isRunning(loop)).toBe(false), { timeout: 60_000 })
    },
  )

  test.runIf(withSome)(
    'checks again after a save that changed nothing, after one of an imported file, and at Enter',
    async ({ kit }) => {
      const folder = kit.folder()
      const file = join(folder, 'hello.ts')
      const greeting = join(folder, 'greeting.ts')
      writeFileSync(greeting, "console.log('one')\n")
      writeFileSync(file, "import './greeting.ts'\n")
      const run = kit.program(process.execPath, [...COMMAND, 'hello'], {
        input: 'open',
        env: { WORKSHOP_FOLDER: folder },
      })
      const checks = (n: number) => async () => {
        const waits = () => run.lines.filter(line => line.startsWith('waiting until')).length
        await run.waitFor(() => waits() >= n, `end of check ${n}`)
      }
      await checks(1)()
      writeFileSync(file, readFileSync(file))
      await checks(2)()
      writeFileSync(greeting, "console.log('two')\n")
      await checks(3)()
      await run.line(/^ {2}two$/)
      run.stdin.write('\n')
      await checks(4)()
      run.kill('SIGINT')
      expect(await run.ended).toMatchObject({ code: 0, stderr: '' })
    },
  )

  test.runIf(withSome)('lines keep to a narrow terminal', async ({ kit }) => {
    const env = { WORKSHOP_FOLDER: kit.folder(), COLUMNS: '40' }
    for (const [command, ...args] of [
      ['workshop', 'verify', 'tcp-echo'],
      ['workshop', 'list'],
      ['workshop', 'hint', 'five-tuple'],
      ['workshop', 'next'],
      ['check', '--list', 'http-keep-alive'],
    ]) {
      const words = ['--import', 'tsx', `lib/cli/${command}.ts`, ...args]
      const { stdout } = await kit.program(process.execPath, words, { env }).ended
      expect(stdout).not.toBe('')
      for (const line of stdout.trimEnd().split('\n')) {
        // One word, such as a path, stays whole.
        if (/\S +\S/.test(line)) expect(line.length, line).toBeLessThanOrEqual(40)
      }
    }
  })

  test('gives one hint after the other, and the solution only after passing', async ({ kit }) => {
    const folder = kit.folder()
    const hint = async () => (await workshop(kit, folder, 'hint').ended).stdout
    const [one, two] = [await hint(), await hint()]
    expect(one).toMatch(/^hello, hint 1 of \d:\n/)
    expect(two).toMatch(/^hello, hint 2 of \d:\n/)
    expect(await workshop(kit, folder, 'solution').ended).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'hello is not passed yet: pass it, or look at once with --reveal\n',
    })
    const { stdout } = await workshop(kit, folder, 'solution', 'hello', '--reveal').ended
    expect(stdout.trimEnd()).toBe(SOLUTION.trimEnd())
  })

  test('reset keeps what the learner wrote, however often', async ({ kit }) => {
    const folder = kit.folder()
    await workshop(kit, folder, 'next').ended
    for (const text of ['// one', '// two']) {
      writeFileSync(join(folder, 'hello.ts'), text)
      expect((await workshop(kit, folder, 'reset', 'hello').ended).code).toBe(0)
    }
    const kept = readdirSync(join(folder, 'backup'))
    const texts = kept.map(name => readFileSync(join(folder, 'backup', name), 'utf8'))
    expect(texts.sort()).toEqual(['// one', '// two'])
    expect(readFileSync(join(folder, 'hello.ts'), 'utf8')).toContain('createServer')
  })

  test('reset --all begins anew what was begun, and nothing else', async ({ kit }) => {
    const folder = kit.folder()
    expect(await workshop(kit, folder, 'reset', '--all').ended).toMatchObject({
      code: 0,
      stdout: 'You have not begun any exercise yet.\n',
    })
    writeFileSync(join(folder, 'udp-echo.ts'), '// mine')
    const { stdout } = await workshop(kit, folder, 'reset', '--all').ended
    expect(stdout).toMatch(/^udp-echo begins anew; yours is kept in \S+\n$/)
    const files = readdirSync(folder).filter(name => name.endsWith('.ts'))
    expect(files).toEqual(['udp-echo.ts'])
  })

  test.runIf(withSome)(
    'verify says where a file does not compile, and that a loop has no end',
    async ({ kit }) => {
      const folder = kit.folder()
      writeFileSync(join(folder, 'hello.ts'), 'const one = = 1\n')
      const broken = await workshop(kit, folder, 'verify', 'hello').ended
      expect(broken.code).toBe(1)
      expect(broken.stdout).toMatch(/What happened: .*hello\.ts:1:12: ERROR: Unexpected "="/)
      expect(broken.stdout).not.toMatch(/^\s+at /m)
      expect(broken.stdout).toContain('A likely mistake: the file does not compile.')
      writeFileSync(join(folder, 'hello.ts'), "import './nosuch.ts'\n")
      const missing = await workshop(kit, folder, 'verify', 'hello').ended
      expect(missing.stdout).toMatch(/What happened: .*Cannot find module '\.\/nosuch\.ts'\.\n/)
      expect(missing.stdout).toContain('A likely mistake: there is no such file or package')
      writeFileSync(join(folder, 'hello.ts'), 'for (;;);\n')
      const endless = await workshop(kit, folder, 'verify', 'hello').ended
      expect(endless.stdout).toContain('computes without a pause, and was ended after 5 s')
    },
  )

  test.runIf(withSome)('verify --json and list --json are for class rooms', async ({ kit }) => {
    const folder = kit.folder()
    writeFileSync(join(folder, 'hello.ts'), SOLUTION)
    const verify = await workshop(kit, folder, 'verify', '--all', '--json', '--seed', '3').ended
    expect(JSON.parse(verify.stdout)).toMatchObject([{ id: 'hello', passed: true, seed: 3 }])
    const list = JSON.parse((await workshop(kit, folder, 'list', '--json').ended).stdout)
    expect(list[0]).toMatchObject({ chapter: '01', id: 'hello' })
    expect(Date.parse(list[0].passed)).not.toBeNaN()
    expect(list.length).toBeGreaterThanOrEqual(14)
    expect(list[1].passed).toBeNull()
  })

  const refused = [
    [['hnit'], 'no command or exercise "hnit": did you mean hint?'],
    [['tcp-ecko'], 'no command or exercise "tcp-ecko": did you mean tcp-echo?'],
    [['next', '--all'], '--all goes with verify and reset'],
    [['--json'], '--json goes with verify and list'],
    [
      ['--seed', '99999999999'],
      '--seed needs a whole number from 0 to 2147483647, got "99999999999"',
    ],
    [['verify', 'helo'], 'no exercise "helo": did you mean hello?'],
    [['--seed', 'x'], '--seed needs a whole number from 0 to 2147483647, got "x"'],
  ] as const
  test.for(spread(refused, 1, 2))(
    'wrong usage %j: one line, exit code 2',
    async ([args, line], { kit }) => {
      const exit = await workshop(kit, kit.folder(), ...args).ended
      expect(exit).toMatchObject({ code: 2, stdout: '' })
      expect(exit.stderr).toBe(`${line} (see npm run workshop -- --help)\n`)
    },
  )
})
