import { type ChildProcess, spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type CatalogueEntry, type Program, ROOT } from '#lib/catalogue/index.ts'
import { temporaryFolder } from '#lib/kernel/supervised.ts'
import { TYPESCRIPT_FLAGS } from '#lib/program/typescript.ts'
import type { End, JsEvent } from '#lib/trace/recording.ts'

/** How one program of an example ended. */
export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

/** How a run ended. `trouble` says in one line what went wrong, if anything did. */
export interface RunResult {
  server: Exit | undefined
  client: Exit | undefined
  trouble?: string
}

export interface RunOptions {
  /** Called for every event as it comes in: in order for each end, merged by the caller. */
  onEvent: (event: JsEvent) => void
  /** Ends the run early: both programs are stopped, and `runExample` returns when they are gone. */
  signal?: AbortSignal
  /** How long the client may take. */
  limitMs?: number
  /** Watches the two programs from outside. */
  observer?: Observer
}

/** Who watches the programs from outside, by running them in another command. */
export interface Observer {
  /** The command to run in the place of a program's own; may write on descriptor `OBSERVER_FD`. */
  wrap: (command: readonly string[]) => readonly string[]
  /** Called when a program has started; `output`: what comes from `OBSERVER_FD`. */
  onStart: (end: End, pid: number, output: Readable) => void
  /** Where the programs of a Unix example will meet. */
  onPath: (path: string) => void
}

/** The descriptor of the programs, or of what runs them, that an observer reads from. */
export const OBSERVER_FD = 5

const HOOK = new URL('./js-hook.ts', import.meta.url).href
const GRACE_MS = 2000

/**
 * Runs an example's server and client together, on a free port, with the JavaScript lane recorded.
 *
 * The client starts when the server says that it listens; the server is asked to stop when the
 * client has ended. Whatever happens, both are gone when the promise settles.
 */
export async function runExample(entry: CatalogueEntry, options: RunOptions): Promise<RunResult> {
  if (entry.example.transport !== 'unix') return runPrograms(entry, options)
  const folder = await temporaryFolder(tmpdir(), 'socket-kit-')
  const path = join(folder.path, 'example.sock')
  options.observer?.onPath(path)
  try {
    return await runPrograms(entry, options, path)
  } finally {
    await folder.end()
  }
}

async function runPrograms(
  { chapter, example }: CatalogueEntry,
  options: RunOptions,
  path?: string,
): Promise<RunResult> {
  const { signal } = options
  const start = (end: End, program: Program, port: string) => {
    const where = path === undefined ? ['--port', port] : ['--path', path]
    const file = join(ROOT, 'chapters', chapter.folder, program.file)
    return new Running(end, file, [...where, ...(program.args ?? [])], options)
  }

  const server = start('server', example.server, '0')
  let client: Running | undefined
  const stop = () => {
    client?.stop()
    server.stop()
  }
  const limitMs = options.limitMs ?? 60_000
  let timedOut = false
  const limit = setTimeout(() => {
    timedOut = true
    stop()
  }, limitMs)
  signal?.addEventListener('abort', stop)
  if (signal?.aborted) stop()

  try {
    const where = await server.listening
    if (where !== undefined && !signal?.aborted) {
      const port = /:(\d+)$/.exec(where)?.[1] ?? ''
      client = start('client', example.demo ?? example.client, port)
      await client.ended
    }
    server.stop()
    const result = { server: await server.ended, client: await client?.ended }
    if (timedOut) return { ...result, trouble: `stopped: still running after ${limitMs / 1000} s` }
    if (where === undefined)
      return { ...result, trouble: `the server did not start: ${server.said()}` }
    return result
  } finally {
    clearTimeout(limit)
    signal?.removeEventListener('abort', stop)
  }
}

/** One program of the example, as a child process. */
class Running {
  /** The rest of the line `listening …`, or undefined when the program ended without it. */
  readonly listening: Promise<string | undefined>
  /** Settles when the process has ended and everything that it recorded has been read. */
  readonly ended: Promise<Exit>
  readonly #child: ChildProcess
  #lastError = ''
  /** What we have sent it. */
  readonly #signals = new Set<NodeJS.Signals>()

  constructor(end: End, file: string, args: string[], { onEvent, observer }: RunOptions) {
    // A --import hook of our caller's (tsx) is not handed down in execArgv: name it.
    const own = [process.execPath, ...TYPESCRIPT_FLAGS, '--import', HOOK, file, ...args]
    const [command = '', ...rest] = observer?.wrap(own) ?? own
    const child: ChildProcess = spawn(command, rest, {
      cwd: ROOT,
      env: { ...process.env, KIT_TRACE_FD: '3', KIT_LIFELINE_FD: '4' },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', ...(observer ? ['pipe' as const] : [])],
    })
    this.#child = child
    if (observer && child.pid !== undefined) {
      const stdio: readonly unknown[] = child.stdio
      observer.onStart(end, child.pid, stdio[OBSERVER_FD] as Readable)
    }

    createInterface({ input: child.stdio[3] as Readable }).on('line', line => {
      onEvent({ end, ...JSON.parse(line) })
    })
    createInterface({ input: child.stderr! }).on('line', line => {
      // Of a stack trace, the line that names the error.
      if (this.#lastError === '' || /^\w*Error\b/.test(line)) this.#lastError = line
    })
    this.listening = new Promise(resolve => {
      createInterface({ input: child.stdout! }).on('line', line => {
        if (line.startsWith('listening ')) resolve(line.slice('listening '.length))
      })
      child.once('close', () => resolve(undefined))
    })
    this.ended = new Promise(resolve => {
      child.once('error', error => {
        this.#lastError = error.message
        resolve({ code: null, signal: null })
      })
      child.once('close', (code, signal) => {
        // One that dies at the moment at which we ask it to end has not died of that.
        const isOurs = signal === null ? this.#signals.size > 0 : this.#signals.has(signal)
        if (code !== 0 && !isOurs) {
          const how = signal ? `ended by ${signal}` : `exit code ${code}`
          const text = `${how}: ${this.said()}`
          onEvent({ tNs: Number(process.hrtime.bigint()), end, lane: 'js', event: 'exit', text })
        }
        resolve({ code, signal })
      })
    })
  }

  /** What the program wrote on its standard error, in one line. */
  said(): string {
    return this.#lastError || 'it said nothing'
  }

  /** Asks the program to end, and makes it end when it does not. */
  stop(): void {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#signal('SIGTERM')
    const timer = setTimeout(() => this.#signal('SIGKILL'), GRACE_MS)
    this.#child.once('close', () => clearTimeout(timer))
  }

  #signal(signal: NodeJS.Signals): void {
    this.#signals.add(signal)
    this.#child.kill(signal)
  }
}
