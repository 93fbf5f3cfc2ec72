import { readFileSync } from 'node:fs'

/** One size of a process as the kernel counts it, in bytes. `VmHWM` is the highest `VmRSS` so far. */
export function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
}
