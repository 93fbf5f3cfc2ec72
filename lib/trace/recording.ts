/** Which program of an example saw an event. */
export type End = 'server' | 'client'

/** The level at which an event was seen. */
export type Lane = 'js' | 'syscall' | 'state' | 'packet' | 'tcp'

/** What one observer saw at one moment. */
export interface TraceEvent {
  /** Monotonic time in nanoseconds. In a recording: since its first event. */
  tNs: number
  end: End
  lane: Lane
  /** What a reader sees: `data 5 bytes "hello"`. */
  text: string
  /** JavaScript lane: `listening`, `data`, `write()` …, or `print` for a line of output. */
  event?: string
  /** JavaScript lane: which socket of the program, counted from 1; missing for a server. */
  socket?: number
  /** JavaScript lane: number of bytes of a `data`, `message`, `write()`, `end()` or `send()`. */
  bytes?: number
}

/** `live`, `sampled`, or why the lane is missing. */
export type LaneStatus = 'live' | 'sampled' | `missing: ${string}`

/** A run of an example as it is kept in a file. */
export interface Recording {
  meta: {
    example: string
    kernel: string
    node: string
    date: string
    lanes: Partial<Record<Lane, LaneStatus>>
  }
  /** In the order of time. */
  events: TraceEvent[]
}
