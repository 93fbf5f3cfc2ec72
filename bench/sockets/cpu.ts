/** The time that all threads of another process ran. */

import { readdirSync, readFileSync } from 'node:fs'

/** Returns nanoseconds, or `null` where the system does not show them. */
export function processNs(pid: number): number | null {
  try {
    let ns = 0
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0])
    }
    return ns
  } catch {
    return null
  }
}

/** Returns the bytes of a process's anonymous memory, which no file backs, or `null`. */
export function anonymousBytes(pid: number): number | null {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const [, kibibytes] = /^RssAnon:\s+(\d+) kB$/m.exec(status) ?? []
    return kibibytes === undefined ? null : Number(kibibytes) * 1024
  } catch {
    return null
  }
}

/** Returns how many files this process may have open, or `null`. */
export function openFileLimit(): number | null {
  try {
    const [, limit] =
      /^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return limit === undefined ? null : Number(limit)
  } catch {
    return null
  }
}
