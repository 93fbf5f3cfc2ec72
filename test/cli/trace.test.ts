import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterAll, describe, expect, test } from 'vitest'
import { missing, type Requirement } from '#lib/kernel/requirements.ts'
import { onPath } from '#lib/kernel/tools.ts'
import { tracefsWays } from '#lib/kernel/tracefs-instance.ts'
import type { Recording } from '#lib/trace/recording.ts'
import { lacks } from '../kernel/tools.ts'
import { canLoseCapabilities, IN_CONTAINER, withCapabilities } from '../support/capabilities.ts'
import { KIT } from '../support/kit-folder.ts'
import { nodeArguments } from '../support/scripts.ts'
import { spread, withSome } from '../support/slow.ts'
import { hasTerminal, kitProcesses, processesWith, readerEnv, Terminal } from './terminal.ts'

const folder = mkdtempSync(join(tmpdir(), 'kit-trace-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const commandOf = (script: string, args: readonly string[]): [string, string[]] => [
  process.execPath,
  [...nodeArguments(script), ...args],
]

/** Runs what `npm run trace -- args` runs. */
async function trace(
  args: readonly string[],
  script = 'trace',
  more: NodeJS.ProcessEnv = {},
  before: readonly string[] = [],
) {
  const env = readerEnv(more)
  const [node, words] = commandOf(script, args)
  const [program = '', ...rest] = [...before, node, ...words]
  const ran = await execa(program, rest, {
    cwd: KIT,
    env,
    extendEnv: false,
    reject: false,
    stdin: 'ignore',
  })
  expect(processesWith(env.KIT_MARK)).toEqual([])
  return ran
}

const hasTcpdump = onPath('tcpdump')
const NO_TCPDUMP = 'needs tcpdump (apt-get install tcpdump)'

describe('npm run trace', () => {
  test('prints the timeline of all lanes, within 100 columns, each line in words', async () => {
    const { stdout, exitCode, stderr } = await trace(['02/echo'])
    expect([exitCode, stderr]).toEqual([0, ''])
    const lines = stdout.split('\n')
    expect(lines[0]).toMatch(/^02\/echo {2}Every byte comes back/)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
    for (const pattern of [
      /^ {11}● {11}│ {2}listen\(127\.0\.0\.1:0\): become a server at this address$/m,
      / {2}│ {11}● {2}connect 127\.0\.0\.1:\d+: the kernel at the other end has answered$/m,
      / {2}│ {11}› {2}hello$/m,
    ]) {
      expect(stdout).toMatch(pattern)
    }
    const times = [...stdout.matchAll(/^ {0,8}(\d+\.\d) {2}/gm)].map(([, ms]) => Number(ms))
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    const lanes: [Requirement, RegExp][] = [
      ['tcpdump', / SYN: client asks for a connection, sequence number 0 \(really \d+\)$/m],
      ['tracefs', / FIN-WAIT-1 → FIN-WAIT-2: my FIN was acknowledged; the peer may still send$/m],
      ['strace', / shutdown\(\d+, SHUT_WR\) = 0: "I have nothing more to send"$/m],
      ['strace', / = -1 EINPROGRESS: on its way; the/m],
    ]
    for (const [requirement, pattern] of lanes)
      if (missing(requirement) === undefined) expect(stdout).toMatch(pattern)
  })

  test('writes JSON that is a recording, with every event, on standard output', async () => {
    const { stdout, exitCode } = await trace(['02/echo', '--lanes', 'js', '--format', 'json'])
    expect(exitCode).toBe(0)
    const { meta, events }: Recording = JSON.parse(stdout)
    expect(meta).toMatchObject({ example: '02/echo', node: process.version, lanes: { js: 'live' } })
    expect(events[0]).toMatchObject({ tNs: 0, end: 'server', lane: 'js', event: 'listen()' })
    expect(new Set(events.map(({ lane }) => lane))).toEqual(new Set(['js']))
    const times = events.map(({ tNs }) => tNs)
    expect(times).toEqual(times.toSorted((a, b) => a - b))
  })

  test.skipIf(!canLoseCapabilities)(
    'tells root of a container what that lacks (needs root)',
    async () => {
      const lack =
        'needs CAP_SYS_ADMIN, which root does not have here (in a container: --privileged, or --cap-add SYS_ADMIN)'
      const told = async (args: readonly string[], before: readonly string[]) => {
        const { stdout, exitCode } = await trace(args, 'trace', {}, before)
        expect(exitCode).toBe(0)
        return stdout.slice(0, stdout.indexOf('server  ')).replaceAll(/\s+/g, ' ')
      }
      const most = await told(['02/echo', '--lanes', 'states,packets,tcp'], IN_CONTAINER)
      expect(most).toContain(
        ` states are sampled: short ones were not seen; all of them: ${lack}; mount -t tracefs: `,
      )
      expect(most).toContain(` no tcp: ${lack}; mount -t tracefs: `)
      if (hasTcpdump) expect(most).not.toContain('no packets')
      else expect(most).toContain(` no packets: ${NO_TCPDUMP}`)
      const none = await told(['02/echo', '--lanes', 'packets'], withCapabilities())
      expect(none).toContain(
        hasTcpdump
          ? ' no packets: needs CAP_NET_RAW, CAP_SETUID, CAP_SETGID, CAP_KILL, which root does not have here (in a container: --privileged, or --cap-add NET_RAW --cap-add SETUID --cap-add SETGID --cap-add KILL)'
          : ` no packets: ${NO_TCPDUMP}`,
      )
    },
  )

  const written: [string, RegExp][] = [
    ['picture.svg', /^<svg xmlns=/],
    ['diagram.mmd', /^sequenceDiagram\n/],
    ['timeline.txt', /^01\/unix {2}recorded on /],
  ]
  test.each(spread(written, 1, 3))(
    'writes %s as its ending says, of one end',
    async (name, begins) => {
      const out = join(folder, name)
      const args = ['01/unix', '--lanes', 'js,syscalls', '--only', 'client', '--out', out]
      const { stdout, exitCode } = await trace(args)
      expect(exitCode).toBe(0)
      expect(stdout).toMatch(new RegExp(`^wrote ${out}: \\d+ events$`))
      const text = readFileSync(out, 'utf8')
      expect(text).toMatch(begins)
      expect(text).toContain('connect')
      expect(text).not.toContain('accept')
    },
  )

  test('says once what is missing, and why, where nothing but Node is at hand', async () => {
    const { stdout, exitCode } = await trace(
      ['02/echo', '--lanes', 'js,syscalls,states'],
      'trace',
      {
        PATH: folder,
      },
    )
    expect(exitCode).toBe(0)
    expect(stdout.match(/^no syscalls: .+$/gm)).toHaveLength(1)
    expect(stdout).toContain('strace')
    const text = stdout.replaceAll(/\s+/g, ' ')
    if (process.platform === 'linux' && tracefsWays()[0]!.command[0] === 'unshare')
      expect(text).toContain('all of them: needs unshare (apt-get install util-linux)')
    expect(stdout).toContain('›  hello')
  })

  test.runIf(withSome)('says on standard error what the file it writes does not have', async () => {
    const args = ['01/unix', '--lanes', 'js,packets', '--format', 'json']
    const { stdout, stderr, exitCode } = await trace(args)
    expect([exitCode, stderr]).toEqual([0, 'no packets: a Unix domain socket has no packets'])
    const { meta }: Recording = JSON.parse(stdout)
    expect(meta.lanes.packet).toBe('missing: a Unix domain socket has no packets')
  })

  test.skipIf(lacks.tshark || lacks.tcpdump)(
    'writes a capture file for Wireshark, the other lanes as comments (needs tshark, tcpdump, root)',
    async () => {
      const out = join(folder, 'run.pcapng')
      const { stdout, exitCode } = await trace(['02/echo', '--lanes', 'js,packets', '--out', out])
      expect(exitCode).toBe(0)
      expect(stdout).toMatch(new RegExp(`^wrote ${out}: \\d+ packets, \\d+ comments$`))
      const fields = ['tcp.flags.str', 'tcp.len', 'tcp.payload', 'frame.comment']
      const shape = ['-T', 'fields', '-E', 'aggregator=|', ...fields.flatMap(name => ['-e', name])]
      const shown = await execa('tshark', ['-n', '-r', out, ...shape])
      const rows = shown.stdout.split('\n').map(line => line.split('\t'))
      expect(`wrote ${out}: ${rows.length} packets`).toBe(stdout.replace(/,.*/, ''))
      const data = rows.filter(([, bytes]) => bytes !== '0')
      expect(data.map(([, , payload]) => Buffer.from(payload!, 'hex').toString())).toEqual([
        'hello\n',
        'hello\n',
      ])
      const comments = rows.map(([, , , comment = '']) => comment)
      expect(comments[0]).toMatch(
        /\|client js, \d+\.\d{3} ms before: connect\(127\.0\.0\.1:\d+\): ask that server for a connection$/,
      )
      expect(comments.at(-1)).toMatch(/(^|\|)server js, \d+\.\d{3} ms (before|after): \S/)
      const count = comments.flatMap(comment => comment.split('|').filter(Boolean)).length
      expect(stdout).toMatch(new RegExp(` ${count} comments$`))
    },
  )

  test.runIf(withSome)('says why there is no capture file, and writes none', async () => {
    const out = join(folder, 'none.pcapng')
    const { stderr, exitCode } = await trace(['01/unix', '--out', out])
    expect(exitCode).toBe(1)
    expect(stderr.split('\n').at(-1)).toBe(
      '--format pcapng: no packet was captured, so there is nothing to write',
    )
    expect(stderr).toContain('no packets: a Unix domain socket has no packets')
    expect(existsSync(out)).toBe(false)
  })

  const wrong: [string[], string][] = [
    [[], 'which example? For instance npm run trace -- 02/echo (see npm run trace -- --help)'],
    [['02/eco'], 'no example "02/eco": did you mean 02/echo?'],
    [['02', '01'], 'one example at a time, got 02 01 (see npm run trace -- --help)'],
    [
      ['02', '--lanes', 'js,packet'],
      '--lanes: no lane "packet"; there are js, syscalls, states, packets, tcp (see npm run trace -- --help)',
    ],
    [
      ['02', '--out', 'x.png'],
      '--out: no format is known for ".png"; use .txt, .json, .svg, .mmd, .mermaid, .pcapng, or say --format (see npm run trace -- --help)',
    ],
    [
      ['02', '--format', 'xml'],
      '--format: no format "xml"; there are text, json, svg, mermaid, pcapng (see npm run trace -- --help)',
    ],
    [
      ['02', '--lanes', 'js', '--format', 'pcapng'],
      '--lanes: pcapng is made of packets; add packets (see npm run trace -- --help)',
    ],
    [
      ['02', '--only', 'both'],
      '--only: client or server, not "both" (see npm run trace -- --help)',
    ],
    [['02', '--nothing'], "Unknown option '--nothing' (see npm run trace -- --help)"],
    [['02', '--out', folder], `--out: ${folder} is a folder; name a file in it`],
    [
      ['02', '--out', '/nowhere/x'],
      '--out: cannot write /nowhere/x: ENOENT (there is no such file or folder)',
    ],
  ]
  test.each(spread(wrong, 3, wrong.length))(
    'refuses %j in one line, with exit code 2',
    async (args, message) => {
      const { stdout, stderr, exitCode } = await trace(args)
      expect([exitCode, stdout, stderr]).toEqual([2, '', message])
    },
  )

  test('prints its usage', async () => {
    const { stdout, exitCode } = await trace(['--help'])
    expect(exitCode).toBe(0)
    for (const option of ['--lanes', '--format', '--out', '--absolute', '--relative', '--only']) {
      expect(stdout).toContain(`  ${option} `)
    }
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100)
  })
})

test('npm run record refuses what is not recorded, in one line', async () => {
  const { stderr, exitCode } = await trace(['02/chat'], 'record')
  expect(exitCode).toBe(2)
  expect(stderr).toMatch(/^no recording of "02\/chat"; there are 01\/tcp, .*02\/echo/)
})

describe.skipIf(!hasTerminal)('in a terminal (needs python3 and its pty module)', () => {
  test('Ctrl-C ends npm run trace with 130, and leaves nothing', async () => {
    const terminal = new Terminal(commandOf('trace', ['01/accept-queue']))
    try {
      await terminal.waitFor(() => kitProcesses(terminal.mark).length > 0, 'a program ran')
      await terminal.shows('blocked 3000 ms')
      terminal.type('\u0003')
      expect(await terminal.ended).toBe(130)
      expect(terminal.text).toContain('stopped; both programs have ended')
      expect(processesWith(terminal.mark)).toEqual([])
    } finally {
      terminal.kill()
    }
  })

  test.runIf(withSome)(
    'Tab in the picker of npm start switches the four lanes on, and off again',
    async () => {
      const terminal = new Terminal(commandOf('start', []))
      try {
        await terminal.shows('Tab 4 levels: off')
        terminal.type('02/echo')
        await terminal.shows('02/echo█')
        terminal.type('\t')
        await terminal.shows('Tab 4 levels: on')
        const before = terminal.text.length
        terminal.type('\r')
        await terminal.shows('● event or call of Node')
        await terminal.shows('The same without the kernel: npm start 02/echo')
        await terminal.shows('What next?')
        // What was switched on stays so.
        await terminal.shows('Tab 4 levels: on', before)
        terminal.type('\t')
        await terminal.shows('Tab 4 levels: off', before)
        terminal.type('\u001b')
        expect(await terminal.ended).toBe(0)
        expect(terminal.raw).toContain('\u001b[36m')
      } finally {
        terminal.kill()
      }
    },
  )
})
