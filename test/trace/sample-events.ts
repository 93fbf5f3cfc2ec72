import { packetText } from '#lib/trace/packet-text.ts'
import type {
  End,
  PacketEvent,
  StateEvent,
  SyscallEvent,
  TcpEvent,
  TraceEvent,
} from '#lib/trace/recording.ts'
import { event } from './events.ts'

/** Addresses as the ends of 02/echo had them. */
export const SERVER = '127.0.0.1:7020'
export const CLIENT = '127.0.0.1:48286'
const addressOf = (end: End): string => (end === 'server' ? SERVER : CLIENT)

/** A segment in the notation of packetText: `[S] seq 100 win 65495 mss 65495`. */
export function segment(
  end: End,
  ms: number,
  notation: string,
  more: Partial<Omit<PacketEvent, 'lane'>> = {},
): PacketEvent {
  const [, flags = '', rest = ''] = /^\[(.*?)\] ?(.*)$/.exec(notation) ?? []
  const number = (name: string) => {
    const value = new RegExp(`\\b${name} (\\d+)`).exec(rest)?.[1]
    return value === undefined ? {} : { [name]: Number(value) }
  }
  const { win, ...numbers } = { ...number('seq'), ...number('ack'), ...number('win') } as {
    seq?: number
    ack?: number
    win?: number
  }
  const facts = {
    protocol: 'tcp' as const,
    flags,
    ...numbers,
    len: (number('len') as { len?: number }).len ?? 0,
    window: win ?? 64,
    options: flags.includes('S') ? 'mss 65495,sackOK,nop,wscale 10' : 'nop,nop',
  }
  const packet = {
    tNs: ms * 1e6,
    end,
    lane: 'packet' as const,
    source: addressOf(end),
    destination: addressOf(end === 'server' ? 'client' : 'server'),
    ...facts,
    ...more,
  }
  return { ...packet, text: packetText(packet) }
}

export function state(end: End, ms: number, from: string, to: string): StateEvent {
  const listens = to === 'LISTEN' || (from === 'LISTEN' && to === 'CLOSED')
  return {
    ...{ tNs: ms * 1e6, end, lane: 'state', from, to, text: `${from} → ${to}` },
    local: to === 'SYN-SENT' ? '127.0.0.1:0' : addressOf(end),
    remote: listens ? '0.0.0.0:0' : addressOf(end === 'server' ? 'client' : 'server'),
  }
}

/** A call as strace writes it, addresses shortened: `read(20, "hello", 65536) = 5`. */
export function syscall(end: End, ms: number, text: string): SyscallEvent {
  const [, call = '', args = '', returned = ''] = /^(\w+)\((.*)\) = (.*)$/.exec(text) ?? []
  const error = /\b(E[A-Z]+)\b/.exec(returned)?.[1]
  const result = error === undefined ? Number(returned) : -1
  const fd = call === 'socket' ? result : Number(/^\d+/.exec(args)?.[0])
  return {
    ...{ tNs: ms * 1e6, end, lane: 'syscall', call, text, result },
    ...(fd >= 0 ? { fd } : {}),
    ...(error === undefined ? {} : { error }),
  }
}

export function probe(end: End, ms: number, variables: Partial<TcpEvent>): TcpEvent {
  return {
    ...{ tNs: ms * 1e6, end, lane: 'tcp', kind: 'probe', text: 'variables' },
    local: addressOf(end),
    remote: addressOf(end === 'server' ? 'client' : 'server'),
    ...variables,
  }
}

/** A run of 02/echo in all lanes but the sender's variables, in the order of time. */
export const ECHO: readonly TraceEvent[] = [
  event('server', 0, 'listen(127.0.0.1:0)', { event: 'listen()' }),
  syscall('server', 0.2, 'socket(AF_INET, SOCK_STREAM) = 19'),
  syscall('server', 0.4, 'bind(19, 127.0.0.1:0) = 0'),
  syscall('server', 0.5, 'listen(19, 511) = 0'),
  state('server', 0.6, 'CLOSED', 'LISTEN'),
  event('server', 1, `listening ${SERVER}`),
  event('server', 2, `listening ${SERVER}`, { event: 'print' }),
  event('client', 100, `connect(${SERVER})`, { event: 'connect()', socket: 1 }),
  syscall('client', 100, 'socket(AF_INET, SOCK_STREAM) = 19'),
  syscall('client', 100, `connect(19, ${SERVER}) = -1 EINPROGRESS`),
  state('client', 100.1, 'CLOSED', 'SYN-SENT'),
  segment('client', 100.1, '[S] seq 1000 win 65495 mss 65495'),
  segment('server', 100.2, '[S.] seq 5000 ack 1001 win 65483 mss 65495'),
  segment('client', 100.2, '[.] ack 5001'),
  state('client', 100.3, 'SYN-SENT', 'ESTABLISHED'),
  state('server', 100.3, 'LISTEN', 'SYN-RECEIVED'),
  state('server', 100.3, 'SYN-RECEIVED', 'ESTABLISHED'),
  event('client', 101, `connect ${SERVER}`, { socket: 1 }),
  event('client', 101.1, 'end(6 bytes "hello\\n")', { event: 'end()', socket: 1, bytes: 6 }),
  syscall('client', 101.2, 'write(19, "hello\\n", 6) = 6'),
  segment('client', 101.3, '[P.] seq 1001 ack 5001 len 6'),
  segment('server', 101.3, '[.] ack 1007'),
  syscall('client', 101.4, 'shutdown(19, SHUT_WR) = 0'),
  segment('client', 101.5, '[F.] seq 1007 ack 5001'),
  state('client', 101.5, 'ESTABLISHED', 'FIN-WAIT-1'),
  state('server', 101.6, 'ESTABLISHED', 'CLOSE-WAIT'),
  syscall('server', 101.7, 'accept4(19) = 20'),
  event('server', 101.8, `connection ${CLIENT}`, { socket: 1 }),
  syscall('server', 101.9, 'read(20, "hello\\n", 65536) = 6'),
  event('server', 102, 'data 6 bytes "hello\\n"', { socket: 1, bytes: 6 }),
  syscall('server', 102.1, 'write(20, "hello\\n", 6) = 6'),
  segment('server', 102.2, '[P.] seq 5001 ack 1008 len 6'),
  segment('client', 102.2, '[.] ack 5007'),
  state('client', 102.3, 'FIN-WAIT-1', 'FIN-WAIT-2'),
  syscall('server', 102.4, 'shutdown(20, SHUT_WR) = 0'),
  segment('server', 102.5, '[F.] seq 5007 ack 1008'),
  segment('client', 102.5, '[.] ack 5008'),
  state('server', 102.5, 'CLOSE-WAIT', 'LAST-ACK'),
  state('client', 102.6, 'FIN-WAIT-2', 'TIME-WAIT'),
  state('server', 102.6, 'LAST-ACK', 'CLOSED'),
  event('server', 103, 'close', { socket: 1 }),
  state('server', 200, 'LISTEN', 'CLOSED'),
]
