import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { canLoseCapabilities, withCapabilities } from '../support/capabilities.ts'
import { type Kit, test } from '../support/kit.ts'
import { spread, withSome } from '../support/slow.ts'

const COMMAND = ['--import', 'tsx', 'lib/cli/workshop.ts']
const PASSED = { passed: { hello: '2026-01-01T00:00:00.000Z' }, hints: {} }
const SOLUTION = readFileSync(
  join(ROOT, 'chapters/01-socket/exercises/hello/solution.ts'),
  'utf8',
).replaceAll("'#lib/", `'${ROOT}/lib/`)

const workshop = (kit: Kit, folder: string, ...args: string[]) =>
  kit.program(process.execPath, [...COMMAND, ...args], { env: { WORKSHOP_FOLDER: folder } })

/** Whether a mount of ours, which nobody else sees, can be made here. */
const canMount = spawnSync('unshare', ['-m', 'true']).status === 0

/** Runs the command where the workspace is a file system of a few pages, made by a shell before. */
function onSmallDisk(kit: Kit, folder: string, prepare: string, ...args: string[]) {
  const script = `mount -t tmpfs -o size=16k tmpfs "$0" || exit 99
    ${prepare}
    "$@"; code=$?
    echo "--"; ls "$0"; cat "$0/progress.json"; cat "$0"/*.ts 2>/dev/null; exit $code`
  const words = ['-m', 'sh', '-c', script, folder, process.execPath, ...COMMAND, ...args]
  return kit.program('unshare', words, { env: { WORKSHOP_FOLDER: folder } })
}

const FILL = 'head -c 1000000 /dev/zero > "$0/ballast" 2>/dev/null'
const NOTED = `printf '%s' '${JSON.stringify(PASSED)}' > "$0/progress.json"`
const READ_ONLY = 'mount -o remount,ro "$0"'

describe.concurrent('progress.json', () => {
  test.for(
    spread(
      [
        ['no JSON', '{"passed":', 'is no JSON', []],
        ['nothing at all', '', 'is no JSON', []],
        ['a list', '[]', 'has something in it that is no progress', []],
        ['null', 'null', 'has something in it that is no progress', []],
        [
          'a pass and a hint that is none',
          JSON.stringify({ ...PASSED, hints: { hello: 'x' } }),
          'has something in it that is no progress',
          ['hello'],
        ],
        [
          'a pass and one without a date',
          JSON.stringify({ passed: { ...PASSED.passed, 'tcp-echo': true } }),
          'has something in it that is no progress',
          ['hello'],
        ],
      ] as const,
      2,
      6,
    ),
  )(
    'with %s is kept aside, said where, and what it says still counts',
    async ([, text, problem, passed], { kit }) => {
      const folder = kit.folder()
      writeFileSync(join(folder, 'progress.json'), text)
      const { code, stdout, stderr } = await workshop(kit, folder, 'list', '--json').ended
      expect(code).toBe(0)
      const lines = stderr.trimEnd().split('\n')
      expect(lines).toHaveLength(1)
      expect(lines[0]).toContain(`progress.json ${problem}: kept as `)
      expect(lines[0]).toContain('progress.json.broken; ')
      expect(readFileSync(join(folder, 'progress.json.broken'), 'utf8')).toBe(text)
      const rows: { id: string; passed: string | null }[] = JSON.parse(stdout)
      expect(rows.filter(row => row.passed !== null).map(({ id }) => id)).toEqual(passed)
    },
  )

  test('with a byte order mark is read as it is', async ({ kit }) => {
    const folder = kit.folder()
    writeFileSync(join(folder, 'progress.json'), `\uFEFF${JSON.stringify(PASSED)}`)
    const { stdout, stderr } = await workshop(kit, folder, 'list', '--json').ended
    expect(stderr).toBe('')
    expect(JSON.parse(stdout)[0]).toMatchObject({ id: 'hello', passed: PASSED.passed.hello })
    expect(readdirSync(folder)).toEqual(['progress.json'])
  })

  test.runIf(withSome)(
    'that may not be read is an error of one line, and stays as it is',
    async ({ kit }) => {
      const folder = kit.folder()
      const file = join(folder, 'progress.json')
      // A folder of that name: unlike a mode, that holds for root as well.
      mkdirSync(file)
      for (const command of ['list', 'hint', 'next', 'verify', 'solution']) {
        const { code, stdout, stderr } = await workshop(kit, folder, command).ended
        expect({ code, stderr }, command).toEqual({
          code: 1,
          stderr: expect.stringMatching(
            /^cannot read \S*progress\.json: EISDIR \(that is a folder, expected a file\)\n$/,
          ),
        })
        expect(stdout).not.toContain('passed')
      }
      expect(readdirSync(folder)).toContain('progress.json')
    },
  )

  // Root may read everything, unless it is without that capability.
  const isRoot = process.getuid?.() === 0
  test.skipIf(isRoot && !canLoseCapabilities)(
    'without permission to read is an error of one line (as root, needs setpriv)',
    async ({ kit }) => {
      const folder = kit.folder()
      const file = join(folder, 'progress.json')
      writeFileSync(file, JSON.stringify(PASSED))
      chmodSync(file, 0)
      const [program, ...words] = [
        ...(isRoot ? withCapabilities() : []),
        ...[process.execPath, ...COMMAND, 'list'],
      ]
      const env = { WORKSHOP_FOLDER: folder }
      const { code, stderr } = await kit.program(program!, words, { env }).ended
      expect(stderr).toMatch(/^cannot read \S*progress\.json: EACCES \(.*\)\n$/)
      expect(code).toBe(1)
      expect(readdirSync(folder)).toEqual(['progress.json'])
    },
  )
})

describe.skipIf(!canMount).concurrent('a workspace on a disk (needs root)', () => {
  test('that is full: nothing is lost, and one line says so', async ({ kit }) => {
    const folder = kit.folder()
    const { code, stdout, stderr } = await onSmallDisk(kit, folder, `${NOTED}; ${FILL}`, 'hint')
      .ended
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(
        /^cannot write \S*progress\.json: ENOSPC \(no space is left on that file system\)\n$/,
      ),
    })
    // As it was, and no half file beside.
    expect(stdout).toBe(`--\nballast\nprogress.json\n${JSON.stringify(PASSED)}`)
  })

  test.runIf(withSome)(
    'that is full: a pass is shown, and said not to be noted',
    async ({ kit }) => {
      const folder = kit.folder()
      const source = join(kit.folder(), 'hello.ts')
      writeFileSync(source, SOLUTION)
      const prepare = `cp '${source}' "$0/hello.ts"; ${NOTED.replace('hello', 'udp-echo')}; ${FILL}`
      const run = onSmallDisk(kit, folder, prepare, 'verify', 'hello')
      const { code, stdout, stderr } = await run.ended
      expect(stdout).toContain('hello: passed')
      expect(code).toBe(1)
      expect(stderr).toMatch(
        /^hello is passed, but cannot write \S*: ENOSPC \(.*\); once that is possible: npm run workshop -- verify hello\n$/,
      )
      expect(stdout).toContain('"udp-echo":"2026')
    },
  )

  test('that is full: reset leaves the learner’s file where it is', async ({ kit }) => {
    const prepare = `${NOTED}; echo '// mine' > "$0/hello.ts"; ${FILL}`
    const run = onSmallDisk(kit, kit.folder(), prepare, 'reset', 'hello')
    const { code, stdout, stderr } = await run.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(/^cannot write \S*hello\.ts: ENOSPC \(.*\)\n$/)
    expect(stdout).toContain('// mine')
    expect(stdout).not.toContain('backup')
  })

  test('that is read-only: what only reads works, the rest is one line', async ({ kit }) => {
    const list = onSmallDisk(kit, kit.folder(), `${NOTED}; ${READ_ONLY}`, 'list')
    expect(await list.ended).toMatchObject({ code: 0, stderr: '' })
    const next = onSmallDisk(kit, kit.folder(), `${NOTED}; ${READ_ONLY}`, 'next')
    const { code, stderr } = await next.ended
    expect(code).toBe(1)
    expect(stderr).toMatch(
      /^cannot write \S*five-tuple\.ts: EROFS \(that file system is read-only\)\n$/,
    )
  })
  test('that is read-only, in a folder that is yet to be made: the reason is the same', async ({
    kit,
  }) => {
    const folder = kit.folder()
    const script = 'mount -t tmpfs none "$0" && mount -o remount,ro "$0" || exit 99; exec "$@"'
    const words = ['-m', 'sh', '-c', script, folder, process.execPath, ...COMMAND, 'next']
    const env = { WORKSHOP_FOLDER: join(folder, 'workspace') }
    expect(await kit.program('unshare', words, { env }).ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /^cannot write \S*hello\.ts: EROFS \(that file system is read-only\)\n$/,
      ),
    })
  })
})
