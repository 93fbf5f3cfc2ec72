import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { readCounters } from '#lib/kernel/counters.ts'
import { shortfall } from '#lib/kernel/requirements.ts'
import { readSocketStatistics } from '#lib/kernel/socket-statistics.ts'
import { readSysctl, sysctlFile } from '#lib/kernel/sysctl.ts'
import { readTcpTable, type TcpRow } from '#lib/kernel/tcp-table.ts'
import { startTcpdump, type TimedPacket } from '#lib/kernel/tcpdump.ts'
import { readUdpTable, type UdpRow } from '#lib/kernel/udp-table.ts'
import { runC } from './c-program.ts'
import { HelperProcess, type HelperProgram, type SocketObserver } from './helper-process.ts'
import { Inconclusive } from './inconclusive.ts'
import { measureUndisturbed, raisePriority } from './measure-undisturbed.ts'
import { type Drop, dropPackets } from './packet-drop.ts'
import { buildRoutedNetwork, type RoutedNetwork } from './routed-network.ts'
import { waitUntil } from './wait-until.ts'

/** Packets of a capture that runs. */
export interface LabCapture {
  readonly packets: readonly TimedPacket[]
  /** Ends the capture and returns all packets that were sent before. */
  stop(): Promise<readonly TimedPacket[]>
}

export { Inconclusive } from './inconclusive.ts'

/**
 * TCP’s buffers as most distributions have them: the least, the first and the largest size; and how much
 * may wait in them to be sent.
 */
const BUFFERS = {
  tcp_wmem: [4096, 16_384, 4_194_304],
  tcp_rmem: [4096, 131_072, 6_291_456],
  tcp_notsent_lowat: [2 ** 32 - 1],
}

/** More connections in TIME-WAIT, and more that wait to be accepted, than any experiment has. */
const TIME_WAITS = 1000
const QUEUE = 512

/** Not every kernel has every parameter. */
const exists = (name: string): boolean => existsSync(sysctlFile(name))

/** Limits of the time after which TCP sends a segment again, as the kernel has them. */
const TIMERS = { tcp_rto_min_us: 200_000, tcp_rto_max_ms: 120_000 }

/** What an experiment stands on: tools that act inside its own namespace, or on the host. */
export class Lab {
  /** True in a network namespace of one's own: nothing in there is anybody else's. */
  readonly isPrivate: boolean
  readonly #helpers: HelperProcess[] = []
  readonly #settings: Readonly<Record<string, string>>

  /** `settings`: kernel parameters of this network that further hosts in it shall have as well. */
  constructor(isPrivate: boolean, settings: Readonly<Record<string, string>> = {}) {
    this.isPrivate = isPrivate
    this.#settings = settings
    if (!isPrivate) return
    execFileSync('ip', ['link', 'set', 'lo', 'up'])
    // A table of namespaces of our own: `ip netns` keeps its names in /run.
    execFileSync('mount', ['-t', 'tmpfs', 'none', '/run'])
    mkdirSync('/run/netns')
  }

  /**
   * Runs a program in a process of its own; `inside`: words of `routedNetwork().inside`. With an
   * `observer`, what its sockets do is reported: see `recordLab`.
   */
  start<Args>(
    program: HelperProgram<Args>,
    args: Args,
    inside: readonly string[] = [],
    observer?: SocketObserver,
  ): HelperProcess {
    const helper = new HelperProcess(program.toString(), args, inside, observer)
    this.#helpers.push(helper)
    return helper
  }

  /**
   * Reads a kernel parameter, or sets it first: `lab.sysctl('net.ipv4.tcp_syn_retries', 2)`.
   *
   * @throws {Error} when asked to set one on the host.
   */
  sysctl(name: string, value?: number | string): string {
    if (value !== undefined) {
      this.#mustBePrivate(`set ${name}`)
      writeFileSync(sysctlFile(name), String(value))
    }
    return readSysctl(name)
  }

  /**
   * Makes TCP's buffers at least as large as they are by default, for an experiment that is not about
   * their size.
   *
   * @throws {Inconclusive} where they are smaller, and the network is not ours to change.
   */
  needBuffers(): void {
    for (const [name, stock] of Object.entries(BUFFERS)) {
      const own = this.sysctl(`net.ipv4.${name}`)
      const sizes = own.split(' ').map((bytes, at) => Math.max(Number(bytes), stock[at] ?? 0))
      this.#need(`net.ipv4.${name}`, own, sizes.join(' '), stock.join(' '))
    }
    // A connection that begins with a SYN cookie may have no window scale, and so no large buffers.
    this.needRequestSockets()
  }

  /**
   * Has the kernel keep a request for each SYN: where it answers every SYN with a cookie
   * (`tcp_syncookies` 2), there is none.
   */
  needRequestSockets(): void {
    const cookies = 'net.ipv4.tcp_syncookies'
    if (exists(cookies) && this.sysctl(cookies) === '2') this.#need(cookies, '2', '1')
  }

  /** Makes room for connections in TIME-WAIT, for an experiment that looks at them. */
  needTimeWait(): void {
    this.#needAtLeast('net.ipv4.tcp_max_tw_buckets', TIME_WAITS)
  }

  /** Makes room for connections that wait to be accepted, for an experiment with many at once. */
  needAcceptQueue(): void {
    this.#needAtLeast('net.core.somaxconn', QUEUE)
  }

  /**
   * Sets the limits of TCP's retransmission timeout to the kernel's defaults, for an experiment that waits
   * until the kernel gives up. A kernel without these parameters has the defaults.
   *
   * @throws {Inconclusive} where they are others, and the network is not ours to change.
   */
  needTimers(): void {
    for (const [name, stock] of Object.entries(TIMERS)) {
      const parameter = `net.ipv4.${name}`
      if (exists(parameter)) this.#need(parameter, this.sysctl(parameter), String(stock))
    }
    // The round trip of a SYN that is answered with a cookie may not be measured.
    this.needRequestSockets()
  }

  #needAtLeast(name: string, least: number): void {
    if (!exists(name)) return
    const own = this.sysctl(name)
    this.#need(name, own, String(Math.max(Number(own), least)))
  }

  #need(name: string, own: string, value: string, words = value): void {
    if (own === value) return
    if (!this.isPrivate) throw new Inconclusive(`${name} is ${own} here, and it takes ${words}`)
    this.sysctl(name, value)
  }

  /**
   * Swallows packets on their way in, in a router on their way through (`forward`), or on their way out
   * (`output`): see `dropPackets`.
   */
  drop(
    match: string,
    inside: readonly string[] = [],
    hook: 'input' | 'forward' | 'output' = 'input',
  ): Promise<Drop> {
    this.#mustBePrivate('drop packets')
    return dropPackets(match, inside, hook)
  }

  /** Whether packets can be captured: for experiments that can do without, but say more with. */
  get canCapture(): boolean {
    return shortfall('tcpdump') === undefined
  }

  /** Whether packets can be dropped: likewise. */
  get canDrop(): boolean {
    return this.isPrivate && shortfall('nft') === undefined
  }

  /** Whether C programs can be compiled: likewise. */
  get canCompile(): boolean {
    return shortfall('cc') === undefined
  }

  /** Whether `ss -K` can remove sockets: likewise. */
  get canKill(): boolean {
    return this.isPrivate && shortfall('ss -K') === undefined
  }

  /** Captures packets on an interface (default: loopback), with their bytes: see `startTcpdump`. */
  async capture(
    filter: string,
    on = { interface: 'lo', marker: '127.0.0.1' },
  ): Promise<LabCapture> {
    const packets: TimedPacket[] = []
    const onPacket = (packet: TimedPacket) => packets.push(packet)
    const capture = await startTcpdump({ ...on, filter, onPacket })
    return {
      packets,
      async stop() {
        await capture.stop()
        return packets
      },
    }
  }

  /** The most bytes that one packet may have on an interface. */
  mtu(name: string): number {
    // Of this namespace, unlike what is mounted at /sys.
    const text = execFileSync('ip', ['-json', 'link', 'show', 'dev', name], { encoding: 'utf8' })
    const [link] = JSON.parse(text) as { mtu: number }[]
    return link!.mtu
  }

  /**
   * Rows of the kernel's TCP table that have that port at either end. `pid`: of the host on which
   * that process runs.
   */
  tcpTable(port: number, pid: number | 'self' = 'self'): TcpRow[] {
    return readTcpTable(pid).filter(row => row.localPort === port || row.remotePort === port)
  }

  /** UDP sockets that have that port at either end, of the host on which that process runs. */
  udpTable(port: number, pid: number | 'self' = 'self'): UdpRow[] {
    return readUdpTable(pid).filter(row => row.localPort === port || row.remotePort === port)
  }

  /** The kernel's network counters. On a host, other programs count as well. */
  counters = readCounters

  /** What `ss` knows about sockets that match. */
  statistics = readSocketStatistics

  /** Looks until there is something to see: for what no event announces. */
  waitUntil = waitUntil

  /** Asks the scheduler to prefer this process and these helper processes to other programs. */
  raisePriority(helpers: readonly HelperProcess[] = []): void {
    for (const pid of [process.pid, ...helpers.map(helper => helper.pid)]) raisePriority(pid)
  }

  /** Measures again while other programs on this machine disturb it. */
  measureUndisturbed = measureUndisturbed

  /** Compiles and runs a C program. */
  runC = runC

  /** Three hosts in a row: see `buildRoutedNetwork`. */
  routedNetwork(): Promise<RoutedNetwork> {
    this.#mustBePrivate('build a network')
    return buildRoutedNetwork(this.#settings)
  }

  /** Ends the programs that still run. */
  async close(): Promise<void> {
    await Promise.all(this.#helpers.map(helper => helper.kill()))
  }

  #mustBePrivate(what: string): void {
    if (!this.isPrivate)
      throw new Error(`cannot ${what}: not in a private namespace (add 'namespace' to needs)`)
  }
}

/** Milliseconds of the monotonic clock, which all processes share. Only differences mean anything. */
export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6
