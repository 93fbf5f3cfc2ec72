/** The processes of the measurements over sockets: servers in Node and in Go, and the clients. */

import { type ChildProcess, execFile, fork, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { TYPESCRIPT_FLAGS } from '../../lib/program/typescript.ts'
import { randomText } from '../input.ts'
import type { Request } from './client.ts'
import type { Kind } from './kinds.ts'

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const root = fileURLToPath(new URL('../../', import.meta.url))
/** The compiler may have to build its own library first. */
const compileLimitMs = 300_000

/** Programs in Go, compiled into a folder that is gone when this process is. */
export class GoServers {
  readonly program: string
  readonly version: string
  readonly #folder: string
  #compiler: ChildProcess | null = null

  private constructor(folder: string, version: string) {
    this.#folder = folder
    this.program = join(folder, 'servers')
    this.version = version
  }

  /** Compiles the servers; `null` when there is no compiler. */
  static async build(): Promise<GoServers | null> {
    const run = promisify(execFile)
    let version: string
    try {
      version = (await run('go', ['env', 'GOVERSION'])).stdout.trim()
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
    const folder = await mkdtemp(join(tmpdir(), 'socket-bench-'))
    const built = new GoServers(folder, version)
    process.once('exit', built.#remove)
    const cache = { GOCACHE: join(folder, 'cache'), GOTMPDIR: folder }
    const env = { ...process.env, GO111MODULE: 'off', ...cache }
    try {
      const args = ['build', '-o', built.program, here('./servers.go')]
      await built.#compile(args, env)
    } catch (error) {
      built.remove()
      throw error
    }
    return built
  }

  /** Writes the text that the HTTP server answers with, and returns its path. */
  async body(bytes: number): Promise<string> {
    const path = join(this.#folder, `body-${bytes}`)
    await writeFile(path, randomText(bytes))
    return path
  }

  /** Runs the compiler in a process group of its own, which can be ended as a whole. */
  async #compile(args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
    const signal = AbortSignal.timeout(compileLimitMs)
    const child = spawn('go', args, { env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#compiler = child
    let errors = ''
    child.stderr.on('data', text => (errors += text))
    const [code] = (await once(child, 'close', { signal })) as [number | null]
    this.#compiler = null
    if (code !== 0) throw new Error(`go ${args.join(' ')} failed (${code}): ${errors.trim()}`)
  }

  readonly #remove = (): void => {
    const pid = this.#compiler?.pid
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
    // What the compiler was writing at that moment may still appear: then once more.
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }

  remove(): void {
    process.off('exit', this.#remove)
    this.#remove()
  }
}

/** A server that is listening. It ends when its stdin does, so it never outlives this process. */
export class ServerProcess {
  readonly pid: number
  readonly #child: ChildProcess
  readonly #lines: Interface
  #errors = ''
  port = 0

  private constructor(child: ChildProcess) {
    this.#child = child
    this.pid = child.pid!
    this.#lines = createInterface({ input: child.stdout! })
    child.stderr!.on('data', text => (this.#errors += text))
    child.stdin!.on('error', () => {}) // the server ended: its next answer says so
  }

  static async start(kind: Kind, bytes: number, go: GoServers | null): Promise<ServerProcess> {
    const inGo = kind.needs !== undefined
    const [program, args] = inGo
      ? [go!.program, [kind.id, `${bytes}`, await go!.body(bytes)]]
      : [process.execPath, [...nodeFlags, here('./server.ts'), kind.id, `${bytes}`]]
    const child = spawn(program, args, { cwd: root, stdio: 'pipe' })
    if (child.pid === undefined) throw ((await once(child, 'error')) as [Error])[0]
    const server = new ServerProcess(child)
    const line = await server.#answer()
    server.port = Number(/^listening (\d+)$/.exec(line)?.[1])
    if (!(server.port > 0)) throw new Error(`the server ${kind.id} printed '${line}'`)
    return server
  }

  /** Lets the server give back memory that it does not use. */
  async collect(): Promise<void> {
    const answer = this.#answer()
    this.#child.stdin!.write('collect\n')
    await answer
  }

  async #answer(): Promise<string> {
    const waiting = new AbortController()
    try {
      return await Promise.race([
        once(this.#lines, 'line', waiting).then(([line]) => line as string),
        once(this.#child, 'exit', waiting).then(([code, signal]) => {
          throw new Error(`a server ended early (${code ?? signal}): ${this.#errors.trim()}`)
        }),
      ])
    } finally {
      waiting.abort()
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill()
    await exit
  }
}

const nodeFlags = ['--no-deprecation', '--expose-gc', ...TYPESCRIPT_FLAGS]

/** The process that all clients are in. */
export class ClientProcess {
  readonly #child: ChildProcess

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(): Promise<ClientProcess> {
    const child = fork(here('./client.ts'), {
      cwd: root,
      execArgv: ['--no-deprecation', ...TYPESCRIPT_FLAGS],
    })
    const client = new ClientProcess(child)
    await client.#answer('the clients')
    return client
  }

  async ask<T>(request: Request): Promise<T> {
    this.#child.send(request)
    const name = 'kind' in request ? request.kind : request.ask
    return (await this.#answer(name)) as T
  }

  async #answer(name: string): Promise<unknown> {
    const waiting = new AbortController()
    try {
      const [message] = await Promise.race([
        once(this.#child, 'message', waiting),
        once(this.#child, 'exit', waiting).then(([code, signal]) => {
          throw new Error(`the process of the clients ended early (${code ?? signal})`)
        }),
      ])
      const { answer, error } = message as { answer: unknown; error?: string }
      if (error !== undefined) throw new Error(`${name}: ${error}`)
      return answer
    } finally {
      waiting.abort()
    }
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const exit = once(this.#child, 'exit')
    this.#child.kill()
    await exit
  }
}
