import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { type Kit, onLinux, test } from '../support/kit.ts'
import { type Exit, expectNoStack } from '../support/program.ts'
import { nodeArguments } from '../support/scripts.ts'
import { spread, withSome } from '../support/slow.ts'
import { canBeUnprivileged, UNPRIVILEGED } from '../support/unprivileged.ts'

/** Each command that is not a chapter's, and what it says of a word that it does not know. */
const COMMANDS: [script: string, ofWord: string][] = [
  ['start', 'no example "nosuch"; all: npm start -- --list'],
  ['trace', 'no example "nosuch"; all: npm start -- --list'],
  ['record', 'no recording of "nosuch"; there are 01/tcp, '],
  ['states', 'unexpected argument "nosuch" (see npm run states -- --help)'],
  ['textbook', 'no claim "nosuch": give a number like 1.1, or --list'],
  ['docs:sync', 'no Markdown file "nosuch" in the project'],
  ['workshop', 'no command or exercise "nosuch"; all: npm run workshop -- --help'],
  ['check', 'no exercise "nosuch"; all: npm run check -- --list'],
  ['bench', "bench: no group or table 'nosuch'; there is "],
  ['codec', "codec: no command 'nosuch', there is list and copy"],
  ['build', 'unexpected argument "nosuch" (see npm run build -- --help)'],
]

/** What npm runs, word by word. */
const commandOf = (script: string) => [process.execPath, ...nodeArguments(script)] as const

function run(kit: Kit, script: string, ...args: string[]): Promise<Exit> {
  const [node, ...words] = commandOf(script)
  return kit.program(node, [...words, ...args]).ended
}

function expectOneLine(exit: Exit, code: number, line: string): void {
  expect(exit).toMatchObject({ code, stdout: '' })
  expect(exit.stderr.split('\n')).toHaveLength(2)
  expect(exit.stderr).toContain(line)
  expectNoStack(exit.stderr)
}

describe.concurrent.each(spread(COMMANDS, 2, 4))('%s', (script, ofWord) => {
  test('an unknown flag and an unknown word are one line and exit code 2', async ({ kit }) => {
    expectOneLine(await run(kit, script, '--nope'), 2, "Unknown option '--nope'")
    expectOneLine(await run(kit, script, 'nosuch'), 2, ofWord)
  })

  test('one leading -- is dropped; no PATH, no HOME and a dumb terminal are no matter', async ({
    kit,
  }) => {
    const bare = ['-i', 'TERM=dumb', 'COLUMNS=40', ...commandOf(script), '--', '--help']
    const exit = await kit.program('/usr/bin/env', bare).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    expect(exit.stdout).toMatch(/^usage: (sudo )?npm (run )?/m)
    expect(exit.stdout).not.toContain('\u001b')
  })

  test('a reader that has left is no error', async ({ kit }) => {
    const line = '"$@" --help | true; exit $PIPESTATUS' // of the first one
    const shell = ['-c', line, 'bash', ...commandOf(script)]
    const { code, stderr } = await kit.program('bash', shell).ended
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })
})

test.for([
  ['start', 'no example ""'],
  ['textbook', 'no claim ""'],
  ['workshop', 'no command or exercise ""'],
] as const)(
  '%s with an empty word is one line and exit code 2',
  async ([script, line], { kit }) => {
    expectOneLine(await run(kit, script, ''), 2, line)
  },
)

test.for([
  ['trace', 'no example "xx'],
  ['textbook', 'no claim "xx'],
  ['check', 'no exercise "xx'],
  ['codec', "codec: no command 'xx"],
  ['02:client', 'unexpected argument "xx'],
] as const)(
  '%s quotes of a very long word, with line ends in it, only the start: one line, exit code 2',
  async ([script, start], { kit }) => {
    const exit = await run(kit, script, `xx\n${'y'.repeat(100_000)}`)
    expectOneLine(exit, 2, `${start}\\n`)
    expect(exit.stderr.length).toBeLessThan(700)
    expect(exit.stderr).toMatch(/ characters … .*(--help|--list)/)
  },
)

test.skipIf(!onLinux || !canBeUnprivileged)(
  'states says what the kernel refused, and the command that it takes (needs Linux, root)',
  async ({ kit }) => {
    const [unshare = '', ...flags] = UNPRIVILEGED
    const exit = await kit.program(unshare, [...flags, ...commandOf('states')]).ended
    expectOneLine(
      exit,
      1,
      "the kernel's states cannot be traced: needs root (sudo npm run states); ",
    )
    expect(exit.stderr).toMatch(/; \S+ .*: .*(denied|not permitted)/)
  },
)

describe.concurrent('a file that cannot be written', () => {
  /** A folder with a file and a folder. */
  function place(kit: Kit): string {
    const folder = kit.folder()
    writeFileSync(join(folder, 'file.txt'), 'mine')
    mkdirSync(join(folder, 'folder.txt'))
    return folder
  }

  test.runIf(withSome)(
    'trace --out is a folder, or is in none: one line, before anything runs',
    async ({ kit }) => {
      const folder = place(kit)
      const into = async (file: string) => run(kit, 'trace', '02/echo', '--out', join(folder, file))
      expectOneLine(await into('folder.txt'), 2, 'folder.txt is a folder; name a file in it')
      expectOneLine(await into('none/x.txt'), 2, 'x.txt: ENOENT')
      expectOneLine(await into('file.txt/x.txt'), 2, 'x.txt: ENOTDIR')
    },
  )

  test('codec copy into a file: one line', async ({ kit }) => {
    const target = join(place(kit), 'file.txt')
    const exit = await run(kit, 'codec', 'copy', 'lines', target)
    expectOneLine(exit, 2, 'file.txt')
    const below = await run(kit, 'codec', 'copy', 'lines', join(target, 'x'))
    expectOneLine(below, 1, 'x: ENOTDIR (a part of that path is a file, not a folder)')
  })

  test('codec copy into a folder without a name: one line, and nothing is copied', async ({
    kit,
  }) => {
    expectOneLine(await run(kit, 'codec', 'copy', 'lines', ''), 2, 'codec: copy lines where?')
  })

  test.skipIf(!onLinux || !canBeUnprivileged)(
    'without permission (needs Linux, root): trace --out and codec copy are one line',
    async ({ kit }) => {
      const folder = place(kit)
      chmodSync(folder, 0o555) // the owner is the same there
      const [unshare = '', ...flags] = UNPRIVILEGED
      const denied = (script: string, ...args: string[]) =>
        kit.program(unshare, [...flags, ...commandOf(script), ...args]).ended
      const trace = await denied('trace', '02/echo', '--out', join(folder, 'x.txt'))
      expectOneLine(trace, 2, 'x.txt: EACCES')
      expectOneLine(await denied('codec', 'copy', 'lines', folder), 1, 'EACCES')
      expectOneLine(await denied('codec', 'copy', 'lines', join(folder, 'new')), 1, 'EACCES')
    },
  )
})

describe.concurrent('a number that is none', () => {
  test.for([
    ['check', ['tcp-echo', '--port', '70000'], '--port needs a whole number from 1 to 65535'],
    ['check', ['tcp-echo', '--port', 'http'], '--port needs a whole number from 1 to 65535'],
    ['check', ['tcp-echo', '--port', '9', '--seed', '-1'], '--seed'],
    ['check', ['tcp-echo', '--command', 'x', '--start-timeout', '0'], '--start-timeout needs'],
    ['workshop', ['verify', '--seed', '1e3'], '--seed needs a whole number'],
    ['trace', ['02/echo', '--lanes', 'js,nope'], '--lanes: no lane "nope"'],
    ['trace', ['02/echo', '--format', 'png'], '--format: no format "png"'],
    ['codec', ['copy', 'lines', 'x', '--imports', 'mjs'], "--imports is 'mjs', expected ts or js"],
  ] as const)('%s %j is one line and exit code 2', async ([script, args, line], { kit }) => {
    expectOneLine(await run(kit, script, ...args), 2, line)
  })
})
