import { existsSync, readFileSync } from 'node:fs'

/** Counters of the network namespace by name: `TcpExt.ListenOverflows`, `Udp.RcvbufErrors`. */
export type Counters = Record<string, number>

/**
 * Reads the kernel's network counters, without root: those of our own network namespace, or of the one
 * that a process lives in.
 *
 * @throws {Error} `ENOENT` on any system but Linux.
 * @see proc_pid_net(5): `/proc/net/snmp`; `/proc/net/netstat`
 */
export function readCounters(pid: number | 'self' = 'self'): Counters {
  const files = [`/proc/${pid}/net/snmp`, `/proc/${pid}/net/netstat`].filter(
    (file, at) => at === 0 || existsSync(file),
  )
  return Object.assign({}, ...files.map(file => parseCounters(readFileSync(file, 'latin1'))))
}

/** Pairs of lines: `Tcp: names…`, `Tcp: values…`. */
export function parseCounters(text: string): Counters {
  const counters: Counters = {}
  const lines = text.trimEnd().split('\n')
  for (let at = 0; at + 1 < lines.length; at += 2) {
    const [group = '', ...names] = lines[at]!.split(' ')
    const values = lines[at + 1]!.split(' ').slice(1)
    for (const [index, name] of names.entries())
      counters[`${group.replace(':', '')}.${name}`] = Number(values[index])
  }
  return counters
}

/** What has grown or shrunk between two readings; counters that stood still are left out. */
export function counterChanges(before: Counters, after: Counters): Counters {
  return Object.fromEntries(
    Object.entries(after)
      .map(([name, value]) => [name, value - (before[name] ?? 0)] as const)
      .filter(([, change]) => change !== 0),
  )
}
