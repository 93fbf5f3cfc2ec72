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

/**
 * Reads the timer of the socket with that local port that is no listener, without root; undefined
 * where there is no such socket.
 *
 * @throws {Error} `ENOENT` where there is no `/proc/net/tcp`, as on any system but Linux.
 * @see proc_net_tcp in the kernel's documentation: `tr`, `tm->when` and `timeout`
 */
export function readTcpTimer(localPort: number): TcpTimer | undefined {
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    if (file.endsWith('6') && !existsSync(file)) continue // no IPv6 in this kernel
    const timer = parseTcpTimer(readFileSync(file, 'latin1'), localPort)
    if (timer !== undefined) return timer
  }
  return undefined
}

/** The part of `readTcpTimer` that needs no kernel. */
export function parseTcpTimer(text: string, localPort: number): TcpTimer | undefined {
  for (const line of text.trimEnd().split('\n').slice(1)) {
    const [, local = '', , state, , timer = '', , , unanswered] = line.trim().split(/\s+/)
    if (state === '0A' || Number.parseInt(local.split(':')[1] ?? '', 16) !== localPort) continue
    const [kind = '', when = ''] = timer.split(':')
    return {
      kind: KINDS[Number.parseInt(kind, 16)] ?? 'none',
      inS: Number.parseInt(when, 16) / 100,
      unanswered: Number(unanswered),
    }
  }
  return undefined
}

/** A timer in words: `keepalive in 7200 s`. */
export function describeTimer(timer: TcpTimer | undefined): string {
  if (timer === undefined) return 'no socket'
  return timer.kind === 'none' ? 'no timer' : `${timer.kind} in ${timer.inS.toFixed(2)} s`
}
