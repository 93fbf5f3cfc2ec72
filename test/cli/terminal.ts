import { execFileSync, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stripVTControlCharacters } from 'node:util'
import { Condition } from '#lib/workshop/condition.ts'
import { KIT } from '../support/kit-folder.ts'
import { nodeArguments } from '../support/scripts.ts'

const HELPER = fileURLToPath(new URL('./terminal.py', import.meta.url))

/** The python3 that can open a pseudo-terminal, if there is one: itself, not a script before it. */
const python = (() => {
  try {
    const program = 'import pty, termios, sys; pty.openpty(); print(sys.executable)'
    return execFileSync('python3', ['-c', program], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
})()

export const hasTerminal = python !== undefined

/** Whether the kernel tells who has which environment. */
export const hasProc = existsSync('/proc/self/environ')

/** What `npm start` runs. */
export const startCommand = (args: readonly string[]): [string, string[]] => [
  process.execPath,
  [...nodeArguments('start'), ...args],
]

/** The environment of a reader who has set nothing, and a mark by which all processes are found. */
export function readerEnv(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv & { KIT_MARK: string } {
  const { CI, NO_COLOR, FORCE_COLOR, COLUMNS, LINES, NODE_OPTIONS, ...rest } = process.env
  const inherited = Object.entries(rest).filter(
    ([name]) => !/^(npm_|VITEST|NODE_ENV|TEST)/.test(name),
  )
  return {
    ...Object.fromEntries(inherited),
    TERM: 'xterm-256color',
    ...more,
    KIT_MARK: randomUUID(),
  }
}

/** The command lines of all processes that carry a mark in their environment. */
export function processesWith(mark: string): { pid: number; command: string }[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(mark)) return []
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
        return [{ pid: Number(pid), command }]
      } catch {
        return [] // ended meanwhile
      }
    })
}

/** Of these, `npm start` itself and the programs that it runs. */
export const kitProcesses = (mark: string) =>
  processesWith(mark).filter(({ command }) =>
    /^\S*node .*(lib\/cli\/start|chapters\/.*)\.ts/.test(command),
  )

/** A command in a pseudo-terminal, as a reader sees and drives it. */
export class Terminal {
  readonly mark: string
  /** The exit code; 128 + signal where a signal ended the command. */
  readonly ended: Promise<number>
  /** Everything that was shown so far. */
  raw = ''
  readonly #child
  #hasEnded = false
  readonly #condition = new Condition()

  constructor(
    [program, args]: [string, string[]],
    { columns = 100, rows = 40, env = {} as NodeJS.ProcessEnv } = {},
  ) {
    const all = readerEnv(env)
    this.mark = all.KIT_MARK
    this.#child = spawn(python ?? 'python3', [HELPER, `${columns}`, `${rows}`, program, ...args], {
      cwd: KIT,
      env: all,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    this.#child.stdin.on('error', () => {}) // the command may end before it has read all
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.raw += text
      this.#condition.notify()
    })
    this.ended = new Promise(resolve => {
      this.#child.once('close', code => {
        this.#hasEnded = true
        this.#condition.notify()
        resolve(code ?? -1)
      })
    })
  }

  /** What was shown, without colours and movements of the cursor. */
  get text(): string {
    return stripVTControlCharacters(this.raw).replaceAll('\r', '')
  }

  /** Settles when the condition holds for what was shown; fails when the command has ended. */
  async waitFor(condition: (terminal: this) => boolean, what: string): Promise<void> {
    let holds = false
    await this.#condition.waitFor(() => {
      holds = condition(this)
      return holds || this.#hasEnded
    })
    if (!holds) throw new Error(`ended before ${what}:\n${this.text}`)
  }

  /** Settles when the text has been shown, after the first `from` characters. */
  shows(text: string, from = 0): Promise<void> {
    return this.waitFor(() => this.text.slice(from).includes(text), `it showed "${text}"`)
  }

  type(keys: string): void {
    this.#child.stdin.write(keys)
  }

  /** Ends the command, whatever it does. */
  kill(): void {
    for (const { pid } of processesWith(this.mark)) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
  }
}
