import { execa } from 'execa'
import { expect } from 'vitest'
import { Condition } from '#lib/workshop/condition.ts'
import { KIT } from './kit-folder.ts'

/** How a program ended, with everything that it said. */
export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

export interface ProgramOptions {
  /** Text or bytes for standard input, which ends after them. `open`: the test writes to it. */
  input?: string | Uint8Array | 'open'
  env?: Record<string, string>
}

/** Longest wait for a line that a program is bound to print. */
const LINE_LIMIT_MS = 180_000

function spawn(file: string, args: readonly string[], { input, env }: ProgramOptions) {
  return execa(file, args, {
    cwd: KIT,
    reject: false,
    // A signal is all that a program gets: one that is slow to end, on a busy machine, is not killed.
    forceKillAfterDelay: false,
    buffer: false,
    encoding: 'buffer',
    stdin: input === undefined ? 'ignore' : 'pipe',
    ...(env && { env }),
  })
}

/** A program that a test has started, as a process of its own. */
export class Program {
  readonly name: string
  /** Settles when the process is gone and all of its output has been read. */
  readonly ended: Promise<Exit>
  readonly #child: ReturnType<typeof spawn>
  readonly #stdout: Buffer[] = []
  #text = ''
  #errors = ''
  #exit: Exit | undefined
  readonly #condition = new Condition()

  constructor(file: string, args: readonly string[], options: ProgramOptions = {}) {
    this.name = [file.split('/').at(-1), ...args].join(' ')
    const { input } = options
    const child = spawn(file, args, options)
    this.#child = child
    child.stdin?.on('error', () => {}) // a program may end before it has read everything
    if (input !== undefined && input !== 'open') child.stdin?.end(input)
    const utf8 = new TextDecoder()
    child.stdout.on('data', (chunk: Buffer) => {
      this.#stdout.push(chunk)
      this.#text += utf8.decode(chunk, { stream: true })
      this.#condition.notify()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString()
      this.#condition.notify()
    })
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', (code, signal) => {
        this.#exit = { code, signal, stdout: this.#text, stderr: this.#errors }
        resolve(this.#exit)
        this.#condition.notify()
      })
    })
    this.ended.catch(() => {})
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  get stdin() {
    return this.#child.stdin!
  }

  /** Standard output so far, as bytes. */
  get bytes(): Buffer {
    return Buffer.concat(this.#stdout)
  }

  /** Complete lines of standard output so far. */
  get lines(): string[] {
    return this.#text.split('\n').slice(0, -1)
  }

  get stderr(): string {
    return this.#errors
  }

  get running(): boolean {
    return this.#exit === undefined
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): void {
    this.#child.kill(signal)
  }

  /** Waits for a line on standard output; fails when the program ends without it. */
  async line(pattern: RegExp | string): Promise<string> {
    const fits = (line: string) =>
      typeof pattern === 'string' ? line.includes(pattern) : pattern.test(line)
    await this.waitFor(() => this.lines.some(fits), `a line with ${pattern}`)
    return this.lines.find(fits)!
  }

  /** Waits for a line on standard error; fails when the program ends without it. */
  async complaint(pattern: RegExp | string): Promise<string> {
    const fits = (line: string) =>
      typeof pattern === 'string' ? line.includes(pattern) : pattern.test(line)
    const find = () => this.stderr.split('\n').find(fits)
    await this.waitFor(() => find() !== undefined, `a line on stderr with ${pattern}`)
    return find()!
  }

  /** Waits until something about the output holds; fails when the program ends before. */
  async waitFor(holds: () => boolean, what: string): Promise<void> {
    const said = () => `${this.name}: no ${what}\nstdout: ${this.#text}\nstderr: ${this.#errors}`
    await this.#condition.waitFor(() => holds() || !this.running, LINE_LIMIT_MS)
    if (!holds()) throw new Error(said())
  }

  /** Ends the process for good. */
  async dispose(): Promise<void> {
    if (this.running) this.#child.kill('SIGKILL')
    await this.ended.catch(() => {})
  }
}

/** Asserts that a program has shown its reader words, and not the inside of Node. */
export function expectNoStack(text: string): void {
  expect(text).not.toMatch(/^\s+at |node:internal|node:events|Unhandled|^Node\.js v/m)
}
