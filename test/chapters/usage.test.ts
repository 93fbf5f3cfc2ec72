import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { Role } from '#lib/catalogue/index.ts'
import { ROOT, scriptName } from '#lib/catalogue/index.ts'
import { defaultPortIn } from '../support/default-port.ts'
import { entries, type Kit, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'
import { spread } from '../support/slow.ts'

const programs = entries.flatMap(entry =>
  (['server', 'client', 'demo'] satisfies Role[])
    .filter(role => entry.example[role])
    .map(role => {
      const file = join(ROOT, 'chapters', entry.chapter.folder, entry.example[role]!.file)
      return { script: scriptName(entry, role), port: defaultPortIn(file), file }
    }),
)

test('every program reads its command line with readOptions(), for its own script', () => {
  for (const { script, file } of programs) {
    const text = readFileSync(file, 'utf8')
    expect(text, file).toContain('readOptions({')
    expect(text, file).toContain(`'npm run ${script}'`)
  }
})

/** Runs a program with wrong arguments, and returns the one line that it says. */
async function complaint(kit: Kit, script: string, ...args: string[]): Promise<string> {
  const exit = await kit.script(script, args).ended
  expect(exit, `${script} ${args.join(' ')}`).toMatchObject({ code: 2, stdout: '' })
  expect(exit.stderr).toMatch(/^[^\n]+\n$/)
  expectNoStack(exit.stderr)
  return exit.stderr.trimEnd()
}

describe.concurrent.each(spread(programs, 3, 6))('$script', ({ script, port }) => {
  test('--help names the command, and the default port or path', async ({ kit }) => {
    const exit = await kit.script(script, ['--help']).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    expect(exit.stdout).toContain(`usage: npm run ${script} -- [flags]`)
    if (port === undefined) expect(exit.stdout).toMatch(/--path TEXT .*\(default .*\.sock\)/)
    else expect(exit.stdout).toMatch(new RegExp(`--port N .*\\(default ${port}\\)`))
  })

  test('a wrong argument ends it with exit code 2 and one line that names it', async ({ kit }) => {
    const [wrong, line] =
      port === undefined
        ? [['--colour', 'red'], /^unknown flag --colour: known are --path/]
        : [['--port', '70000'], /^--port needs a whole number from [01] to 65535, got "70000"$/]
    expect(await complaint(kit, script, ...wrong)).toMatch(line)
  })
})

// All programs read their command line with the same function: for the rest two of them will do.
describe.concurrent.each([
  { script: '02:server', least: 0 },
  { script: '02:client', least: 1 },
])('$script', ({ script, least }) => {
  const number = `a whole number from ${least} to 65535`

  test.for([
    [['--port', 'abc'], `--port needs ${number}, got "abc"`],
    [['--port', '70000'], `--port needs ${number}, got "70000"`],
    [['--port', '-1'], `--port needs ${number}, got "-1"`],
    [['--port'], `--port needs a value: ${number}`],
    [['--host'], '--host needs a value: text'],
    [['hello'], 'unexpected argument "hello": flags start with --'],
    [['-x'], 'unknown flag -x: known are --host, --port'],
  ] as const)('%j: one line, exit code 2', async ([args, line], { kit }) => {
    expect((await complaint(kit, script, ...args)).startsWith(line)).toBe(true)
  })
})
