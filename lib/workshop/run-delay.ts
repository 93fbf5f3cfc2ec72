import { readdirSync, readFileSync } from 'node:fs'

/**
 * What the scheduler says of a thread in `/proc/PID/task/TID/schedstat`: nanoseconds on a processor,
 * nanoseconds ready to run and without one, and how often it got one. The second number grows only
 * when the thread gets a processor again.
 */
export interface ThreadTimes {
  /** `PID/task/TID` */
  thread: string
  delayMs: number
  /** All three: they are the same for as long as it sleeps, or waits for a processor. */
  text: string
}

/** All threads of these processes: none elsewhere than on Linux, and none of those that have ended. */
export function threadTimes(pids: readonly number[]): ThreadTimes[] {
  if (process.platform !== 'linux') return []
  return pids.flatMap(pid =>
    attempt([], () =>
      readdirSync(`/proc/${pid}/task`).flatMap(tid => {
        const thread = `${pid}/task/${tid}`
        const text = attempt('', () => readFileSync(`/proc/${thread}/schedstat`, 'latin1'))
        return text === '' ? [] : [{ thread, delayMs: Number(text.split(' ')[1]) / 1e6, text }]
      }),
    ),
  )
}

/** True where the thread runs, or would if it had a processor. */
export function isRunnable(thread: string): boolean {
  return attempt(false, () => statOf(thread)[0] === 'R')
}

/**
 * How long a host ran something else on the processors of this virtual machine, and how long any
 * process here waited for a disk or for memory, in milliseconds.
 */
export function stolenMs(): number {
  if (process.platform !== 'linux') return 0
  const nowMs = performance.now()
  if (nowMs - stolen.atMs > MACHINE_MS) stolen = { atMs: nowMs, ms: readStolenMs() }
  return stolen.ms
}

/** What is the same for all programs is asked for so often, in milliseconds: it takes its time. */
const MACHINE_MS = 50
let stolen = { atMs: Number.NEGATIVE_INFINITY, ms: 0 }

function readStolenMs(): number {
  const steal = attempt(0, () => {
    // cpu user nice system idle iowait irq softirq steal …, in ticks of 10 ms
    const [, ...ticks] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]!.split(/\s+/)
    return Number(ticks[7] ?? 0) * 10
  })
  return steal + pressureMs('io') + pressureMs('memory')
}

/** `some avg10=… total=…`, in microseconds. */
const pressureMs = (resource: 'io' | 'memory'): number =>
  attempt(0, () => {
    const text = readFileSync(`/proc/pressure/${resource}`, 'latin1')
    return Number(/^some .*total=(\d+)/.exec(text)?.[1] ?? 0) / 1000
  })

/** The processes of a group, as they were at most a second ago. */
export function groupMembers(group: number): number[] {
  if (process.platform !== 'linux') return [group]
  const nowMs = performance.now()
  if (nowMs - groups.atMs > GROUPS_MS) groups = { atMs: nowMs, of: readGroups() }
  const members = groups.of.filter(each => each.group === group).map(({ pid }) => pid)
  return members.includes(group) ? members : [group, ...members]
}

const GROUPS_MS = 1000
let groups = { atMs: Number.NEGATIVE_INFINITY, of: [] as { pid: number; group: number }[] }

const readGroups = () =>
  readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(pid => ({ pid: Number(pid), group: attempt(0, () => Number(statOf(pid)[2])) }))

/** `/proc/PID/stat` from the third field on: the second, the name, may have spaces and brackets. */
const statOf = (task: string): string[] =>
  readFileSync(`/proc/${task}/stat`, 'latin1')
    .replace(/^.*\) /s, '')
    .split(' ')

/** What is read may have ended since, and not every kernel counts. */
function attempt<T>(otherwise: T, read: () => T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}
