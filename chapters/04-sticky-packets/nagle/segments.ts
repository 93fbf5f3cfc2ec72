import { spawnSync } from 'node:child_process'
import type { Socket } from 'node:net'

/**
 * How many segments with data the kernel has sent for a connection, as `ss` knows it, without those
 * that it sent again; NaN on other systems, which have no `ss`, and no other way to ask.
 *
 * @see ss(8): `-i`; `tcpi_data_segs_out` and `tcpi_total_retrans` of the kernel's `struct tcp_info`
 */
export function segmentsSent(socket: Socket): number {
  const port = `sport = :${socket.localPort}`
  const { stdout } = spawnSync('ss', ['-tinH', port], { encoding: 'utf8' })
  const sent = Number(/ data_segs_out:(\d+)/.exec(stdout ?? '')?.[1])
  // An ACK that is delayed comes after the kernel has asked for it, with the last segment again.
  return sent - Number(/ retrans:\d+\/(\d+)/.exec(stdout ?? '')?.[1] ?? 0)
}
