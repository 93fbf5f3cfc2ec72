import { createInterface } from 'node:readline'
import { cureFor, RIGHTS } from '../lab/rights.ts'
import { shown, startGuard } from './guard.ts'
import { parseTrace, type TraceRecord } from './parse-tracefs.ts'

/** Trace events of the kernel that `startTracefs` can read. */
export type TraceEventName = 'sock/inet_sock_set_state' | 'tcp/tcp_probe' | 'tcp/tcp_retransmit_skb'

export interface TracefsOptions {
  events: readonly TraceEventName[]
  /** Called for each event of any socket of the machine, in the order of time. */
  onTrace: (record: TraceRecord) => void
}

export interface Tracing {
  /** Settles when everything that happened before the call has been delivered. */
  stop(): Promise<void>
}

/** Instances of this program are called so, with the process and a number behind it. */
export const INSTANCE_PREFIX = 'socket-kit-'

/**
 * Works in a mount namespace of its own: tracefs is mounted there whether or not it is elsewhere,
 * and goes with it. The instance is for all to see, and is removed at the end.
 */
const SCRIPT = `
instance=/sys/kernel/tracing/instances/$1
shift
prepare() {
  echo mono >"$instance/trace_clock" || return 1
  for event; do echo 1 >"$instance/events/$event/enable" || return 1; done
}
mount -t tracefs nodev /sys/kernel/tracing && mkdir "$instance" || exit 1
if prepare "$@"; then
  cat "$instance/trace_pipe" </dev/null &
  exec >/dev/null
  while read -r mark; do echo "$mark" >"$instance/trace_marker"; done
  kill $!
  wait $!
fi
for try in 1 2 3 4 5 6 7 8 9 10; do rmdir "$instance" 2>/dev/null && break; sleep 0.1; done
`

let instances = 0

/**
 * Reads trace events of the kernel, in a trace instance of our own, stamped by the clock of
 * `process.hrtime`. Settles when the tracing really runs.
 *
 * As with packets, markers tell that everything has come: a line of our own in the same stream.
 *
 * @throws {Error} in one line, when there is no tracefs, or it may not be used.
 * @see https://docs.kernel.org/trace/ftrace.html, https://docs.kernel.org/trace/events.html
 */
export async function startTracefs({ events, onTrace }: TracefsOptions): Promise<Tracing> {
  if (process.platform !== 'linux') throw new Error('needs Linux')
  if (process.getuid?.() !== 0) throw new Error(cureFor(RIGHTS.tracing))
  const name = `${INSTANCE_PREFIX}${process.pid}-${++instances}`
  const { child, ended, end } = startGuard(SCRIPT, [name, ...events], ['unshare', '--mount'])
  let awaited: { text: string; seen: () => void } | undefined
  createInterface({ input: child.stdout }).on('line', line => {
    const record = parseTrace(line)
    if (record?.kind === 'marker') {
      if (record.text.trim() === awaited?.text) awaited.seen()
    } else if (record) onTrace(record)
  })

  /** Writes a marker and waits until it comes back. */
  const mark = (text: string): Promise<void> => {
    const seen = new Promise<void>(resolve => {
      awaited = { text, seen: resolve }
      child.stdin.write(`${text}\n`)
    })
    return shown('tracefs', seen, ended.then(reasonOf))
  }

  try {
    await mark(`${name} starts`)
  } catch (error) {
    await end()
    throw error
  }
  return {
    stop: () => mark(`${name} ends`).finally(end),
  }
}

/** Why there is no tracing, and what would bring it. */
function reasonOf(said: string): string {
  if (/ENOENT|not found/.test(said)) {
    return `cannot use tracefs: ${said} (apt-get install util-linux mount)`
  }
  // The line of mount(8) that comes last says that the kernel may know more.
  if (/denied|not permitted|dmesg/.test(said)) {
    return cureFor(RIGHTS.tracing)
  }
  if (/mount point|unknown filesystem/.test(said)) return 'needs a kernel with tracefs'
  return `cannot use tracefs: ${said}`
}
