import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect } from 'node:net'
import { cpus } from 'node:os'
import { isListening } from '#lib/kernel/tcp-table.ts'
import { readUdpTable } from '#lib/kernel/udp-table.ts'
import { CheckFailed } from './check-failed.ts'
import { Condition } from './condition.ts'
import { explainMissingListener } from './missing-listener.ts'
import { processesOf } from './process-group.ts'
import { MARK, reportGroup, startReaper } from './reaper.ts'
import { SocketTablePoll } from './socket-table-poll.ts'
import { Delays, type Stopwatch } from './stopwatch.ts'

/** A program that the check starts, or a server that runs already. */
export interface ProgramUnderTestOptions {
  /** The command line; absent for a server that the check did not start. */
  command?: { shell: string; folder?: string } | { file: string; args: readonly string[] }
  /** Where it listens, or, for a client, where it connects to. */
  port: number
  /** How long a server may take until it listens; 10 s by default. */
  startMs?: number | undefined
}

/** How long a server may take until it listens, in milliseconds. */
const START_MS = 10_000
/** The share of the time in which it may run that a program uses at least when it never waits. */
const BUSY = 0.5
/** Less computing than this is no endless loop, in milliseconds of processor time. */
const LEAST_BUSY_MS = 1000
/** How long a program may compute before it listens or connects, in ms of processor time. */
const COMPUTE_MS = 5000
/** How long a program may take to end when its connection is gone, in milliseconds. */
const END_MS = 1000
/** How often to look whether a program listens, and how often to read the kernel's table for it, in milliseconds. */
const LOOK_MS = 25
const READ_MS = 250
/** How much of a program's output is kept: the end. */
const OUTPUT_CHARACTERS = 65_536
/** How many lines of it are shown. */
const OUTPUT_LINES = 10

/** Python keeps what it prints in a buffer where no terminal reads it, and loses that when killed. */
const OUTPUT_AT_ONCE = { PYTHONUNBUFFERED: '1' }

const LOOP = 'an endless loop: while it runs, Node can neither listen nor read'
export const NO_LISTENER = 'a socket without an error listener: one reset ends the whole server'

/** Programs that run. Each leads a group of its own, so that a Ctrl-C of ours does not reach it. */
const programs = new Set<ChildProcess>()
process.on('exit', () => {
  for (const program of programs) signalGroup(program, 'SIGKILL')
})

/** Signals a program, and all that it has started. */
function signalGroup(program: ChildProcess, signal: NodeJS.Signals): void {
  if (program.pid === undefined) return
  try {
    if (process.platform === 'win32') program.kill(signal)
    else process.kill(-program.pid, signal)
  } catch {
    // gone already
  }
}

/** The program that a check judges. */
export class ProgramUnderTest {
  readonly port: number
  /** How the machine delays it, and us. */
  readonly delays: Delays
  readonly #startMs: number
  /** How long it may compute before it listens or connects. */
  readonly #computeMs: number
  readonly #child: ChildProcess | undefined
  /** Since when its computing is counted, and how much there was before. */
  #since: Stopwatch
  #before = 0
  readonly #bornMs = performance.now()
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined
  #stdout = ''
  #stderr = ''
  #output = ''
  readonly #condition = new Condition()

  constructor({ command, port, startMs }: ProgramUnderTestOptions) {
    this.port = port
    this.#startMs = startMs ?? START_MS
    // Time to start is asked for a compiler, which computes all of that time.
    this.#computeMs = startMs === undefined ? COMPUTE_MS : Number.POSITIVE_INFINITY
    this.#child = command === undefined ? undefined : this.#start(command)
    this.delays = new Delays(this.#child?.pid)
    this.#since = this.delays.startRoughly()
  }

  #start(command: NonNullable<ProgramUnderTestOptions['command']>): ChildProcess {
    startReaper()
    const options = {
      env: {
        ...process.env,
        ...OUTPUT_AT_ONCE,
        PORT: String(this.port),
        HOST: '127.0.0.1',
        [MARK.name]: MARK.value,
      },
      stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'],
      // A group of its own: what it starts is ended with it.
      detached: process.platform !== 'win32',
    }
    const child =
      'shell' in command
        ? spawn(inPlaceOfShell(command.shell), { ...options, shell: true, cwd: command.folder })
        : spawn(command.file, [...command.args], options)
    programs.add(child)
    if (child.pid !== undefined) reportGroup('+', child.pid)
    child.stdin.on('error', () => {})
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout = (this.#stdout + text).slice(-OUTPUT_CHARACTERS)
      this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS)
      this.#condition.notify()
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-OUTPUT_CHARACTERS)
      this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS)
    })
    child.once('error', error => {
      this.#stderr += error.message
      this.#exit = { code: 127, signal: null }
      this.#condition.notify()
    })
    child.once('exit', () => {
      programs.delete(child)
      this.delays.programEnded()
    })
    child.once('close', (code, signal) => {
      this.#exit ??= { code, signal }
      this.#condition.notify()
    })
    return child
  }

  get isRunning(): boolean {
    return this.#child === undefined || this.#exit === undefined
  }

  /** Leads the processes that are examined; undefined where the check did not start them. */
  get pid(): number | undefined {
    return this.#child?.pid
  }

  get exitCode(): number | null | undefined {
    return this.#exit?.code
  }

  /** True where the program is ours: it can be sent signals, and asked how it is. */
  get isOurs(): boolean {
    return this.#child !== undefined
  }

  /** The last lines that it printed, without what Node prints of a crash: `describeEnd()` does that. */
  get printed(): string {
    const lines = this.#output.replaceAll(CRASH, '').trimEnd().split('\n')
    const shown = lines.slice(-OUTPUT_LINES).map(line => line.slice(0, 200))
    return shown.join('\n').trimStart()
  }

  /** Lines of standard output so far. */
  get lines(): string[] {
    return this.#stdout.split('\n').slice(0, -1)
  }

  /** Signals the program, and what it has started: a shell may stand between it and us. */
  signal(name: NodeJS.Signals): void {
    if (this.#child && this.isRunning) signalGroup(this.#child, name)
  }

  /** Settles when something about its output or its life holds; false when the time is over. */
  waitFor(holds: () => boolean, ms: number): Promise<boolean> {
    return this.#condition.waitFor(holds, ms)
  }

  /**
   * Waits for something that the program should do within a limit, and longer where it, or this
   * process, did not get a processor meanwhile. Returns whether it has happened.
   *
   * @param wait Waits for so many milliseconds at most, and returns whether it has happened.
   * @throws {Inconclusive} when the machine does not let us find out.
   */
  within(ms: number, wait: (ms: number) => Promise<boolean>): Promise<boolean> {
    return this.delays.startRoughly().happensWithin(ms, wait)
  }

  /**
   * Waits until a server takes connections, or datagrams.
   *
   * @throws {CheckFailed} when it ends before, or does not listen in time.
   */
  async waitUntilListening(kind: 'tcp' | 'udp'): Promise<void> {
    const transport = kind === 'tcp' ? 'TCP' : 'UDP'
    const since = this.delays.startRoughly()
    const table = new SocketTablePoll(READ_MS)
    const takes = () => (kind === 'tcp' ? this.#takesConnections() : this.#takesDatagrams())
    while (!since.isOver(this.#startMs)) {
      if (!this.isRunning) {
        // One that has come to its end in peace; others say why they have not.
        const likelyCause = this.refineCause(
          this.exitCode === 0 ? 'nothing keeps it alive: a server that listens does' : undefined,
        )
        throw new CheckFailed({
          what: this.describeEnd(),
          ...(likelyCause !== undefined && { likelyCause }),
        })
      }
      this.failIfComputing()
      if (await table.poll(takes)) {
        this.#since = this.delays.startRoughly()
        this.#before = this.#computedMs()
        return
      }
      if (!this.isOurs) {
        const found = explainMissingListener({ transport, port: this.port })
        throw new CheckFailed({
          what: withFinding(
            `nothing listens on ${transport} port ${this.port} of 127.0.0.1`,
            found,
          ),
          likelyCause:
            found?.likelyCause ??
            'the server is not running, or listens on another port or address',
        })
      }
      await this.waitFor(() => !this.isRunning, LOOK_MS)
    }
    const found = explainMissingListener({ transport, port: this.port, group: this.pid })
    const nothing =
      `nothing listens on ${transport} port ${this.port} of 127.0.0.1 ` +
      `after ${this.#startMs / 1000} s (${this.describeState()})`
    throw new CheckFailed({
      what: withFinding(nothing, found),
      likelyCause:
        found?.likelyCause ??
        'the program does not listen on the port that is in the environment variable PORT',
    })
  }

  /**
   * For a program that should have begun by now.
   *
   * @throws {CheckFailed} when it only computes.
   */
  failIfComputing(): void {
    // It cannot have computed for longer than all processors together: most need not be asked.
    if (cpus().length * (performance.now() - this.#bornMs) < this.#computeMs) return
    if (this.#computedMs() < this.#computeMs || !this.isComputing()) return
    const seconds = this.#computeMs / 1000
    const what = `the program computes without a pause, and was ended after ${seconds} s`
    throw new CheckFailed({
      what,
      likelyCause: `${LOOP}; for a compiler, --start-timeout gives it longer`,
    })
  }

  /** True where the program has ended, or does so within a moment: a connection goes before it. */
  async hasEnded(ms = END_MS): Promise<boolean> {
    return this.isOurs && (await this.within(ms, each => this.waitFor(() => !this.isRunning, each)))
  }

  /** The likely cause that the state of the program shows; where it shows none, the one given. */
  refineCause(likelyCause: string | undefined): string | undefined {
    if (!this.isOurs) return likelyCause
    if (this.isRunning) return this.isComputing() ? LOOP : likelyCause
    if (this.exitCode === 127) return 'the command was not found: look at its name'
    const why = mainError(this.#stderr)
    if (this.exitCode === 0 || why === '') return likelyCause
    if (NOT_THERE.test(why))
      return 'there is no such file or package: look at its name and its path'
    if (COMPILER.test(why)) return 'the file does not compile'
    if (/\b(ECONNRESET|EPIPE)\b/.test(why)) return NO_LISTENER
    // These say themselves what is wrong.
    return /^(Type|Reference|Syntax)Error\b/.test(why) ? undefined : likelyCause
  }

  /** What has become of the program, in words. */
  describeEnd(): string {
    if (this.#child === undefined) return 'the server does not listen any more'
    if (this.#exit === undefined) return 'the program still runs'
    const { code, signal } = this.#exit
    const how = signal
      ? `the program was ended by ${signal}`
      : `the program has ended with code ${code}`
    const why = mainError(this.#stderr)
    return why === '' ? how : `${how}: ${why}`
  }

  /** What it is doing now, in words. */
  describeState(): string {
    if (this.#child === undefined) return 'the server was not started by this check'
    if (!this.isRunning) return this.describeEnd()
    if (this.isComputing()) return 'the program computes without a pause'
    return 'the program runs and waits'
  }

  /** True when the program has used a core nearly alone since it started to be looked at. */
  isComputing(): boolean {
    if (!this.isRunning) return false
    // Where many want the cores, one that never waits gets its share of them and no more.
    const { leastMs } = this.#since.read()
    return this.#computedMs() - this.#before > Math.max(LEAST_BUSY_MS, BUSY * leastMs)
  }

  /** Processor time of the program and of what it has started, in milliseconds; 0 where unknown. */
  #computedMs(): number {
    return processesOf(this.pid).reduce((sum, { computedMs }) => sum + computedMs, 0)
  }

  /** Memory of the program and of what it has started, in pages of the machine; 0 where unknown. */
  get residentPages(): number {
    return processesOf(this.pid).reduce((sum, { residentPages }) => sum + residentPages, 0)
  }

  /** Ends the program, and all that it has started, for good. */
  async end(): Promise<void> {
    const child = this.#child
    this.delays.close()
    if (child?.pid === undefined) return
    signalGroup(child, 'SIGKILL')
    reportGroup('-', child.pid)
    await this.waitFor(() => !this.isRunning, 5000)
  }

  /**
   * Linux is asked, and the program is not disturbed: a connection of ours would be one more that it
   * tells its author of. Elsewhere, and where the port may be another machine's, one is tried.
   */
  async #takesConnections(): Promise<boolean> {
    const listens = this.isOurs ? fromTable(() => isListening(this.port)) : undefined
    return listens ?? takesConnection(this.port)
  }

  /**
   * Linux is asked, and the program is not disturbed: there are programs that an empty datagram ends.
   * A port that another host or container has is tried.
   */
  async #takesDatagrams(): Promise<boolean> {
    const bound = fromTable(() =>
      readUdpTable().some(row => row.localPort === this.port && row.remotePort === 0),
    )
    if (bound === true || (bound === false && this.isOurs)) return bound
    return hearsDatagrams(this.port)
  }
}

/**
 * A simple command takes the place of its shell, so that its exit code and signal are ours: not
 * every shell does that without being told. With others the shell outlives the signals that we send
 * to both, and passes the exit code on.
 */
function inPlaceOfShell(command: string): string {
  const simple = /^[\w./~+-]+(\s[^\n;&|<>()`$]*)?$/.test(command.trim())
  const builtin = /^\s*(exec|cd|export|set|source|if|for|while|until|case)\b/.test(command)
  if (process.platform === 'win32') return command
  return simple && !builtin ? `exec ${command}` : `trap : TERM INT HUP\n${command}`
}

/** What Node prints of an exception that nobody caught: from the place to its version. */
const CRASH = /^(file:|node:|\/|[A-Z]:\\).*:\d+\n[\s\S]*?\n\nNode\.js v[\d.]+\n/gm

/** How esbuild and C compilers begin what they say. */
const COMPILER = /:\d+:\d+: (ERROR|error): |: fatal error: /
const NOT_THERE =
  /\b(Cannot find (module|package)|ModuleNotFoundError|ENOENT|No such file or directory)\b/

/** The line of what a program complained about that says most, and where: not the whole stack. */
function mainError(stderr: string): string {
  const lines = stderr.split('\n').filter(line => line.trim() !== '' && !/^Node\.js v\d/.test(line))
  // A file that does not compile: where, and what the compiler expects.
  const compiler = lines.find(line => COMPILER.test(line))
  const error = lines.find(line => /^\s*(\w*Error|Uncaught|error)\b.*:/.test(line))
  const said = compiler ?? error ?? lines.at(-1) ?? ''
  const what = said.trim().replace(/\.$/, '').slice(0, 300)
  // The first line of the stack that is the program's own.
  const place = lines.find(
    line => /^\s+at .*:\d+:\d+\)?$/.test(line) && !/\(?node:|node_modules/.test(line),
  )
  const [, file, at] = /([^/(\s]+):(\d+):\d+\)?$/.exec(place ?? '') ?? []
  // A broken connection has no place in the program that would say more.
  const isPlain = compiler !== undefined || /\b(read|write) E[A-Z]+$/.test(what)
  return isPlain || file === undefined ? what : `${what} (${file}, line ${at})`
}

/** What a table of the kernel says; undefined where there is none, or it may not be read. */
function fromTable(ask: () => boolean): boolean | undefined {
  if (process.platform !== 'linux') return undefined
  try {
    return ask()
  } catch {
    return undefined
  }
}

const withFinding = (what: string, found: { what: string } | undefined): string =>
  found === undefined ? what : `${what}: ${found.what}`

async function takesConnection(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.on('error', () => {})
    // Closed politely: some servers make much of a reset.
    socket.resume().end()
    socket.unref() // some never end
    return true
  } catch {
    return false
  }
}

/** A connected socket is told when nobody listens. That nobody complains for a while is the sign. */
async function hearsDatagrams(port: number): Promise<boolean> {
  const probe = createSocket('udp4')
  try {
    probe.connect(port, '127.0.0.1')
    await once(probe, 'connect')
    const refused = once(probe, 'error').then(() => true)
    refused.catch(() => {})
    await new Promise(done => probe.send('', done))
    const quiet = new Promise<boolean>(done => setTimeout(() => done(false), 100))
    return !(await Promise.race([refused, quiet]))
  } finally {
    probe.close()
  }
}
