import { LANES, type Lane, type LaneReport, type LaneStatus } from './recording.ts'

/** What a lane is called on the command line and in what readers see. */
export const LANE_NAMES: Record<Lane, string> = {
  js: 'js',
  syscall: 'syscalls',
  state: 'states',
  packet: 'packets',
  tcp: 'tcp',
}

/** The lanes of `js,syscalls`, or the first name that is none. */
export function parseLanes(list: string): { lanes: Lane[] } | { unknown: string } {
  const names = list.split(',').map(name => name.trim())
  const unknown = names.find(name => !Object.values(LANE_NAMES).includes(name))
  if (unknown !== undefined) return { unknown }
  return { lanes: LANES.filter(lane => names.includes(LANE_NAMES[lane])) }
}

/** Keeps what is said of each lane while a run begins. */
export class LaneStatuses implements LaneReport {
  readonly lanes: Partial<Record<Lane, LaneStatus>> = {}
  whySampled?: string

  /** Takes what is said of a lane. It can be handed on: `onLane: statuses.note`. */
  readonly note = (lane: Lane, status: LaneStatus, why?: string): void => {
    this.lanes[lane] = status
    if (why !== undefined) this.whySampled ??= why
  }

  /** Whether something was said of each of these lanes. */
  covers(lanes: readonly Lane[]): boolean {
    return lanes.every(lane => this.lanes[lane] !== undefined)
  }

  /** The run is over: lanes that nothing was said of are missing. */
  end(lanes: readonly Lane[]): void {
    for (const lane of lanes) this.lanes[lane] ??= 'missing: the run ended before it began'
  }
}

/** Whether a lane has anything to show, all of it or samples. */
export const isThere = (status: LaneStatus | undefined): boolean =>
  status === 'live' || status === 'sampled'

/** What of the wanted lanes is not as it should be, each as one sentence. */
export function shortcomings({ lanes, whySampled: why }: LaneReport): string[] {
  return LANES.flatMap(lane => {
    const status = lanes[lane]
    if (status === undefined) return []
    const name = LANE_NAMES[lane]
    if (status === 'live') return lane === 'state' && why !== undefined ? [`${name}: ${why}`] : []
    if (status === 'sampled') {
      const all = why ?? 'sudo, and the same command'
      return [`${name} are sampled: short ones were not seen; all of them: ${all}`]
    }
    return [`no ${name}: ${status.replace(/^missing: /, '')}`]
  })
}
