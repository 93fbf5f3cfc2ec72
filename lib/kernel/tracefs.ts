import { createInterface } from 'node:readline'
import { parseTrace, type TraceRecord } from './parse-tracefs.ts'
import { missing } from './requirements.ts'
import { startSupervised, waitUntilShown } from './supervised.ts'
import { instanceName, type TracefsWay, tracefsWays } from './tracefs-instance.ts'

/** Trace events of the kernel that `startTracefs` can read. */
type TraceEventName = 'sock/inet_sock_set_state' | 'tcp/tcp_probe' | 'tcp/tcp_retransmit_skb'

export interface TracefsOptions {
  events: readonly TraceEventName[]
  /** Called for each event of any socket of the machine, in the order of time. */
  onTrace: (record: TraceRecord) => void
}

export interface Tracing {
  /** Settles when everything that happened before the call has been delivered. */
  stop(): Promise<void>
}

/**
 * Reads trace events of the kernel, in a trace instance of our own, stamped by the clock of
 * `process.hrtime`. Settles when the tracing really runs.
 *
 * @throws {Error} in one line, when there is no tracefs, or it may not be used.
 * @see https://docs.kernel.org/trace/ftrace.html, https://docs.kernel.org/trace/events.html
 */
export async function startTracefs(options: TracefsOptions): Promise<Tracing> {
  if (process.platform !== 'linux') throw new Error('needs Linux')
  let refused: unknown
  for (const way of tracefsWays()) {
    try {
      return await startWay(way, options)
    } catch (error) {
      refused ??= error
    }
  }
  const { message } = refused as Error
  throw new Error(missing('tracefs') ?? `cannot use tracefs: ${message}`)
}

/** As with packets, markers show that everything has come: a line of our own in the same stream. */
async function startWay(way: TracefsWay, { events, onTrace }: TracefsOptions): Promise<Tracing> {
  const name = instanceName()
  const { child, ended, end } = startSupervised(
    way.script,
    [...way.args, name, ...events],
    way.command,
  )
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
    return waitUntilShown('tracefs', seen, ended)
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
