import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { type CatalogueEntry, type Program, ROOT } from '../catalogue/index.ts'
import type { End, JsEvent } from './recording.ts'

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
}

const HOOK = new URL('./js-hook.ts', import.meta.url).href
const GRACE_MS = 2000

/**
 * Runs an example's server and client together, on a free port, with the JavaScript lane recorded.
 *
 * The client starts when the server says that it listens; the server is asked to stop when the
 * client has ended. Whatever happens, both are gone when the promise settles.
 */
export async function runExample(entry: CatalogueEntry, options: RunOptions): Promise<RunResult> {
  const { chapter, example } = entry
  const folder = example.transport === 'unix' ? mkdtempSync(join(tmpdir(), 'socket-kit-')) : ''
  const start = (end: End, program: Program, args: string[]) =>
    new Running(end, join(ROOT, 'chapters', chapter.folder, program.file), args, options.onEvent)

  const unix = ['--path', join(folder, 'example.sock')]
  const server = start('server', example.server, [
    ...(folder ? unix : ['--port', '0']),
    ...(example.server.args ?? []),
  ])
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
  options.signal?.addEventListener('abort', stop)
  if (options.signal?.aborted) stop()

  try {
    const where = await server.listening
    if (where !== undefined && !options.signal?.aborted) {
      const port = /:(\d+)$/.exec(where)?.[1] ?? ''
      const program = example.demo ?? example.client
      client = start('client', program, [
        ...(folder ? unix : ['--port', port]),
        ...(program.args ?? []),
      ])
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
    options.signal?.removeEventListener('abort', stop)
    if (folder) rmSync(folder, { recursive: true, force: true })
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
  #stopped = false

  constructor(end: End, file: string, args: string[], onEvent: (event: JsEvent) => void) {
    // A --import hook of our caller's (tsx) is not handed down in execArgv: name it.
    const nodeArgs = ['--import', 'tsx', '--import', HOOK, file, ...args]
    const child = spawn(process.execPath, nodeArgs, {
      cwd: ROOT,
      env: { ...process.env, KIT_TRACE_FD: '3', KIT_LIFELINE_FD: '4' },
      stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe'],
    })
    this.#child = child

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
        if (code !== 0 && !this.#stopped) {
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
    this.#stopped = true
    this.#child.kill('SIGTERM')
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), GRACE_MS)
    this.#child.once('close', () => clearTimeout(timer))
  }
}
