import { LANES, type Lane, type LaneStatus } from './recording.ts'

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

/** What of the wanted lanes is not as it should be, each as one sentence; `why`: see `Recording`. */
export function shortcomings(lanes: Partial<Record<Lane, LaneStatus>>, why?: string): string[] {
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
