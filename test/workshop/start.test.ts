import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished } from 'vitest'
import { loadExercises } from '#lib/workshop/load-exercises.ts'
import { has, Kit, onLinux, test } from '../support/kit.ts'
import { KIT } from '../support/kit-folder.ts'
import { withSome } from '../support/slow.ts'

const CHECK = ['--import', 'tsx', 'lib/cli/check.ts']

/** `npm run check`, without npm. */
const check = (kit: Kit, args: readonly string[], env: Record<string, string> = {}) =>
  kit.program(process.execPath, [...CHECK, ...args], { env })

/** A program for Node, as a file in a folder of its own. */
function program(kit: Kit, source: string): string {
  const file = join(kit.folder(), 'program.cjs')
  writeFileSync(file, source)
  return file
}

/** Checks a program that is given a few seconds to start. */
async function startOf(kit: Kit, source: string, exercise = 'hello'): Promise<string> {
  const command = `${process.execPath} ${program(kit, source)}`
  const { code, stdout, stderr } = await check(kit, [
    ...[exercise, '--command', command, '--start-timeout', '4'],
  ]).ended
  expect({ code, stderr }).toEqual({ code: 1, stderr: '' })
  return stdout.slice(stdout.indexOf('What happened:'))
}

const listens = (how: string) =>
  `require('node:net').createServer(s => s.on('error', () => {})).listen(${how})`

describe.skipIf(!onLinux).concurrent('a program that does not listen (needs Linux)', () => {
  test('is said to listen on another port', async ({ kit }) => {
    const said = await startOf(kit, `${listens("0, '127.0.0.1'")}; process.stdin.resume()`)
    expect(said).toMatch(
      /after 4 s \(the program runs and waits\): it listens on 127\.0\.0\.1:\d+\./,
    )
    expect(said).toContain('A likely mistake: the port is in the environment variable PORT')
  })

  test('is said to listen on another address', async ({ kit }) => {
    const said = await startOf(kit, listens("process.env.PORT, '127.0.0.2'"))
    expect(said).toMatch(/: it listens on 127\.0\.0\.2:\d+ only\./)
    expect(said).toContain('A likely mistake: the check connects to 127.0.0.1')
  })

  test.runIf(withSome)('is said to listen on ::1 only', async ({ kit, skip }) => {
    if (!readFileSync('/proc/net/dev_snmp6/lo', 'utf8')) skip('needs IPv6')
    const said = await startOf(kit, listens("process.env.PORT, '::1'"))
    expect(said).toMatch(/: it listens on \[::1\]:\d+ only\./)
    expect(said).toContain('A likely mistake: ::1 is the loopback address of IPv6')
  })

  test.runIf(withSome)('is said to have a UDP socket where TCP is meant', async ({ kit }) => {
    const source = "require('node:dgram').createSocket('udp4').bind(0, '127.0.0.1')"
    const said = await startOf(kit, source)
    expect(said).toMatch(/: it has a UDP socket, on 127\.0\.0\.1:\d+, and none for TCP\./)
  })

  test.runIf(withSome)(
    'is said to compute still, and gets the time that is asked for',
    async ({ kit }) => {
      // As a compiler does, in a process of its own.
      const compiled = (ms: number) => {
        const work = `const end = performance.now() + ${ms}; while (performance.now() < end);`
        const source = `
        require('node:child_process').spawn(process.execPath, ['-e', ${JSON.stringify(work)}])
          .on('exit', () => ${listens("process.env.PORT, '127.0.0.1'")})`
        return ['hello', '--command', `${process.execPath} ${program(kit, source)}`]
      }
      const [short, long] = await Promise.all([
        check(kit, [...compiled(600_000), '--start-timeout', '4']).ended,
        check(kit, [...compiled(5000), '--start-timeout', '60']).ended,
      ])
      expect(short.stdout).toMatch(/it has opened no socket yet; \S+ has computed for [\d.]+ s\./)
      expect(short.stdout).toContain('A likely mistake: it is still being compiled or started')
      // It listens after 5 seconds, and is examined: it says nothing to its client.
      expect(long.stdout).not.toContain('nothing listens')
    },
  )
})

test('a server that runs on ::1 only is told so', async ({ kit, skip }) => {
  const source = `${listens("0, '::1', function () { console.log(this.address().port) }")}`
  const server = kit.program(process.execPath, ['-e', source])
  const port = await server.line(/^\d+$/).catch(() => skip('needs IPv6'))
  const { stdout, code } = await check(kit, ['hello', '--port', String(port)]).ended
  expect(code).toBe(1)
  expect(stdout).toContain(
    `What happened: nothing listens on TCP port ${port} of 127.0.0.1: it listens on [::1]:${port} only.`,
  )
})

/** The first step shows that the check has found it. */
const GREETER = `require('node:net').createServer(socket => {
  socket.on('error', () => {})
  socket.end('another greeting\\n')
}).listen(process.env.PORT, '127.0.0.1')`

// `subset=pid`: what some containers have. Without any: the table of sockets is missing as well.
test.skipIf(!has('unshare') || process.getuid?.() !== 0 || !withSome).each([
  ['proc -o subset=pid', 'it listens on 127\\.0\\.0\\.1:\\d+\\.'],
  ['tmpfs', 'the table of sockets cannot be read: /proc/\\S*net/tcp ENOENT\\.'],
])(
  'with %s for /proc a check connects instead, and says what it could see (needs root)',
  async (type, finding) => {
    const kit = new Kit()
    onTestFinished(() => kit.dispose())
    const shell = `mount -t ${type} none /proc || exit 99; exec "$@"`
    const run = (source: string) =>
      kit.program('unshare', [
        ...['-m', 'sh', '-c', shell, 'sh', process.execPath, ...CHECK, 'hello'],
        ...['--command', `${process.execPath} ${program(kit, source)}`, '--start-timeout', '5'],
      ]).ended
    const [good, other] = await Promise.all([run(GREETER), run(listens("0, '127.0.0.1'"))])
    expect(good.stderr + other.stderr).toBe('')
    expect(good.stdout).toContain('another greeting')
    expect(other.stdout).toMatch(new RegExp(`: ${finding}`))
  },
)

test.skipIf(!has('python3'))(
  'what a Python program prints is shown, though it is killed (needs python3)',
  async ({ kit }) => {
    const file = join(kit.folder(), 'silent.py')
    writeFileSync(file, "import time\nprint('about to wait')\ntime.sleep(1000)\n")
    const args = ['hello', '--command', `python3 ${file}`, '--start-timeout', '3']
    const { stdout } = await check(kit, args).ended
    expect(stdout).toContain('The program printed:\n  about to wait')
  },
)

test('a command is run where the reader stands', async ({ kit }) => {
  const folder = kit.folder()
  writeFileSync(join(folder, 'mine.cjs'), "console.log('found'); process.exit(3)")
  const { stdout } = await check(kit, ['hello', '--command', 'node mine.cjs'], {
    INIT_CWD: folder,
    npm_lifecycle_script: 'exec node --import tsx lib/cli/check.ts',
  }).ended
  expect(stdout).toContain('the program has ended with code 3')
  expect(stdout).toContain('The program printed:\n  found')
})

/** Processes with such a word in their environment. */
async function marked(word: string): Promise<string[]> {
  const child = spawn('sh', ['-c', `grep -lsF '${word}' /proc/[0-9]*/environ; true`])
  let text = ''
  child.stdout.on('data', chunk => {
    text += chunk
  })
  await once(child, 'close')
  return text.split('\n').filter(Boolean)
}

test.skipIf(!has('setsid') || !onLinux || !withSome)(
  'a SIGKILL of the check leaves none of the programs, wherever they went (needs Linux, setsid)',
  async ({ kit }) => {
    const folder = kit.folder()
    symlinkSync(process.execPath, join(folder, 'node'))
    mkdirSync(join(folder, 'work'))
    const word = `KIT_TEST_MARK=${folder}`
    const forever = `${folder}/node -e 'setInterval(() => {}, 1000)'`
    // One beside it, one in a session of its own, and itself: for the first step, and for each alongside.
    const script = `${forever} & setsid ${forever} & echo started; ${forever}; true`
    const run = kit.program('env', [
      ...['-C', KIT, process.execPath, ...CHECK, 'hello', '--command', `export ${word}; ${script}`],
      // None of them listens: until all have started, the check must not give up.
      ...['--start-timeout', '120'],
    ])
    const hello = (await loadExercises()).find(({ exercise }) => exercise.id === 'hello')!
    const begun = 1 + hello.exercise.steps.filter(({ alongside }) => alongside).length
    const started = async () => (await marked(word)).length
    await expect.poll(started, { timeout: 60_000 }).toBe(3 * begun)
    run.kill('SIGKILL')
    await run.ended
    await expect.poll(() => marked(word), { timeout: 30_000 }).toEqual([])
  },
)
