import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { ROOT } from '#lib/catalogue/index.ts'
import { missing } from '#lib/kernel/requirements.ts'
import { onPath } from '#lib/kernel/tools.ts'
import { canLoseCapabilities, IN_CONTAINER, withCapabilities } from '../support/capabilities.ts'
import { KIT } from '../support/kit-folder.ts'
import { spread, withSome } from '../support/slow.ts'
import { canBeUnprivileged, UNPRIVILEGED } from '../support/unprivileged.ts'

/** Whether an ordinary user may have a user namespace here, and keep their own number in it. */
const keepsOwnNumber =
  canBeUnprivileged &&
  spawnSync(UNPRIVILEGED[0]!, [
    ...UNPRIVILEGED.slice(1),
    ...['unshare', '--user', '--map-current-user', '--keep-caps', '--net', 'true'],
  ]).status === 0

/** A kit of its own: the same programs, other experiments. */
let kit = ''

const EXPERIMENT = (id: string, run: string, more = '') => `
import { experiment } from '#lib/textbook/experiment.ts'
export default experiment({
  title: 'a test', needs: [], ${more}
  claims: [{ id: '${id}', essential: true, statement: 'It is one.', verdict: 'holds', truth: 'It is.',
    source: 'socket(2)', counterexample: () => ({ value: 2 }),
    judge: ({ value }) => ({ verdict: value === 1 ? 'holds' : 'wrong', observed: 'it is ' + value }) }],
  async run(lab, observe) { observe('look at it'); ${run} },
})`

beforeAll(() => {
  // Inside the copy of the kit whose programs are compiled already: so is this one.
  kit = mkdtempSync(join(KIT, 'textbook-'))
  symlinkSync(inject('compiled'), join(inject('compiled'), basename(kit)), 'junction')
  cpSync(join(ROOT, 'lib'), join(kit, 'lib'), { recursive: true })
  cpSync(join(ROOT, 'package.json'), join(kit, 'package.json'))
  cpSync(join(ROOT, 'tsconfig.json'), join(kit, 'tsconfig.json'))
  const folder = (chapter: string) => join(kit, 'chapters', chapter, 'experiments')
  mkdirSync(folder('01-good'), { recursive: true })
  mkdirSync(folder('02-odd'), { recursive: true })
  mkdirSync(join(kit, 'docs'))
  const good = join(folder('01-good'), 'good.ts')
  writeFileSync(good, EXPERIMENT('1.1', 'return { value: 1 }'))
  writeFileSync(
    join(folder('01-good'), 'needy.ts'),
    EXPERIMENT('1.2', 'return { value: 1 }').replace('needs: []', "needs: ['nft', 'root']"),
  )
  writeFileSync(
    join(folder('01-good'), 'captures.ts'),
    EXPERIMENT('1.3', "await (await lab.capture('udp')).stop(); return { value: 1 }").replace(
      'needs: []',
      "needs: ['tcpdump']",
    ),
  )
  const odd = (name: string, text: string) => writeFileSync(join(folder('02-odd'), name), text)
  odd('other.ts', EXPERIMENT('2.1', 'return { value: 2 }'))
  odd('broken.ts', EXPERIMENT('2.2', "throw new Error('no such thing')"))
  odd('crash.ts', EXPERIMENT('2.3', 'process.kill(process.pid, 9); process.exit(9)'))
  odd('waits.ts', EXPERIMENT('2.10', 'await new Promise(() => setInterval(() => {}, 1e6))'))
})
afterAll(() => {
  rmSync(join(inject('compiled'), basename(kit)), { force: true })
  rmSync(kit, { recursive: true, force: true })
})

const PROGRAM = (before: readonly string[] = []) => [
  ...before,
  ...[process.execPath, '--import', 'tsx', 'lib/cli/textbook.ts'],
]

const textbook = (
  args: string[],
  options: { env?: Record<string, string>; before?: readonly string[] } = {},
) =>
  execa(PROGRAM(options.before)[0]!, [...PROGRAM(options.before).slice(1), ...args], {
    cwd: kit,
    reject: false,
    env: { NO_COLOR: '1', COLUMNS: '100', ...options.env },
  })

describe('npm run textbook', () => {
  test('exits with 0 when the kernel does what is expected', async () => {
    const { stdout, exitCode } = await textbook(['1.1', '01'])
    expect(stdout).toMatch(/^1\.1★ +It is one\. +it is 1 +holds$/m)
    expect(stdout).toMatch(/^\d claims? tested: \d holds\.$/m)
    expect(exitCode).toBe(0)
  })

  test.runIf(withSome)('shows one claim step by step', async () => {
    const { stdout } = await textbook(['1.1'])
    expect(stdout).toMatch(/ms {2}look at it$/m)
    for (const part of ['It is one.', 'it is 1', 'It is.', 'socket(2)', 'chapters/01-good/'])
      expect(stdout).toContain(`  ${part}`)
  })

  test('reports what the kernel does otherwise, and exits with 1', async () => {
    const { stdout, exitCode } = await textbook(['2.1'])
    expect(stdout).toContain('2.1★ wrong !')
    expect(exitCode).toBe(1)
  })

  test('reports an experiment that fails in one line, and goes on with the others', async () => {
    const { stdout, exitCode } = await textbook(['1.1', '2.1', '2.2', '2.3'])
    expect(stdout).toMatch(/^2\.1: expected holds, your kernel says wrong$/m)
    expect(stdout).toMatch(/^2\.2 failed: no such thing$/m)
    expect(stdout).toMatch(/^2\.3 failed: (exit code 9|ended by SIGKILL)$/m)
    expect(stdout).toMatch(/^1\.1★ .* holds$/m)
    expect(stdout).not.toMatch(/^ +at /m)
    expect(exitCode).toBe(1)
  })

  test('prints JSON and nothing else with --json', async () => {
    const { stdout, stderr } = await textbook(['--json', '1.1', '2.2'])
    const [good, broken] = JSON.parse(stdout)
    expect(good).toMatchObject({
      id: '1.1',
      claim: 'It is one.',
      verdict: 'holds',
      observed: 'it is 1',
      agrees: true,
      evidence: { steps: [{ step: 'look at it' }], seen: { value: 1 } },
      ms: expect.any(Number),
    })
    expect(broken).toMatchObject({ id: '2.2', failed: 'no such thing' })
    expect(stderr).toMatch(/1\/2 [\d.]+: \w+ in \d+\.\d s/)
  })

  test('--list --json lists the claims for programs', async () => {
    const { stdout } = await textbook(['1.1', '--list', '--json'])
    const [first] = JSON.parse(stdout)
    expect(first).toMatchObject({ id: '1.1', essential: true })
    expect(Object.keys(first)).toEqual(['id', 'essential', 'claim', 'verdict', 'source'])
  })

  test('lists the claims, with what they need', async () => {
    const { stdout } = await textbook(['--list'])
    expect(stdout.split('\n')).toEqual([
      '1.1★    It is one.',
      '1.2★    It is one. (nft, root)',
      '1.3★    It is one. (tcpdump)',
      '2.1★    It is one.',
      '2.2★    It is one.',
      '2.3★    It is one.',
      '2.10★   It is one.',
    ])
  })

  test.each([
    [
      ['1.9'],
      'no claim "1.9" to test; its chapter has 1.1, 1.2, 1.3 (see npm run textbook -- --help)',
    ],
    [['foo'], 'no claim "foo": give a number like 1.1, or --list (see npm run textbook -- --help)'],
    [
      ['77'],
      'chapter 77 has no claims to test yet; there are 01, 02 (see npm run textbook -- --help)',
    ],
    [['--verbose'], "Unknown option '--verbose' (see npm run textbook -- --help)"],
    [
      ['--record', '--list'],
      '--record runs experiments, and --list none: give one of them (see npm run textbook -- --help)',
    ],
  ])('answers %j with one line and exit code 2', async (args, line) => {
    const { stdout, stderr, exitCode } = await textbook(args)
    expect([stdout, stderr, exitCode]).toEqual(['', line, 2])
  })

  test('--record keeps what one experiment has seen beside it, and writes the document', async () => {
    const { stderr, exitCode } = await textbook(['1.1', '--record'])
    const file = 'chapters/01-good/experiments/good.seen.json'
    expect(stderr.split('\n')).toEqual([
      `wrote ${file}`,
      'wrote docs/textbook-vs-kernel.md; npm run docs:sync writes the tables of the chapters',
    ])
    expect(exitCode).toBe(0)
    expect(JSON.parse(readFileSync(join(kit, file), 'utf8'))).toEqual({
      kernel: expect.stringMatching(/^\w+ [\d.]+$/),
      node: process.version,
      processors: expect.any(Number),
      date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
      settings: expect.any(Array),
      notCopied: [],
      ms: expect.any(Number),
      seen: { value: 1 },
    })
    const document = readFileSync(join(kit, 'docs/textbook-vs-kernel.md'), 'utf8')
    expect(document).toMatch(/^### 1\.1★ holds$/m)
    expect(document).toContain('Seen: `it is 1`')
    expect(document).toMatch(/^### 1\.2★ not yet recorded$/m)
  })

  test('--record keeps nothing of an experiment that came out otherwise, or failed', async () => {
    const { stderr, exitCode } = await textbook(['2.1', '2.2', '--record'])
    expect(stderr.split('\n')).toEqual([
      'not recorded: chapters/02-odd/experiments/other.ts: 2.1 came out as wrong, not as holds',
      'not recorded: chapters/02-odd/experiments/broken.ts: 2.2 failed',
    ])
    expect(exitCode).toBe(1)
    expect(existsSync(join(kit, 'chapters/02-odd/experiments/other.seen.json'))).toBe(false)
  })

  test.runIf(withSome)('fits a narrow terminal', async () => {
    const { stdout } = await textbook(['01', '2.1'], { env: { COLUMNS: '40' } })
    const table = stdout.slice(0, stdout.indexOf('tested:'))
    expect(Math.max(...table.split('\n').map(line => line.length))).toBeLessThanOrEqual(40)
  })

  test.each(spread(['SIGINT', 'SIGTERM'] as const, 1, 2))(
    'ends at once with 130 on %s',
    async signal => {
      const child = textbook(['1.1', '2.10'])
      child.stdout!.on('data', chunk => {
        if (String(chunk).includes('1.1: done')) child.kill(signal)
      })
      const { stdout, stderr, exitCode } = await child
      expect(stderr).toContain('stopped: 1 of 2 experiments had finished')
      expect(stdout).toContain('it is 1')
      expect(exitCode).toBe(130)
    },
  )

  test.skipIf(!canBeUnprivileged)(
    'says what is missing without root, and runs the rest (needs root)',
    async () => {
      const { stdout, exitCode } = await textbook(['01'], { before: UNPRIVILEGED })
      // What is not installed is said first, and each reason once.
      const reasons = [...stdout.matchAll(/^not run: [\d., ]+: (.*)$/gm)].flatMap(([, all]) =>
        all!.split(', '),
      )
      const tools = ['nft', 'tcpdump'].filter(tool => !onPath(tool)).map(tool => `needs ${tool} `)
      for (const needs of [...tools, 'needs root (sudo npm run textbook)'])
        expect(reasons).toContainEqual(expect.stringContaining(needs))
      expect(stdout).toMatch(/^1\.1★ .* holds$/m)
      expect(exitCode).toBe(0)
    },
  )

  test.skipIf(!keepsOwnNumber || missing('tcpdump') !== undefined)(
    'captures as an ordinary user, in a private network (needs root to do without it, tcpdump, user namespaces)',
    async () => {
      const { stdout, exitCode } = await textbook(['1.3'], { before: UNPRIVILEGED })
      expect(stdout).toMatch(/^1\.3★ holds/m)
      expect(exitCode).toBe(0)
    },
  )

  test.skipIf(!canLoseCapabilities || missing('tcpdump') !== undefined || !withSome)(
    'tells root of a container what that lacks, and runs the rest (needs root, tcpdump)',
    async () => {
      const { stdout, exitCode } = await textbook(['01'], { before: withCapabilities() })
      expect(stdout.replaceAll(/\s+/g, ' ')).toContain(
        'needs CAP_NET_RAW, CAP_SETUID, CAP_SETGID, CAP_KILL, which root does not have here (in a container: --privileged, or --cap-add NET_RAW --cap-add SETUID --cap-add SETGID --cap-add KILL)',
      )
      expect(stdout).not.toContain('sudo')
      expect(stdout).toMatch(/^1\.1★ .* holds$/m)
      expect(exitCode).toBe(0)
    },
  )

  test.skipIf(!canLoseCapabilities || missing('tcpdump') !== undefined || !withSome)(
    'captures in a container that may (needs root, tcpdump)',
    async () => {
      const { stdout, exitCode } = await textbook(['1.3'], { before: IN_CONTAINER })
      expect(stdout).toMatch(/^1\.3★ holds/m)
      expect(exitCode).toBe(0)
    },
  )
})
