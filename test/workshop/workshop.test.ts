import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { ROOT } from '../../lib/catalogue/index.ts'
import { type Kit, test } from '../support/kit.ts'

const SOLUTION = readFileSync(join(ROOT, 'chapters/01-socket/exercises/hello/solution.ts'), 'utf8')

/** `npm run workshop`, without npm, in a workspace of its own. */
const workshop = (kit: Kit, folder: string, ...args: string[]) =>
  kit.program(process.execPath, ['--import', 'tsx', 'lib/cli/workshop.ts', ...args], {
    env: { WORKSHOP_FOLDER: folder },
  })

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

  test('verify says where a file does not compile, and that a loop has no end', async ({ kit }) => {
    const folder = kit.folder()
    writeFileSync(join(folder, 'hello.ts'), 'const one = = 1\n')
    const broken = await workshop(kit, folder, 'verify', 'hello').ended
    expect(broken.code).toBe(1)
    expect(broken.stdout).toMatch(/What happened: .*hello\.ts:1:12: ERROR: Unexpected "="/)
    expect(broken.stdout).not.toMatch(/^\s+at /m)
    writeFileSync(join(folder, 'hello.ts'), 'for (;;);\n')
    const endless = await workshop(kit, folder, 'verify', 'hello').ended
    expect(endless.stdout).toContain('computes without a pause, and was ended after 5 s')
  })

  test('verify --json and list --json are for class rooms', async ({ kit }) => {
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

  test.for([
    [['hnit'], 'no command "hnit": did you mean hint?'],
    [['verify', 'helo'], 'no exercise "helo": did you mean hello?'],
    [['--seed', 'x'], '--seed needs a whole number, got "x"'],
  ] as const)('wrong usage %j: one line, exit code 2', async ([args, line], { kit }) => {
    const exit = await workshop(kit, kit.folder(), ...args).ended
    expect(exit).toMatchObject({ code: 2, stdout: '' })
    expect(exit.stderr).toBe(`${line} (see npm run workshop -- --help)\n`)
  })
})
