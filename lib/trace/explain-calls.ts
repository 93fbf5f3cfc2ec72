import { bytesInWords } from './describe.ts'
import type { End, SyscallEvent } from './recording.ts'

/** What is known of a descriptor from the calls before. */
interface Descriptor {
  kind: 'TCP' | 'UDP' | 'Unix' | undefined
  listening: boolean
}

const FAILURES: Record<string, string> = {
  EADDRINUSE: 'somebody has this address already',
  EADDRNOTAVAIL: 'not an address of this machine, or the five-tuple is in use',
  EACCES: 'not permitted',
  ECONNABORTED: 'the connection was gone before it was accepted',
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the peer has reset the connection',
  EHOSTUNREACH: 'there is no way to that host',
  EINTR: 'interrupted by a signal; it is called again',
  EINVAL: 'the kernel does not take these arguments',
  ENETUNREACH: 'there is no way to that network',
  ENOENT: 'there is nothing at that path',
  ENOTCONN: 'there is no connection any more',
  EPIPE: 'this connection can carry nothing any more',
  ETIMEDOUT: 'nothing answered in time',
}

const OPTIONS: Record<string, string> = {
  SO_REUSEADDR: 'may reuse the address',
  SO_REUSEPORT: 'others may listen on the same port',
  SO_KEEPALIVE: 'probes the peer when nothing was said for long',
  SO_LINGER: 'what close() does with bytes that are not sent yet',
  SO_BROADCAST: 'may send to everybody in the network',
  TCP_NODELAY: 'small pieces are sent at once: Nagle’s algorithm is off',
  TCP_KEEPIDLE: 'how long it is silent before the first probe',
  TCP_KEEPINTVL: 'how long it waits between two probes',
  TCP_KEEPCNT: 'after how many unanswered probes it gives up',
  IPV6_V6ONLY: 'whether it takes IPv4 clients too',
}

/** Says what system calls mean. It remembers which descriptor is what. */
export class CallExplainer {
  readonly #known = new Map<string, Descriptor>()

  /** The meaning of a call, as a sentence without a full stop; call it in the order of time. */
  explain(event: SyscallEvent): string {
    const { call, error, result } = event
    const descriptor = this.#descriptor(event.end, event.fd)
    const said = error === undefined ? succeeded(event, descriptor) : failed(event)
    if (error === undefined && result !== undefined) this.#learn(event)
    return said ?? (error === undefined ? `asks the kernel for ${call}` : `fails with ${error}`)
  }

  #descriptor(end: End, fd: number | undefined): Descriptor {
    return this.#known.get(`${end} ${fd}`) ?? { kind: undefined, listening: false }
  }

  #learn({ end, call, fd, result, text }: SyscallEvent): void {
    if (call === 'socket') {
      const kind = /AF_UNIX/.test(text) ? 'Unix' : /SOCK_DGRAM/.test(text) ? 'UDP' : 'TCP'
      this.#known.set(`${end} ${result}`, { kind, listening: false })
    }
    if (call === 'listen') {
      this.#known.set(`${end} ${fd}`, { ...this.#descriptor(end, fd), listening: true })
    }
    if (call === 'close') this.#known.delete(`${end} ${fd}`)
  }
}

function failed({ call, error = '' }: SyscallEvent): string | undefined {
  if (error === 'EINPROGRESS') return 'on its way; the answer comes later'
  if (error === 'EAGAIN') {
    if (/^(accept|read|recv)/.test(call)) return 'nothing more for now'
    return 'the send buffer is full: Node keeps the rest until there is room'
  }
  return FAILURES[error]
}

function succeeded(event: SyscallEvent, { kind, listening }: Descriptor): string | undefined {
  const { call, result = 0, text } = event
  if (event.result === undefined) return 'has not returned'
  if (/^(read|recv)/.test(call)) return received(result, kind)
  if (/^(write|send)/.test(call)) return sent(event, kind)
  switch (call) {
    case 'socket':
      return socketText(text)
    case 'bind':
      return /[:(]0\)?[,)]/.test(text) || /htons\(0\)/.test(text)
        ? 'takes this address; the kernel picks a port'
        : 'takes this address'
    case 'listen':
      return kind === 'Unix'
        ? 'from now on clients may connect to this path'
        : 'from now on the kernel answers handshakes by itself'
    case 'accept':
    case 'accept4':
      return 'takes a finished connection off the queue'
    case 'connect':
      return kind === 'UDP' ? 'remembers the peer; nothing is sent' : 'connected at once'
    case 'shutdown':
      return /SHUT_RD\b/.test(text)
        ? '"I want to read no more"'
        : /SHUT_RDWR/.test(text)
          ? '"I have nothing more to send and want to read no more"'
          : '"I have nothing more to send"'
    case 'close':
      if (listening) return 'stops listening'
      return `gives the descriptor back${kind === 'UDP' || kind === 'Unix' ? '' : '; the kernel finishes alone'}`
    case 'getsockname':
      return 'asks which address and port it has'
    case 'getpeername':
      return 'asks who is at the other end'
    case 'getsockopt':
    case 'setsockopt':
      return option(text)
    default:
      return undefined
  }
}

function socketText(text: string): string {
  if (text.includes('AF_UNIX')) return 'a new socket for paths'
  return `a new ${text.includes('SOCK_DGRAM') ? 'UDP' : 'TCP'} socket`
}

function received(result: number, kind: Descriptor['kind']): string {
  if (result > 0) return `takes ${bytesInWords(result)} out of the receive buffer`
  return kind === 'UDP' ? 'a datagram without payload' : 'nothing more will come: the peer is done'
}

function sent({ text, result = 0 }: SyscallEvent, kind: Descriptor['kind']): string {
  if (kind === 'UDP') return `one datagram of ${bytesInWords(result)} leaves`
  const asked = Number(/, (\d+)(?:, [\w|]+)*\) = \d+/.exec(text)?.[1] ?? result)
  if (asked > result) return `the kernel has room for ${result} of ${asked} bytes`
  return `the kernel has ${bytesInWords(result)}; the peer may not yet`
}

function option(text: string): string | undefined {
  if (/SO_ERROR/.test(text)) {
    const error = /\b(E[A-Z]{3,})\b/.exec(text.replace('SO_ERROR', ''))?.[1]
    if (error === undefined) return 'how did connect go? Well'
    return `how did connect go? ${FAILURES[error] ?? error}`
  }
  const name = Object.keys(OPTIONS).find(candidate => new RegExp(`\\b${candidate}\\b`).test(text))
  return name === undefined ? undefined : OPTIONS[name]
}
