import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { realtimeToMonotonic } from '#lib/kernel/clock.ts'
import { type Capture, startTcpdump, type TimedPacket } from '#lib/kernel/tcpdump.ts'
import type { HelperProcess, HelperProgram } from '#lib/lab/helper-process.ts'
import type { Lab } from '#lib/lab/lab.ts'
import { runsTypeScript } from '#lib/program/typescript.ts'
import { type Crossing, matchCaptures } from '#lib/trace/match-captures.ts'
import { inOrder } from '#lib/trace/order.ts'
import { packetText } from '#lib/trace/packet-text.ts'
import type { End, PacketEvent, Place, Recording, TraceEvent } from '#lib/trace/recording.ts'
import { viewOf } from '#lib/trace/view.ts'
import { recordingOf } from './recording-of.ts'

/** A host of a lab, one program of the run, and the interface that leads to the other host. */
interface RecordedHost {
  name: string
  end: End
  address: string
  interface: string
  /** Words that run the rest of a command there; none: where the experiment itself runs. */
  inside?: readonly string[]
}

export interface LabRecordingOptions {
  /** What the recording is called. */
  name: string
  hosts: readonly [RecordedHost, RecordedHost]
  /** Which packets, in tcpdump's language. */
  filter: string
  /** An address such that what the experiment sends there passes both interfaces. */
  marker: string
}

/** A run on two hosts of a lab, while it is recorded. */
export interface LabRecording {
  /** Runs a program on the host of that end, with the JavaScript lane recorded. */
  start<Args>(end: End, program: HelperProgram<Args>, args: Args): HelperProcess
  /** Ends the programs and the captures, and returns what was seen: every event with its meaning. */
  stop(): Promise<Recording>
}

/** Whole packets of an Ethernet: what was corrupted may be anywhere. */
const SNAP_BYTES = 2048

const HOOKS = [
  ...(runsTypeScript() ? [] : [pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href]),
  new URL('./js-hook.ts', import.meta.url).href,
]

/**
 * Records a run on two hosts of a lab: what the programs' sockets do, and the packets at both ends
 * of the way between them, so that a packet has the time at which it was sent and, where it was not
 * lost, the one at which it arrived.
 *
 * @example
 * ```ts
 * const recording = await recordLab(lab, { name: 'lost segment', hosts: [a, b], filter: 'tcp', marker })
 * const server = recording.start('server', serve, { port: 7020 })
 * await server.message('listening')
 * …
 * const { events } = await recording.stop()
 * ```
 *
 * @throws {Error} in one line, when packets cannot be captured.
 */
export async function recordLab(
  lab: Lab,
  { name, hosts, filter, marker }: LabRecordingOptions,
): Promise<LabRecording> {
  const events: TraceEvent[] = []
  // One offset for both: two would differ by more than a packet takes from one host to the other.
  const clockOffset = realtimeToMonotonic()
  const captures: { capture: Capture; packets: TimedPacket[] }[] = []
  const stopCaptures = () => Promise.all(captures.map(({ capture }) => capture.stop()))
  try {
    for (const { interface: on, inside = [] } of hosts) {
      const packets: TimedPacket[] = []
      const onPacket = (packet: TimedPacket) => packets.push(packet)
      const how = { interface: on, filter, marker, snapBytes: SNAP_BYTES, clockOffset, inside }
      captures.push({ capture: await startTcpdump({ ...how, onPacket }), packets })
    }
  } catch (error) {
    await Promise.allSettled([stopCaptures()])
    throw error
  }
  const helpers: HelperProcess[] = []
  return {
    start(end, program, args) {
      const { inside = [] } = hosts.find(host => host.end === end)!
      const onEvent = (line: string) => events.push({ end, ...JSON.parse(line) })
      const helper = lab.start(program, args, inside, { imports: HOOKS, onEvent })
      helpers.push(helper)
      return helper
    },
    async stop() {
      await Promise.all(helpers.map(helper => helper.kill()))
      await stopCaptures()
      const [one, other] = captures.map(({ packets }) => packets)
      const packets = packetEvents(hosts, [one ?? [], other ?? []])
      const lanes = { js: 'live', packet: 'live' } as const
      const shown = viewOf(inOrder([...events, ...packets]), {})
      return recordingOf(name, { lanes }, shown, placeOf(hosts))
    },
  }
}

function placeOf(hosts: LabRecordingOptions['hosts']): Place {
  const point = (host: RecordedHost) => ({ host: host.name, interface: host.interface })
  const [one, other] = hosts
  return {
    hosts: hosts.map(({ name, end, address }) => ({ name, ends: [end], addresses: [address] })),
    captures: hosts.map(point),
    links: [{ name: linkName(hosts), between: [point(one), point(other)] }],
  }
}

const linkName = (hosts: readonly { name: string }[]) => hosts.map(({ name }) => name).join('-')

/** The packets of both directions, each as one event; `seen`: what each of the hosts captured. */
function packetEvents(
  hosts: LabRecordingOptions['hosts'],
  [one, other]: readonly [readonly TimedPacket[], readonly TimedPacket[]],
): PacketEvent[] {
  return [
    { from: hosts[0], near: one, far: other },
    { from: hosts[1], near: other, far: one },
  ].flatMap(({ from: { end, address }, near, far }) => {
    const isTheirs = ({ source }: TimedPacket) => hostOf(source) === address
    // What was corrupted may have another source; but none arrives from the receiver's own address.
    const receiver = hosts.find(host => host.end !== end)!.address
    const isForeign = ({ source }: TimedPacket) => hostOf(source) !== receiver
    const crossings = matchCaptures(near.filter(isTheirs), far.filter(isForeign))
    return crossings.map(crossing => eventOf(crossing, end, linkName(hosts)))
  })
}

/** `10.0.1.1` of `10.0.1.1:7020`, `::1` of `[::1]:7020`. */
const hostOf = (address: string): string => address.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')

function eventOf(
  { sent, arrived, copy, corrupted }: Crossing<TimedPacket>,
  end: End,
  link: string,
): PacketEvent {
  const origin = copy ? undefined : sent
  // What it says is what its sender said.
  const { bytes: _, frame, tNs: __, ...facts } = (sent ?? arrived)!
  return {
    ...facts,
    lane: 'packet',
    end,
    text: packetText(facts),
    tNs: (origin ?? arrived)!.tNs,
    link,
    ...(origin && { sentNs: origin.tNs }),
    ...(arrived && { arrivedNs: arrived.tNs }),
    ...(copy && { copy }),
    ...(corrupted && { corrupted }),
    frame,
  }
}
