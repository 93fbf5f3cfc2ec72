import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'

/**
 * The keepalive timer of a socket, in words. Node cannot ask for it; on Linux the kernel's table
 * of sockets has it, as `ss -o` shows.
 *
 * @see proc_net_tcp in the kernel's documentation: `tr` and `tm->when`
 */
export function keepaliveTimer({ localPort = 0, localFamily }: Socket): string {
  if (process.platform !== 'linux') return '(only Linux tells)'
  const table = localFamily === 'IPv6' ? '/proc/net/tcp6' : '/proc/net/tcp'
  const port = `:${localPort.toString(16).toUpperCase().padStart(4, '0')}`
  for (const line of readFileSync(table, 'latin1').split('\n').slice(1)) {
    const [, local = '', , , , timer = ''] = line.trim().split(/\s+/)
    if (!local.endsWith(port)) continue
    const [kind, when = ''] = timer.split(':')
    if (kind !== '02') return 'no timer'
    // In hundredths of a second, hexadecimal.
    return `first probe in ${Math.ceil(Number.parseInt(when, 16) / 100)} s`
  }
  return 'no such socket'
}
