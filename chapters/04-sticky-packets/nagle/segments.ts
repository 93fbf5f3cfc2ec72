import { spawnSync } from 'node:child_process'
import type { Socket } from 'node:net'

/**
 * How many segments with data the kernel has sent for a connection, as `ss` knows it.
 *
 * @see ss(8): `-i`; `tcpi_data_segs_out` of the kernel's `struct tcp_info`
 */
export function segmentsSent(socket: Socket): string {
  const port = `sport = :${socket.localPort}`
  const { stdout } = spawnSync('ss', ['-tinH', port], { encoding: 'utf8' })
  // Other systems have no `ss`, and no other way to ask.
  return / data_segs_out:(\d+)/.exec(stdout ?? '')?.[1] ?? '(only ss on Linux knows) '
}
