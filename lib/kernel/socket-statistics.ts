import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/** A socket as `ss` shows it. */
export interface SocketStatistics {
  /** In ss's own words: `ESTAB`, `SYN-RECV`, `LISTEN` … */
  state: string
  /** Bytes that wait to be read. For LISTEN: connections that wait to be accepted. */
  recvQ: number
  /** Bytes that are not acknowledged. For LISTEN: the backlog. */
  sendQ: number
  local: string
  remote: string
  /** Socket memory in bytes: `r` used and `rb` limit for receiving, `t` and `tb` for sending … */
  memory: Record<string, number>
  /** Everything of the form `name:value`: `cwnd`, `rto`, `rtt`, `snd_wnd`, `wscale`, `timer` … */
  info: Record<string, string>
  /** Words without a value: `ts`, `sack`, `ecn`, the name of the congestion control … */
  flags: string[]
}

/**
 * Asks `ss` for TCP sockets with all that it knows about them.
 *
 * `filter`: in its own language, as words: `['sport', '=', ':7020']`.
 *
 * @throws {Error} in ss's words, or `ENOENT` where there is no ss (Debian package iproute2).
 * @see ss(8)
 */
export async function readSocketStatistics(filter: readonly string[]): Promise<SocketStatistics[]> {
  const { stdout } = await promisify(execFile)('ss', ['-tanoiemHO', ...filter])
  return stdout.split('\n').filter(Boolean).map(parseSocketStatistics)
}

/** One line of `ss -tanoiemHO`. */
export function parseSocketStatistics(line: string): SocketStatistics {
  const [state = '', recvQ, sendQ, local = '', remote = '', ...rest] = line.trim().split(/\s+/)
  const info: Record<string, string> = {}
  const flags: string[] = []
  for (const word of rest) {
    const at = word.indexOf(':')
    if (at > 0) info[word.slice(0, at)] = word.slice(at + 1)
    else flags.push(word)
  }
  const memory = Object.fromEntries(
    [...(info.skmem ?? '').matchAll(/([a-z]+)(\d+)/g)].map(([, name, value]) => [
      name,
      Number(value),
    ]),
  )
  return { state, recvQ: Number(recvQ), sendQ: Number(sendQ), local, remote, memory, info, flags }
}
