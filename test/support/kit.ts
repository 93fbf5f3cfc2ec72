import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, createServer, type NetConnectOpts } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test as base, expect, inject } from 'vitest'
import {
  type CatalogueEntry,
  entriesOf,
  loadChapters,
  type Role,
  scriptName,
} from '#lib/catalogue/index.ts'
import { type Exit, Program, type ProgramOptions } from './program.ts'
import { nodeArguments } from './scripts.ts'
import { TcpPeer } from './tcp-peer.ts'
import { UdpPeer } from './udp-peer.ts'

export const entries = entriesOf(await loadChapters())

/** Where the programs are as JavaScript; undefined in projects that do without. */
const compiled: string | undefined = inject('compiled')

/**
 * What `npm run <script>` executes, word by word, with the Node that runs the tests. Where there is a
 * compiled program, it takes the place of `--import tsx` and the source.
 */
export function commandOf(script: string): [file: string, ...args: string[]] {
  const args = nodeArguments(script)
  const [flag, loader, program, ...rest] = args
  if (compiled === undefined || flag !== '--import' || loader !== 'tsx' || !program) {
    return [process.execPath, ...args]
  }
  const path = join(compiled, program.replace(/\.ts$/, '.js'))
  return existsSync(path) ? [process.execPath, path, ...rest] : [process.execPath, ...args]
}

export function entryOf(id: string): CatalogueEntry {
  const entry = entries.find(entry => entry.id === id)
  if (!entry) throw new Error(`the catalogue has no example ${id}`)
  return entry
}

/** Whether the server goes on whatever its clients do. The others show what makes them end. */
export const survives = ({ example: { server } }: CatalogueEntry): boolean =>
  server.ends === undefined || server.ends === 'as its args say'

/** Whether a tool is installed, for tests that need one. */
export function has(tool: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some(folder => existsSync(join(folder, tool)))
}

/** Kernel tables are read from /proc, which only Linux has. */
export const onLinux = process.platform === 'linux'

/** How Node itself is started. */
export interface NodeOptions {
  node?: readonly string[]
  env?: Record<string, string>
}

/** A server of the catalogue that listens. */
export class Server extends Program {
  readonly entry: CatalogueEntry
  /** What its first line says: `127.0.0.1:40001`, or a path. */
  where = ''

  constructor(
    entry: CatalogueEntry,
    args: readonly string[],
    { node = [], env }: NodeOptions = {},
  ) {
    const [file, ...words] = commandOf(scriptName(entry, 'server'))
    super(file, [...node, ...words, ...args], env && { env })
    this.entry = entry
  }

  get port(): number {
    return Number(/:(\d+)$/.exec(this.where)?.[1])
  }

  /** The flags by which another program finds this server. */
  get address(): string[] {
    const unix = this.entry.example.transport === 'unix'
    return unix ? ['--path', this.where] : ['--port', String(this.port)]
  }

  get connectOptions(): NetConnectOpts {
    const unix = this.entry.example.transport === 'unix'
    return unix ? { path: this.where } : { host: '127.0.0.1', port: this.port }
  }

  /** Ends the server as a reader does, and asserts that it left nothing behind. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.kill(signal)
    const exit = await this.ended
    expect(exit, `${this.name} after ${signal}`).toMatchObject({ code: 0, signal: null })
    await expectFree(this)
    return exit
  }
}

/** Asserts that a server can listen at once where this one did. */
export async function expectFree(server: Server): Promise<void> {
  const { transport } = server.entry.example
  if (transport === 'udp') {
    const next = createSocket('udp4').bind(server.port, '127.0.0.1')
    await once(next, 'listening')
    next.close()
    return
  }
  const unix = transport === 'unix'
  const next = createServer()
  next.listen(unix ? { path: server.where } : { host: '127.0.0.1', port: server.port })
  await once(next, 'listening')
  next.close()
  await once(next, 'close')
}

export interface StartOptions extends ProgramOptions {
  args?: readonly string[]
  role?: Role
}

/** Starts things for one test, and ends them all when the test is over, however it went. */
export class Kit {
  readonly #programs: Program[] = []
  readonly #peers: TcpPeer[] = []
  readonly #datagrams: UdpPeer[] = []
  readonly #folders: string[] = []

  /** Any program: `nc`, `socat`, a shell. */
  program(file: string, args: readonly string[], options: ProgramOptions = {}): Program {
    const program = new Program(file, args, options)
    this.#programs.push(program)
    return program
  }

  /** An npm script's own command, without npm. */
  script(script: string, args: readonly string[], options: ProgramOptions = {}): Program {
    const [file, ...words] = commandOf(script)
    return this.program(file, [...words, ...args], options)
  }

  /** Starts an example's server on a free port and waits until it listens. */
  server(id: string, ...args: string[]): Promise<Server> {
    return this.serverWith({}, id, ...args)
  }

  /** The same with options and an environment for Node itself. */
  async serverWith(node: NodeOptions, id: string, ...args: string[]): Promise<Server> {
    const entry = entryOf(id)
    const unix = entry.example.transport === 'unix'
    const where = unix ? ['--path', join(this.folder(), 'test.sock')] : ['--port', '0']
    const server = new Server(entry, [...where, ...args], node)
    this.#programs.push(server)
    const line = await server.line(/^listening /)
    server.where = line.slice('listening '.length)
    return server
  }

  /** Starts an example's client, or its demo, towards a server or a port. */
  client(id: string, to: Server | number, options: StartOptions = {}): Program {
    const { args = [], role = 'client', ...rest } = options
    const address = typeof to === 'number' ? ['--port', String(to)] : to.address
    return this.script(scriptName(entryOf(id), role), [...address, ...args], rest)
  }

  /** A connection of the test's own. */
  async connect(
    to: Server | number,
    options: { allowHalfOpen?: boolean; reading?: boolean } = {},
  ): Promise<TcpPeer> {
    const address = typeof to === 'number' ? { host: '127.0.0.1', port: to } : to.connectOptions
    const peer = new TcpPeer({ ...address, ...options })
    this.#peers.push(peer)
    return peer.connected()
  }

  /** A UDP socket of the test's own. */
  async bindUdp(): Promise<UdpPeer> {
    const peer = new UdpPeer()
    this.#datagrams.push(peer)
    return peer.bound()
  }

  /** A port where nobody listens, and where nobody can begin to while the test runs. */
  async deadPort(transport: 'tcp' | 'udp' = 'tcp'): Promise<number> {
    if (transport === 'udp') {
      // A connected socket hears one peer, in this case itself. For all others nobody is there.
      const { socket, port } = await this.bindUdp()
      socket.connect(port, '127.0.0.1')
      await once(socket, 'connect')
      return port
    }
    const listener = createServer(socket => socket.on('error', () => {})).listen(0, '127.0.0.1')
    await once(listener, 'listening')
    const peer = await this.connect((listener.address() as AddressInfo).port)
    listener.close()
    // The client's own port of an open connection is taken, and has no listener.
    return peer.socket.localPort!
  }

  /** An empty folder. */
  folder(): string {
    const folder = mkdtempSync(join(tmpdir(), 'kit-test-'))
    this.#folders.push(folder)
    return folder
  }

  async dispose(): Promise<void> {
    for (const peer of this.#peers) peer.socket.destroy()
    for (const { socket } of this.#datagrams) socket.close()
    await Promise.all(this.#programs.map(program => program.dispose()))
    for (const folder of this.#folders) rmSync(folder, { recursive: true, force: true })
  }
}

/** `test` with a kit of its own for every test. */
export const test = base.extend<{ kit: Kit }>({
  kit: async ({ onTestFinished }, use) => {
    const kit = new Kit()
    onTestFinished(() => kit.dispose())
    await use(kit)
  },
})
