import type { CapturedFrame } from './captured-frame.ts'

/** Which program of an example saw an event. */
export type End = 'server' | 'client'

/** The lane in which an event was seen. */
export const LANES = ['js', 'syscall', 'state', 'packet', 'tcp'] as const
export type Lane = (typeof LANES)[number]

interface EventBase {
  /** Monotonic time in nanoseconds. In a recording: since its first event. */
  tNs: number
  /** The program that saw it. Of a packet: the end that sent it. */
  end: End
  /** What happened, in the notation of its lane: `data 5 bytes "hello"`, `shutdown(20, SHUT_WR)`. */
  text: string
  /** What that means to a learner: `I have nothing more to send`. */
  means?: string
  /** It stands for so many events of its kind, which a shortened timeline leaves out. */
  count?: number
}

/** An event of a `net`, `dgram` or `http` object, a call to one, or a line of output. */
export interface JsEvent extends EventBase {
  lane: 'js'
  /** `listening`, `data`, `write()` …, or `print` for a line of output. */
  event?: string
  /** Which socket of the program, counted from 1; missing for a server. */
  socket?: number
  /** For a datagram socket, whose `listening` and `connect` mean something else than TCP's. */
  transport?: 'udp'
  /** Number of bytes of a `data`, `message`, `write()`, `end()` or `send()`. */
  bytes?: number
}

/** A system call on a socket. The time is that of its entry into the kernel. */
export interface SyscallEvent extends EventBase {
  lane: 'syscall'
  /** `socket`, `connect`, `write` … */
  call: string
  /** The descriptor that the call is about; missing where it failed to make one. */
  fd?: number
  /** What it returned: bytes, a new descriptor, 0; `-1` on failure. Missing if it never returned. */
  result?: number
  /** `EINPROGRESS`, `EAGAIN`, `EPIPE` … when `result` is -1. */
  error?: string
  /** How long it took. */
  tookNs?: number
}

/** One step of a socket's state machine in the kernel. */
export interface StateEvent extends EventBase {
  lane: 'state'
  /** States under the names of RFC 9293: `SYN-SENT`, `CLOSE-WAIT` … */
  from: string
  to: string
  /** Seen by looking again and again: there may have been other states in between. */
  sampled?: true
  /** The socket's own address and its peer's: `127.0.0.1:7020`. */
  local: string
  remote: string
}

/**
 * A segment or datagram on its way. The time is that of its capture: where both ends of its way
 * were captured, at the first of them that saw it.
 */
export interface PacketEvent extends EventBase {
  lane: 'packet'
  protocol: 'tcp' | 'udp'
  source: string
  destination: string
  /** As tcpdump writes them: `S`, `S.`, `.`, `P.`, `F.`, `R`, `R.` … Empty for UDP. */
  flags: string
  /** Absolute numbers, 32 bits. Missing for UDP, and `ack` where the ACK flag is not set. */
  seq?: number
  ack?: number
  /** In a SYN whose numbers were made relative: the real one, for which 0 now stands. */
  isn?: number
  /** Bytes of payload. */
  len: number
  /** The window field as sent: not yet scaled. */
  window?: number
  /** Options as tcpdump writes them: `mss 65495,sackOK,TS val …,wscale 10`. */
  options?: string
  /**
   * When it left one host and when it reached the next one, where it was captured at both.
   * Without `arrivedNs` it was lost on the way; without `sentNs` it is a copy, or no host was seen
   * to send it.
   */
  sentNs?: number
  arrivedNs?: number
  /** The link that it passed: its name in `links`. */
  link?: string
  /** The link has delivered the same packet before. */
  copy?: true
  /** It arrived with other bits than it was sent with. */
  corrupted?: true
  /** As it was captured, where that was asked for. Not kept in a recording. */
  frame?: CapturedFrame
}

/** The sender's variables when a segment arrived, or a segment that was sent again. */
export interface TcpEvent extends EventBase {
  lane: 'tcp'
  kind: 'probe' | 'retransmit'
  local: string
  remote: string
  sndUna?: number
  sndNxt?: number
  /** Bytes. */
  sndWnd?: number
  rcvWnd?: number
  /** Segments. */
  cwnd?: number
  ssthresh?: number
  /** Microseconds. */
  srttUs?: number
}

/** What one observer saw at one moment. */
export type TraceEvent = JsEvent | SyscallEvent | StateEvent | PacketEvent | TcpEvent

/** `live`, `sampled`, or why the lane is missing. */
export type LaneStatus = 'live' | 'sampled' | `missing: ${string}`

/** What a run shows at each lane that was wanted. */
export interface LaneReport {
  lanes: Partial<Record<Lane, LaneStatus>>
  /** Why the states are sampled, and what would make them live: `needs root (sudo …)`. */
  whySampled?: string
}

/** A machine, or a network namespace that is one to its programs. */
interface Host {
  name: string
  /** The programs that run there. */
  ends: End[]
  /** Its addresses, where it is not this machine with all that it has. */
  addresses?: string[]
}

/** Where packets were captured: an interface of a host. */
interface CapturePoint {
  host: string
  interface: string
}

/** What joins two hosts, captured at both of its ends. */
interface Link {
  name: string
  between: [CapturePoint, CapturePoint]
}

/** Where a run took place. */
export interface Place {
  hosts: Host[]
  captures: CapturePoint[]
  /** Missing on loopback, where a packet is captured once. */
  links?: Link[]
}

/** A run of an example as it is kept in a file. */
export interface Recording {
  meta: LaneReport &
    Place & {
      example: string
      kernel: string
      node: string
      date: string
    }
  /** In the order of time. */
  events: TraceEvent[]
}
