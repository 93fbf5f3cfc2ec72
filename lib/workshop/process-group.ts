import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** What Linux reports about one process of a group. */
export interface GroupProcess {
  pid: number
  /** The first 15 characters of its file's name. */
  name: string
  /** Processor time that it has used, in milliseconds. */
  computedMs: number
  /** Memory that it takes, in pages of the machine. */
  residentPages: number
}

/** The processes of a group; none where the system does not list them. */
export function processesOf(group: number | undefined): GroupProcess[] {
  if (group === undefined || process.platform !== 'linux') return []
  return numbersIn('/proc').flatMap(pid => {
    try {
      // pgrp, utime, stime and rss are fields 5, 14, 15 and 24; times are in ticks of 10 ms.
      // The name may have spaces and parentheses.
      const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
      const [, name = '', rest = ''] = /^\d+ \((.*)\) (.*)$/s.exec(text) ?? []
      const fields = rest.split(' ')
      if (Number(fields[2]) !== group) return []
      const computedMs = 10 * (Number(fields[11]) + Number(fields[12]))
      return { pid, name, computedMs, residentPages: Number(fields[21]) }
    } catch {
      return [] // gone since the folder was read
    }
  })
}

/** The kernel's numbers of the sockets that processes have open. */
export function socketsOf(processes: readonly GroupProcess[]): Set<number> {
  const inodes = new Set<number>()
  for (const { pid } of processes) {
    for (const fd of numbersIn(`/proc/${pid}/fd`)) {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
        if (inode !== undefined) inodes.add(Number(inode))
      } catch {
        // closed since the folder was read
      }
    }
  }
  return inodes
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .filter(name => /^\d+$/.test(name))
      .map(Number)
  } catch {
    return []
  }
}
