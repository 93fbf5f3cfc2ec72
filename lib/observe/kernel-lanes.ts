import type { CatalogueEntry } from '#lib/catalogue/index.ts'
import type { TraceRecord } from '#lib/kernel/parse-tracefs.ts'
import { withCommand } from '#lib/kernel/privileges.ts'
import { missing } from '#lib/kernel/requirements.ts'
import { startTcpdump, type TimedPacket, WHOLE_PACKET_BYTES } from '#lib/kernel/tcpdump.ts'
import { startTracefs, type Tracing } from '#lib/kernel/tracefs.ts'
import { isStep } from '#lib/trace/explain-states.ts'
import { packetText } from '#lib/trace/packet-text.ts'
import type { End, JsEvent, Lane, LaneStatus, TcpEvent, TraceEvent } from '#lib/trace/recording.ts'
import { lanesFor } from './lanes-for.ts'
import { Ports } from './ports.ts'
import { type SampledStep, startSampling, tableLookup } from './sample-states.ts'
import { TimeWait } from './time-wait.ts'

/** An event that nobody has claimed yet. */
type Unclaimed = { own: string; peers: string; tNs: number; withEnd: (end: End) => TraceEvent }

/**
 * What the programs say of their ports comes through pipes, and may be later than tcpdump. So an
 * event waits for that long before it is asked whose it is; the views wait longer than this.
 */
const SETTLE_MS = 200

/** So many events of others, or of ports not yet known, are kept for the time they are known. */
const UNCLAIMED = 20_000

export interface KernelLanesOptions {
  lanes: readonly Lane[]
  /** Packets come with all their bytes. */
  frames?: boolean
  onEvent: (event: TraceEvent) => void
  /** `why`: why the states are sampled, with the command that would make them live, or incomplete. */
  onLane: (lane: Lane, status: LaneStatus, why?: string) => void
}

/** Watches a run in the lanes of the kernel: states, packets, and the sender's variables. */
export class KernelLanes {
  readonly #entry: CatalogueEntry
  readonly #options: KernelLanesOptions
  readonly #ports = new Ports()
  readonly #timeWait = new TimeWait<SampledStep>(tableLookup())
  readonly #running: { stop(): void | Promise<void> }[] = []
  #unclaimed: Unclaimed[] = []
  /** Events that have come in lately, in that order. */
  #fresh: { sinceMs: number; event: Unclaimed }[] = []
  readonly #timer = setInterval(() => this.#settle(performance.now() - SETTLE_MS), SETTLE_MS / 4)

  constructor(entry: CatalogueEntry, options: KernelLanesOptions) {
    this.#entry = entry
    this.#options = options
  }

  /** Starts what is wanted and possible. Settles when it runs; never fails. */
  async start(): Promise<void> {
    const wanted = (lane: Lane) => this.#options.lanes.includes(lane)
    await Promise.all([
      wanted('state') && this.#startStates(),
      wanted('packet') && this.#startPackets(),
      wanted('tcp') && this.#startVariables(),
    ])
  }

  /** Tells which ports are whose. */
  learnPorts(event: JsEvent): void {
    if (!this.#ports.learn(event)) return
    const waiting = this.#unclaimed
    this.#unclaimed = []
    for (const each of waiting) this.#assign(each)
  }

  /** Settles when everything that happened has been told. */
  async stop(): Promise<void> {
    // One that fails now has told what it could.
    await Promise.allSettled(this.#running.map(source => source.stop()))
    clearInterval(this.#timer)
    this.#settle(Number.POSITIVE_INFINITY)
  }

  async #startStates(): Promise<void> {
    if (this.#cannotHave('state')) return
    const onTrace = (record: TraceRecord) => {
      // A socket in FIN-WAIT-1 that is closed as well "goes" to FIN-WAIT-1: that is no step.
      if (record.kind !== 'state' || record.from === record.to) return
      for (const step of this.#timeWait.push(record)) this.#step(step)
    }
    const trouble = await this.#startTracing(() =>
      startTracefs({ events: ['sock/inet_sock_set_state'], onTrace }),
    )
    const unread = missing('socket tables')
    if (trouble === undefined)
      return this.#options.onLane(
        'state',
        'live',
        unread && `TIME-WAIT is shown as CLOSED: ${unread}`,
      )
    if (unread !== undefined) return this.#options.onLane('state', `missing: ${trouble}; ${unread}`)
    this.#running.push(startSampling(step => this.#step(step, true)))
    this.#options.onLane('state', 'sampled', trouble)
  }

  async #startVariables(): Promise<void> {
    if (this.#cannotHave('tcp')) return
    const trouble = await this.#startTracing(() =>
      startTracefs({
        events: ['tcp/tcp_probe', 'tcp/tcp_retransmit_skb'],
        onTrace: record => this.#variables(record),
      }),
    )
    this.#options.onLane('tcp', trouble === undefined ? 'live' : `missing: ${trouble}`)
  }

  async #startPackets(): Promise<void> {
    if (this.#cannotHave('packet')) return
    const { transport, alsoOverTcp } = this.#entry.example
    const filter = transport === 'tcp' ? 'tcp' : alsoOverTcp ? 'udp or tcp' : 'udp'
    const onPacket = (packet: TimedPacket) => this.#packet(packet)
    const whole = this.#options.frames ? { snapBytes: WHOLE_PACKET_BYTES } : {}
    const trouble = await this.#startTracing(() =>
      startTcpdump({ interface: 'lo', filter, onPacket, ...whole }),
    )
    this.#options.onLane('packet', trouble === undefined ? 'live' : `missing: ${trouble}`)
  }

  /** Says so where the example has nothing for a lane to show. */
  #cannotHave(lane: 'state' | 'packet' | 'tcp'): boolean {
    const { example } = this.#entry
    if (lanesFor(example).includes(lane)) return false
    const { transport } = example
    const kind = transport === 'udp' ? 'UDP' : 'a Unix domain socket'
    const what = { state: 'no TCP states', packet: 'no packets', tcp: 'no TCP variables' }[lane]
    this.#options.onLane(lane, `missing: ${kind} has ${what}`)
    return true
  }

  /** Why a lane did not start, with the command that would bring it; undefined when it runs. */
  async #startTracing(start: () => Promise<Tracing>): Promise<string | undefined> {
    try {
      if (process.platform !== 'linux') return 'needs Linux'
      this.#running.push(await start())
      return undefined
    } catch (error) {
      const { message } = error as Error
      return withCommand(message, `npm run trace -- ${this.#entry.id}`)
    }
  }

  #step({ tNs, from, to, local, remote }: SampledStep, sampled = false): void {
    const how = sampled ? { sampled } : {}
    const common = { tNs, lane: 'state' as const, from, to, local, remote, ...how }
    const arrow = sampled && !isStep(from, to) ? '… →' : '→'
    const withEnd = (end: End) => ({ ...common, end, text: `${from} ${arrow} ${to}` })
    this.#push({ own: local, peers: remote, tNs, withEnd })
  }

  #packet(packet: TimedPacket): void {
    const { bytes: _, frame, ...facts } = packet
    const { source, destination, tNs } = facts
    const common = { ...facts, lane: 'packet' as const, text: packetText(facts) }
    const withFrame = this.#options.frames ? { frame } : {}
    const withEnd = (end: End) => ({ ...common, end, ...withFrame })
    this.#push({ own: source, peers: destination, tNs, withEnd })
  }

  #variables(record: TraceRecord): void {
    if (record.kind !== 'probe' && record.kind !== 'retransmit') return
    const { pid: _, ...event } = record
    const text = variablesText(event)
    const withEnd = (end: End) => ({ ...event, lane: 'tcp' as const, end, text })
    this.#push({ own: event.local, peers: event.remote, tNs: event.tNs, withEnd })
  }

  #push(event: Unclaimed): void {
    this.#fresh.push({ sinceMs: performance.now(), event })
  }

  /** Assigns what came in before that time. */
  #settle(untilMs: number): void {
    const count = this.#fresh.findIndex(({ sinceMs }) => sinceMs > untilMs)
    const settled = this.#fresh.splice(0, count < 0 ? this.#fresh.length : count)
    for (const { event } of settled) this.#assign(event)
  }

  #assign(event: Unclaimed): void {
    const end = this.#ports.endOf(event.own, event.peers, event.tNs)
    if (end !== undefined) this.#options.onEvent(event.withEnd(end))
    else if (this.#unclaimed.length < UNCLAIMED) this.#unclaimed.push(event)
  }
}

/** What the kernel has for "not limited yet". */
const NO_SSTHRESH = 0x7fffffff

function variablesText(event: Omit<TcpEvent, 'end' | 'lane' | 'text'>): string {
  if (event.kind === 'retransmit') return 'segment sent again'
  const { sndUna, sndNxt, sndWnd, cwnd, ssthresh, srttUs } = event
  const limit = ssthresh === NO_SSTHRESH ? '' : ` ssthresh ${ssthresh}`
  return `snd_una ${sndUna} snd_nxt ${sndNxt} snd_wnd ${sndWnd} cwnd ${cwnd}${limit} srtt ${srttUs} us`
}
