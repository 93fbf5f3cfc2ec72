import { readdirSync, readFileSync } from 'node:fs'

/**
 * How long the threads of these processes were ready to run and had no processor, in milliseconds:
 * what the scheduler counts in `/proc/PID/task/TID/schedstat` (its second number, in nanoseconds).
 * Undefined where the kernel does not say: elsewhere than on Linux, and when all have ended.
 */
export function runDelayMs(pids: readonly number[]): number | undefined {
  if (process.platform !== 'linux') return undefined
  let total: number | undefined
  for (const pid of pids) {
    try {
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const [, delay] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'latin1').split(' ')
        total = (total ?? 0) + Number(delay) / 1e6
      }
    } catch {
      // it has ended since, or the kernel does not count
    }
  }
  return total
}

/** How long a host ran something else on the processors of this virtual machine, in milliseconds. */
export function stolenMs(): number {
  if (process.platform !== 'linux') return 0
  try {
    // cpu user nice system idle iowait irq softirq steal …, in ticks of 10 ms
    const [, ...ticks] = readFileSync('/proc/stat', 'latin1').split('\n', 1)[0]!.split(/\s+/)
    return Number(ticks[7] ?? 0) * 10
  } catch {
    return 0
  }
}

/** The processes of a group. */
export function groupMembers(group: number): number[] {
  if (process.platform !== 'linux') return [group]
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(Number)
    .filter(pid => pid === group || groupOf(pid) === group)
}

function groupOf(pid: number): number | undefined {
  try {
    // The group is field 5; the name, field 2, may have spaces and brackets.
    return Number(
      readFileSync(`/proc/${pid}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ')[2],
    )
  } catch {
    return undefined
  }
}
