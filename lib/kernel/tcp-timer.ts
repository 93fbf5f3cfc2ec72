import { existsSync, readFileSync } from 'node:fs'

/** What a socket's timer is for, in the order of the kernel's numbers. */
const KINDS = ['none', 'retransmission', 'keepalive', 'time-wait', 'zero-window probe'] as const

export interface TcpTimer {
  kind: (typeof KINDS)[number]
  /** Seconds until it fires. */
  inS: number
  /** Probes that nobody has answered yet. */
  unanswered: number
}

/** The two ports of a connection, seen from one end: a `Socket` has them. */
export interface Ports {
  localPort?: number | undefined
  remotePort?: number | undefined
}

/**
 * Reads the timer of a connection's socket, without root; undefined where there is no such socket.
 * It takes both ports to name it: the kernel gives one local port to several connections, as long
 * as they go to different places.
 *
 * @throws {Error} `ENOENT` where there is no `/proc/net/tcp`, as on any system but Linux.
 * @see proc_net_tcp in the kernel's documentation: `tr`, `tm->when` and `timeout`
 */
export function readTcpTimer(ports: Ports): TcpTimer | undefined {
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    if (file.endsWith('6') && !existsSync(file)) continue // no IPv6 in this kernel
    const timer = parseTcpTimer(readFileSync(file, 'latin1'), ports)
    if (timer !== undefined) return timer
  }
  return undefined
}

/** The part of `readTcpTimer` that needs no kernel. */
export function parseTcpTimer(text: string, ports: Ports): TcpTimer | undefined {
  for (const line of text.trimEnd().split('\n').slice(1)) {
    const [, local = '', remote = '', , , timer = '', , , unanswered] = line.trim().split(/\s+/)
    if (portOf(local) !== ports.localPort || portOf(remote) !== ports.remotePort) continue
    const [kind = '', when = ''] = timer.split(':')
    return {
      kind: KINDS[Number.parseInt(kind, 16)] ?? 'none',
      inS: Number.parseInt(when, 16) / 100,
      unanswered: Number(unanswered),
    }
  }
  return undefined
}

const portOf = (address: string): number => Number.parseInt(address.split(':')[1] ?? '', 16)

/** A timer in words: `keepalive in 7200 s`. */
export function describeTimer(timer: TcpTimer | undefined): string {
  if (timer === undefined) return 'no socket'
  return timer.kind === 'none' ? 'no timer' : `${timer.kind} in ${timer.inS.toFixed(2)} s`
}
