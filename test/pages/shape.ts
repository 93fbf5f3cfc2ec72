import type { Lane, SyscallEvent, TraceEvent } from '#lib/trace/recording.ts'
import { Connections, type SocketEvent } from '#lib/trace/sockets.ts'

/**
 * What a run looks like apart from what may differ from run to run: for each lane, end and socket,
 * what happened there, in order. Sockets of one end are in the order of what happened to them, not
 * of their numbers.
 *
 * Left out or evened out, each for a reason:
 *
 * - times, ports, sequence numbers, descriptors: chosen by the kernel;
 * - the interleaving of ends, of sockets and of lanes: two processes run side by side, and each
 *   lane has a source of its own; within one of them order is kept. What a program prints belongs
 *   to the connection whose address it names;
 * - where a run of bytes was cut: read(2) returns what has arrived, so `data` events, reads, writes
 *   and segments in a row count as one, with the sum of their bytes;
 * - pure ACKs after the handshake, and FIN apart from the last data: the kernel delays an ACK to
 *   send it along with data, and puts the FIN on the last segment when that has not left yet;
 * - how many RSTs come in a row: a closed socket answers each segment, late ACKs included;
 * - FIN-WAIT-2 and CLOSING: whether the peer's ACK comes before its FIN or with it;
 * - calls that found nothing (EAGAIN), and those that only ask for an address: how often Node tries
 *   is its own affair, and differs from version to version; the read that returns 0, which
 *   libuv saves when the hang-up comes along with the last bytes; and options that the kernel
 *   refuses: newer versions do not ask for them (chapter 05).
 */
export function shapeOf(
  events: readonly TraceEvent[],
  lanes: readonly Lane[],
): Record<string, string[]> {
  const groups = new Map<string, Map<string, string[]>>()
  const add = (group: string, member: string, what: string) => {
    const members = groups.get(group) ?? new Map<string, string[]>()
    groups.set(group, members)
    members.set(member, [...(members.get(member) ?? []), what])
  }
  const connections = new Connections()
  const descriptors = new Descriptors()
  for (const event of events) {
    if (!lanes.includes(event.lane)) continue
    const group = `${event.end} ${event.lane}`
    if (event.lane === 'js') {
      const member = event.socket ?? ENDPOINT.exec(event.text)?.[0]
      add(group, String(member), withoutNumbers(event.text, event.bytes))
    } else if (event.lane === 'syscall') {
      const what = callOf(event)
      const member = descriptors.of(event)
      if (what !== undefined) add(group, member, what)
    } else if (event.lane !== 'tcp') {
      const what = event.lane === 'state' ? stepOf(event.to) : segmentOf(event)
      const { key } = connections.of(event) ?? { key: 'listening' }
      for (const each of what) add(group, key, each)
    }
  }
  return Object.fromEntries(
    [...groups].map(([group, members]) => [
      group,
      [...members.values()].map(list => merged(list).join(', ')).sort(),
    ]),
  )
}

/** Names the connection that a program prints a line about: `closed 127.0.0.1:40000 0 bytes written`. */
const ENDPOINT = /(\d+(\.\d+){3}|\[[\da-f:]+\]):\d+/

/** `data 6 bytes "hello"` without the bytes, whose sum is kept; ports and paths are left out. */
function withoutNumbers(text: string, bytes: number | undefined): string {
  const named = text
    .replaceAll(/:\d+/g, ':PORT')
    .replaceAll(/\/\S+\/example\.sock/g, 'PATH')
    .replaceAll(/\d+(\.\d+)? ms/g, 'N ms')
  const kind = /^(data|write\()/.exec(named)?.[1]
  return kind !== undefined && bytes !== undefined ? `${kind.replace('(', '')} +${bytes}` : named
}

const STATES_BETWEEN = new Set(['FIN-WAIT-2', 'CLOSING'])
const stepOf = (to: string): string[] => (STATES_BETWEEN.has(to) ? [] : [to])

function segmentOf({ lane, ...event }: Extract<SocketEvent, { lane: 'packet' }>): string[] {
  const { protocol, flags, len, means = '' } = event
  if (protocol === 'udp') return [`datagram ${len}`]
  if (flags.includes('R')) return ['RST']
  if (flags.includes('S')) return [flags.includes('.') ? 'SYN+ACK' : 'SYN']
  // Sent again because an answer was late: the machine was busy.
  if (/ again\b/.test(means)) return []
  return [...(len > 0 ? [`data +${len}`] : []), ...(flags.includes('F') ? ['FIN'] : [])]
}

const ASKING = new Set(['getsockname', 'getpeername', 'ioctl', 'fcntl'])

function callOf({ call, error, result = 0 }: SyscallEvent): string | undefined {
  if (ASKING.has(call) || error === 'EAGAIN' || error === 'EINTR') return undefined
  if (call === 'setsockopt' && error === 'EINVAL') return undefined
  if (error !== undefined) return `${call} ${error}`
  const moved = /^(read|write|recv|send)/.exec(call)?.[1]
  if (moved === undefined) return call
  const direction = moved === 'read' || moved === 'recv' ? 'read' : 'write'
  return result === 0 ? undefined : `${direction} +${result}`
}

/** Tells which socket a descriptor stands for: its number is used again after close(2). */
class Descriptors {
  readonly #current = new Map<string, string>()
  #count = 0

  of({ end, call, fd, result }: SyscallEvent): string {
    const key = `${end} ${fd}`
    if (call === 'socket') {
      this.#current.set(`${end} ${result}`, `${end} ${++this.#count}`)
      return this.#current.get(`${end} ${result}`)!
    }
    const socket = this.#current.get(key) ?? `${end} ${fd}`
    if (call.startsWith('accept') && result !== undefined && result >= 0) {
      this.#current.set(`${end} ${result}`, `${end} ${++this.#count}`)
    }
    return socket
  }
}

/** `data +3, data +4` is `data +7`; `RST, RST` is `RST`. */
function merged(list: readonly string[]): string[] {
  const result: string[] = []
  for (const what of list) {
    const [, kind, bytes] = /^(.+) \+(\d+)$/.exec(what) ?? []
    const [, lastKind, lastBytes] = /^(.+) \+(\d+)$/.exec(result.at(-1) ?? '') ?? []
    if (kind !== undefined && kind === lastKind) {
      result.splice(-1, 1, `${kind} +${Number(bytes) + Number(lastBytes)}`)
    } else if (what !== 'RST' || result.at(-1) !== 'RST') result.push(what)
  }
  return result
}
