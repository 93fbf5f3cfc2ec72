import { endpoint } from '#lib/program/endpoint.ts'
import type { StateEvent, TcpEvent } from '#lib/trace/recording.ts'
import { parseSeconds } from './clock.ts'

/** What every line of a trace says. */
interface Traced {
  /** Monotonic time in nanoseconds; the kernel prints microseconds. */
  tNs: number
  /** The task that ran at that moment. For what a packet set off, that may be anybody. */
  pid: number
}

/** A line of one of the events that `startTracefs` knows, before anybody knows whose it is. */
export type TraceRecord = Traced &
  (
    | ({ kind: 'state' } & Pick<StateEvent, 'from' | 'to' | 'local' | 'remote'>)
    | ({ kind: 'probe' | 'retransmit' } & Omit<TcpEvent, 'tNs' | 'end' | 'lane' | 'text' | 'kind'>)
    | { kind: 'marker'; text: string }
  )

/** The kernel's names, and those of RFC 9293. */
const STATES: Record<string, string> = {
  TCP_ESTABLISHED: 'ESTABLISHED',
  TCP_SYN_SENT: 'SYN-SENT',
  TCP_SYN_RECV: 'SYN-RECEIVED',
  TCP_NEW_SYN_RECV: 'SYN-RECEIVED',
  TCP_FIN_WAIT1: 'FIN-WAIT-1',
  TCP_FIN_WAIT2: 'FIN-WAIT-2',
  TCP_TIME_WAIT: 'TIME-WAIT',
  TCP_CLOSE: 'CLOSED',
  TCP_CLOSE_WAIT: 'CLOSE-WAIT',
  TCP_LAST_ACK: 'LAST-ACK',
  TCP_LISTEN: 'LISTEN',
  TCP_CLOSING: 'CLOSING',
}

// "            node-22717   [000] ..s2. 15070.841849: tcp_probe: family=…"; a name may have any form.
const LINE = /^.*-(\d+) +(?:\([^)]*\) +)?\[\d+\] (?:\S+ +)?(\d+\.\d+): (\w+): ?(.*)$/

/** One line of `trace_pipe`; undefined for other events and for notes of lost ones. */
export function parseTrace(line: string): TraceRecord | undefined {
  const [, pid, time, event, rest = ''] = LINE.exec(line) ?? []
  if (time === undefined) return undefined
  const traced = { tNs: Number(parseSeconds(time)), pid: Number(pid) }
  if (event === 'tracing_mark_write') return { ...traced, kind: 'marker', text: rest }
  const fields = Object.fromEntries(rest.split(' ').map(field => field.split(/=(.*)/, 2)))
  switch (event) {
    case 'inet_sock_set_state':
      return stateOf(traced, fields)
    case 'tcp_probe':
      return { ...traced, kind: 'probe', ...variables(fields) }
    case 'tcp_retransmit_skb':
      return { ...traced, kind: 'retransmit', ...endpoints(fields) }
    default:
      return undefined
  }
}

type Fields = Record<string, string | undefined>

function stateOf(traced: Traced, fields: Fields): TraceRecord | undefined {
  const { protocol, oldstate = '', newstate = '' } = fields
  const [from, to] = [STATES[oldstate], STATES[newstate]]
  if (protocol !== 'IPPROTO_TCP' || from === undefined || to === undefined) return undefined
  return { ...traced, kind: 'state', from, to, ...endpoints(fields) }
}

/** An IPv4 socket has its address in `saddr`; of one of IPv6 that field means nothing. */
function endpoints({ family, saddr, daddr, saddrv6, daddrv6, sport, dport }: Fields) {
  const [local, remote] = family === 'AF_INET6' ? [saddrv6, daddrv6] : [saddr, daddr]
  return {
    local: endpoint(unmapped(local), Number(sport)),
    remote: endpoint(unmapped(remote), Number(dport)),
  }
}

function variables({ src = '', dest = '', ...fields }: Fields) {
  const number = (name: string) => Number(fields[name])
  return {
    local: unmappedEndpoint(src),
    remote: unmappedEndpoint(dest),
    sndUna: number('snd_una'),
    sndNxt: number('snd_nxt'),
    sndWnd: number('snd_wnd'),
    rcvWnd: number('rcv_wnd'),
    cwnd: number('snd_cwnd'),
    ssthresh: number('ssthresh'),
    srttUs: number('srtt'),
  }
}

/** A socket of IPv6 may carry a connection of IPv4: its packets have the plain addresses. */
export function unmapped(address: string | undefined): string | undefined {
  return address?.replace(/^::ffff:(?=\d+\.)/, '')
}

const unmappedEndpoint = (text: string): string =>
  text.replace(/^\[::ffff:(\d+\.\d+\.\d+\.\d+)\]/, '$1')
