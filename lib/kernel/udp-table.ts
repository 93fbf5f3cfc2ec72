import { existsSync, readFileSync } from 'node:fs'
import { parseEndpoint } from './tcp-table.ts'

/** One UDP socket as the kernel lists it. */
export interface UdpRow {
  localAddress: string
  localPort: number
  /** `0.0.0.0` and 0 unless the socket is connected. */
  remoteAddress: string
  remotePort: number
  /** Bytes of memory that datagrams take which wait to be read, their bookkeeping included. */
  rxQueue: number
  inode: number
  /** Datagrams that arrived for this socket and were thrown away, mostly for want of room. */
  drops: number
}

/**
 * Reads the kernel's UDP sockets, IPv4 and IPv6, without root: those of our own network namespace,
 * or of the one that a process lives in.
 *
 * @throws {Error} `ENOENT` where there is no `/proc/net/udp`, as on any system but Linux.
 * @see proc_pid_net(5): `/proc/net/udp`
 * @example
 * ```ts
 * import { readUdpTable } from '#lib/kernel/udp-table.ts'
 *
 * const lost = readUdpTable().reduce((sum, row) => sum + row.drops, 0)
 * ```
 */
export function readUdpTable(pid: number | 'self' = 'self'): UdpRow[] {
  const tables = [`/proc/${pid}/net/udp`, `/proc/${pid}/net/udp6`].filter(
    (file, at) => at === 0 || existsSync(file),
  )
  return tables.flatMap(file => parseUdpTable(readFileSync(file, 'latin1')))
}

/** The part of `readUdpTable` that needs no kernel. */
export function parseUdpTable(text: string): UdpRow[] {
  return text
    .trimEnd()
    .split('\n')
    .slice(1)
    .map(line => {
      const columns = line.trim().split(/\s+/)
      const [localAddress, localPort] = parseEndpoint(columns[1] ?? '')
      const [remoteAddress, remotePort] = parseEndpoint(columns[2] ?? '')
      const rxQueue = Number.parseInt(columns[4]?.split(':')[1] ?? '', 16)
      const [inode, drops] = [Number(columns[9]), Number(columns[12])]
      return { localAddress, localPort, remoteAddress, remotePort, rxQueue, inode, drops }
    })
}
