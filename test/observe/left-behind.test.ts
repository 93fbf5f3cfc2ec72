import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { afterAll, describe, expect, test, vi } from 'vitest'
import { type CatalogueEntry, ROOT } from '#lib/catalogue/index.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { hasProc, processesWith, readerEnv } from '../cli/terminal.ts'
import { lacks, pathWith, traceInstances } from '../kernel/tools.ts'
import { withSlow, withSome } from '../support/slow.ts'
import { canBeUnprivileged, UNPRIVILEGED } from '../support/unprivileged.ts'
import { entryOf } from './entries.ts'
import { Programs } from './programs.ts'

const programs = new Programs()
afterAll(() => programs.remove())

const MODULE = new URL('../../lib/observe/trace-example.ts', import.meta.url).href

/** A program that traces an example, and prints what it gets, a line of JSON each. */
const tracer = (entry: CatalogueEntry): string =>
  programs.write(`
import { LANES } from ${JSON.stringify(new URL('../trace/recording.ts', MODULE).href)}
import { traceExample } from ${JSON.stringify(MODULE)}
const print = what => console.log(JSON.stringify(what))
print(await traceExample(${JSON.stringify(entry)}, {
  lanes: LANES, onEvent: print, onLane: (lane, status, why) => print({ [lane]: status, why }) }))`)

const nodeArgs = (file: string): string[] => ['--import', 'tsx', file]

/** Talks without an end, until it is killed. */
const [server, client] = [
  `
import { createServer } from 'node:net'
const [flag, where] = process.argv.slice(2)
const server = createServer(peer => peer.on('error', () => {}).on('data', data => peer.write(data)))
server.listen(flag === '--path' ? where : Number(where), () => console.log('listening ' + (server.address().port ? '127.0.0.1:' + server.address().port : where)))`,
  `
import { connect } from 'node:net'
const [flag, where] = process.argv.slice(2)
const socket = connect(flag === '--path' ? where : Number(where)).on('error', () => {}).resume()
setInterval(() => socket.write('tick'), 10)`,
]

/** What can be seen of a tracer from outside: how many processes it has, and the lines it printed. */
interface Seen {
  processes: number
  lines: readonly string[]
}

const ofEachLane = ({ lines }: Seen) =>
  ['js', 'syscall', 'state', 'packet'].every(lane =>
    lines.some(line => line.includes(`"lane":"${lane}"`)),
  )
const processes = (count: number) => (seen: Seen) => seen.processes >= count
const lines = (count: number) => (seen: Seen) => seen.lines.length >= count

/** Moments of a run by what has happened: they come in this order, however fast the machine is. */
const MOMENTS: [what: string, has: (seen: Seen) => boolean][] = [
  ['at once', () => true],
  ['with 3 processes', processes(3)],
  ['at its first line', lines(1)],
  ['with 5 processes', processes(5)],
  ['with events of each lane', ofEachLane],
  ['after 40 lines', lines(40)],
  ['with 2 processes', processes(2)],
  ['with 4 processes', processes(4)],
  ['after 3 lines', lines(3)],
  ['with 7 processes', processes(7)],
  ['after 10 lines', lines(10)],
  ['after 100 lines', lines(100)],
]
/** A moment is looked for so often, and for so long on a machine that is very busy. */
const MOMENT = { interval: 5, timeout: 60_000 }
const SIGNALS = ['SIGKILL', 'SIGTERM', 'SIGINT'] as const

describe.skipIf(!hasProc || lacks.strace || lacks.tcpdump || lacks.tracefs)('traceExample', () => {
  test.runIf(withSome)(
    'leaves no process, trace instance or file when it is killed at any moment (needs root, strace, tcpdump)',
    async () => {
      const files = [
        tracer(entryOf(programs, server, client)),
        tracer(entryOf(programs, server, client, { transport: 'unix' })),
      ]
      const attempts = MOMENTS.slice(0, withSlow ? 12 : 6).map(([what, has], at) => ({
        file: files[at % 3 === 2 ? 1 : 0]!,
        signal: SIGNALS[at % SIGNALS.length]!,
        what,
        has,
      }))
      const most = { processes: 0, instances: 0, files: 0 }
      for (let at = 0; at < attempts.length; at += 2) {
        const pair = attempts.slice(at, at + 2).map(async ({ file, signal, what, has }, one) => {
          const folder = join(programs.folder, `tmp-${at + one}`)
          mkdirSync(folder)
          const env = readerEnv({ TMPDIR: folder })
          const stdio = ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore']
          const child = spawn(process.execPath, nodeArgs(file), { cwd: ROOT, env, stdio })
          const exit = once(child, 'exit')
          const lines: string[] = []
          createInterface({ input: child.stdout }).on('line', line => lines.push(line))
          const seen = () => ({ processes: processesWith(env.KIT_MARK).length, lines })
          await vi.waitFor(() => expect(has(seen()), what).toBe(true), MOMENT)
          const ours = () => readdirSync(folder).filter(name => name.startsWith('socket-kit-'))
          most.processes = Math.max(most.processes, processesWith(env.KIT_MARK).length)
          most.instances = Math.max(most.instances, traceInstances(child.pid!).length)
          most.files = Math.max(most.files, ours().length)
          child.kill(signal)
          await exit
          const where = `${signal} ${what}`
          await vi.waitFor(() => expect(processesWith(env.KIT_MARK), where).toEqual([]), 60_000)
          expect(traceInstances(child.pid!), where).toEqual([])
          expect(ours(), where).toEqual([])
        })
        await Promise.all(pair)
      }
      // There was something to be left behind.
      expect(most.processes).toBeGreaterThan(8)
      expect(most.instances).toBe(2)
      expect(most.files).toBe(1)
    },
  )
})

const [unshare = '', ...unprivileged] = [...UNPRIVILEGED, process.execPath]

/** What a tracer printed, each line read; and told of while it runs. */
async function printed(
  child: ChildProcess,
  onLine?: (line: string) => void,
): Promise<Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = []
  createInterface({ input: child.stdout! }).on('line', line => {
    lines.push(JSON.parse(line))
    onLine?.(line)
  })
  const [errors] = await Promise.all([text(child.stderr!), once(child, 'close')])
  expect(errors).toBe('')
  return lines
}

describe('traceExample without the tools', () => {
  /** A client that stays until there is such a file. */
  const staying = (file: string) =>
    entryOf(
      programs,
      server,
      client.replace(
        /setInterval.*/,
        `import { existsSync } from 'node:fs'
const timer = setInterval(() => {
  if (socket.connecting || !existsSync(${JSON.stringify(file)})) return
  clearInterval(timer)
  socket.end('bye')
}, 10)`,
      ),
    )

  test.skipIf(!canBeUnprivileged)(
    'runs the example, samples the states, and says what would bring the rest (needs root, to do without it)',
    async () => {
      const folder = join(programs.folder, 'nobody')
      mkdirSync(folder)
      chmodSync(programs.folder, 0o755)
      const PATH = pathWith(folder, ['sh', 'cat', 'mktemp', 'rm'])
      const env = { ...readerEnv({ PATH }), TMPDIR: '/tmp' }
      const enough = join(folder, 'enough')
      const args = [...unprivileged, ...nodeArgs(tracer(staying(enough)))]
      const child = spawn(unshare, args, { cwd: ROOT, env })
      // A sample may miss what is short: the client stays until it has been seen.
      const lines = await printed(child, line => {
        if (/"lane":"state".*"end":"client"/.test(line)) writeFileSync(enough, '')
      })
      const lanes = Object.assign({}, ...lines.filter(line => !('lane' in line)))
      expect(lanes).toMatchObject({
        js: 'live',
        syscall: 'missing: needs strace (apt-get install strace)',
        packet: 'missing: needs tcpdump (apt-get install tcpdump)',
        state: 'sampled',
        why: expect.stringMatching(
          /^needs root \(sudo npm run trace -- 00\/test\); |^needs unshare /,
        ),
        tcp: expect.stringMatching(/^missing: needs (root|unshare) /),
        client: { code: 0, signal: null },
      })
      const steps = (lines as unknown as TraceEvent[]).filter(event => event.lane === 'state')
      const told = steps.map(({ end, from, to }) => `${end} ${from} ${to}`)
      expect(told).toContain('server CLOSED LISTEN')
      expect(told).toContain('client CLOSED ESTABLISHED')
    },
  )

  test.skipIf(!canBeUnprivileged || lacks.strace || lacks.tcpdump || !withSome)(
    'has system calls without root, and says that packets need it (needs root, to do without it)',
    async () => {
      const { folder } = programs
      const child = spawn(unshare, [...unprivileged, ...nodeArgs(tracer(staying(folder)))], {
        cwd: ROOT,
        env: { ...readerEnv(), TMPDIR: '/tmp' },
      })
      const lines = await printed(child)
      const lanes = Object.assign({}, ...lines.filter(line => !('lane' in line)))
      expect(lanes).toMatchObject({
        syscall: 'live',
        packet: expect.stringMatching(
          /^missing: needs root \(sudo npm run trace -- 00\/test\); tcpdump -i lo: /,
        ),
      })
      const calls = (lines as unknown as TraceEvent[]).filter(({ lane }) => lane === 'syscall')
      expect(calls.map(({ text }) => text)).toContainEqual(
        expect.stringMatching(/^read\(\d+, "bye", 65536\) = 3$/),
      )
    },
  )
})
