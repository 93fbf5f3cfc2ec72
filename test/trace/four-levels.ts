import { packetText } from '../../lib/trace/packet-text.ts'
import type {
  End,
  PacketEvent,
  StateEvent,
  SyscallEvent,
  TcpEvent,
} from '../../lib/trace/recording.ts'

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
