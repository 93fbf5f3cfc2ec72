import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { availableParallelism, loadavg } from 'node:os'
import { readUdpTable } from '../lab/udp-table.ts'
import { Failed } from './failed.ts'

/** What is examined: a program that we start, or one that runs already. */
export interface SubjectOptions {
  /** The command line; absent for a server that somebody else has started. */
  command?: { shell: string } | { file: string; args: readonly string[] }
  /** Where it listens, or, for a client, where it connects to. */
  port: number
  /** Environment beside `PORT`. */
  env?: Record<string, string>
}

/** How long a server may take until it listens, in milliseconds. */
const START_MS = 10_000
/** The share of one core that a program uses at least when it never waits; others want some too. */
const BUSY = 0.5
/** How long a program may compute before it listens, in milliseconds. */
const COMPUTE_MS = 5000
const STDERR_CHARACTERS = 4000

/** The program under examination. */
export class Subject {
  readonly port: number
  readonly #child: ChildProcess | undefined
  readonly #startMs = performance.now()
  #startTicks = 0
  #exit: { code: number | null; signal: NodeJS.Signals | null } | undefined
  #stdout = ''
  #stderr = ''
  #changed: (() => void)[] = []

  constructor({ command, port, env = {} }: SubjectOptions) {
    this.port = port
    if (command === undefined) return
    const options = {
      env: { ...process.env, ...env, PORT: String(port), HOST: '127.0.0.1' },
      stdio: ['pipe', 'pipe', 'pipe'] as ['pipe', 'pipe', 'pipe'],
      // A group of its own: what it starts is ended with it.
      detached: process.platform !== 'win32',
    }
    const child =
      'shell' in command
        ? spawn(inPlaceOfShell(command.shell), { ...options, shell: true })
        : spawn(command.file, [...command.args], options)
    this.#child = child
    child.stdin.on('error', () => {})
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text
      this.#tell()
    })
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS)
    })
    child.once('error', error => {
      this.#stderr += error.message
      this.#exit = { code: 127, signal: null }
      this.#tell()
    })
    child.once('close', (code, signal) => {
      this.#exit ??= { code, signal }
      this.#tell()
    })
  }

  get running(): boolean {
    return this.#child === undefined || this.#exit === undefined
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  get exitCode(): number | null | undefined {
    return this.#exit?.code
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** True where the program is ours: it can be sent signals, and its memory can be looked at. */
  get isOurs(): boolean {
    return this.#child !== undefined
  }

  /** Lines of standard output so far. */
  get lines(): string[] {
    return this.#stdout.split('\n').slice(0, -1)
  }

  write(text: string): void {
    this.#child?.stdin?.write(text)
  }

  endInput(): void {
    this.#child?.stdin?.end()
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name)
  }

  /** Settles when something about its output or its life holds; false when the time is over. */
  async until(holds: () => boolean, ms: number): Promise<boolean> {
    const end = performance.now() + ms
    while (!holds()) {
      const left = end - performance.now()
      if (left <= 0) return false
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>(resolve => {
        timer = setTimeout(resolve, left)
        this.#changed.push(resolve)
      })
      clearTimeout(timer)
    }
    return true
  }

  /**
   * Waits until a server takes connections, or datagrams.
   *
   * @throws {Failed} when it ends before, or does not listen in time.
   */
  async listening(kind: 'tcp' | 'udp'): Promise<void> {
    const end = performance.now() + START_MS
    while (performance.now() < end) {
      if (!this.running) throw new Failed({ what: this.fate() })
      if (performance.now() - this.#startMs > COMPUTE_MS && this.computes()) {
        throw new Failed({
          what: `the program computes without a pause, and was ended after ${COMPUTE_MS / 1000} s`,
          mistake: 'an endless loop: while it runs, Node can neither listen nor read',
        })
      }
      if (await (kind === 'tcp' ? takesConnection(this.port) : this.#takesDatagrams())) return
      await this.until(() => !this.running, 25)
    }
    const transport = kind === 'tcp' ? 'TCP' : 'UDP'
    throw new Failed({
      what: `nothing listens on ${transport} port ${this.port} of 127.0.0.1 after ${START_MS / 1000} s (${this.condition()})`,
      mistake: 'the program does not listen on the port that is in the environment variable PORT',
    })
  }

  /** What has become of the program, in words. */
  fate(): string {
    if (this.#child === undefined) return 'it was not started by this check'
    if (this.#exit === undefined) return 'the program still runs'
    const { code, signal } = this.#exit
    const how = signal
      ? `the program was ended by ${signal}`
      : `the program has ended with code ${code}`
    const why = complaint(this.#stderr)
    return why === '' ? how : `${how}: ${why}`
  }

  /** What it is doing now, in words. */
  condition(): string {
    if (this.#child === undefined) return 'the server says nothing more'
    if (!this.running) return this.fate()
    if (this.computes()) return 'the program computes without a pause: an endless loop?'
    return 'the program runs and waits'
  }

  /** True when the program has used a core nearly alone since it started to be looked at. */
  computes(): boolean {
    const { pid } = this
    if (pid === undefined || !this.running || process.platform !== 'linux') return false
    try {
      // utime and stime are fields 14 and 15, in ticks of 10 ms; the name may have spaces.
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ')
      const ticks = Number(stat[11]) + Number(stat[12])
      const elapsed = performance.now() - this.#startMs
      // Where many want the cores, one that never waits gets its share of them and no more.
      const share = Math.min(BUSY, (0.6 * availableParallelism()) / Math.max(1, loadavg()[0]!))
      return (ticks - this.#startTicks) * 10 > share * elapsed && elapsed > 1000
    } catch {
      return false
    }
  }

  /** Ends the program, and all that it has started, for good. */
  async end(): Promise<void> {
    const child = this.#child
    if (child?.pid === undefined) return
    try {
      process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL')
    } catch {
      // gone already
    }
    await this.until(() => !this.running, 5000)
  }

  /**
   * Linux is asked, and the program is not disturbed: there are programs that an empty datagram ends.
   * A port that another host or container has is tried.
   */
  async #takesDatagrams(): Promise<boolean> {
    if (process.platform === 'linux') {
      const rows = readUdpTable()
      if (rows.some(row => row.localPort === this.port && row.remotePort === 0)) return true
      if (this.isOurs) return false
    }
    return hearsDatagrams(this.port)
  }

  #tell(): void {
    for (const resolve of this.#changed.splice(0)) resolve()
  }
}

/**
 * A simple command takes the place of its shell, so that it gets the signals itself, and its exit
 * code is ours. Not every shell does that without being told. Others stay as they are.
 */
function inPlaceOfShell(command: string): string {
  const simple = /^[\w./~+-]+(\s[^\n;&|<>()`$]*)?$/.test(command.trim())
  const builtin = /^\s*(exec|cd|export|set|source|if|for|while|until|case)\b/.test(command)
  return simple && !builtin && process.platform !== 'win32' ? `exec ${command}` : command
}

/** The line of what a program complained about that says most: the error, not the stack. */
export function complaint(stderr: string): string {
  const lines = stderr.split('\n').filter(line => line.trim() !== '')
  // A file that does not compile: where, and what the compiler expects.
  const compiler = lines.find(line => /:\d+:\d+: ERROR: /.test(line))
  const error = lines.find(line => /^\s*(\w*Error|Uncaught|error)\b.*:/.test(line))
  return (compiler ?? error ?? lines.at(-1) ?? '').trim().slice(0, 300)
}

async function takesConnection(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    socket.on('error', () => {})
    // Closed politely: some servers make much of a reset.
    socket.resume().end()
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
