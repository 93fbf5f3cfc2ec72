import { setTimeout as delay } from 'node:timers/promises'
import { type TcpRow, TcpSnapshot } from '#lib/kernel/tcp-table.ts'
import { PATIENCE_MS, type TcpProbe } from './tcp-probe.ts'

/** How often to look whether something has moved, in milliseconds. */
const LOOK_MS = 100
/** So many times as long as a look took, there is none after it. */
const PAUSE = 10

/** The next look at the kernel's tables, which take milliseconds to read: all who wait share it. */
let nextLook: Promise<TcpSnapshot> | undefined
let tookMs = 0

function look(): Promise<TcpSnapshot> {
  nextLook ??= delay(Math.max(LOOK_MS, PAUSE * tookMs)).then(() => {
    nextLook = undefined
    const snapshot = new TcpSnapshot()
    // All who share it look in the same turn of the event loop.
    const startMs = performance.now()
    setImmediate(() => {
      tookMs = performance.now() - startMs
    })
    return snapshot
  })
  return nextLook
}

/**
 * Whether the program holds the client back, and does not just pause: nothing that waits for it moves
 * for `PATIENCE_MS`. Where Linux shows the queue, each byte counts; elsewhere it
 * moves when a whole block of ours has been taken.
 */
export async function appliesBackPressure(probe: TcpProbe): Promise<boolean> {
  const end = performance.now() + PATIENCE_MS
  const waiting = probe.unsentBytes
  const queue = endsOf(probe, new TcpSnapshot()).ours?.txQueue
  while (performance.now() < end) {
    const snapshot = await look()
    if (probe.isClosed || probe.unsentBytes !== waiting) return false
    if (endsOf(probe, snapshot).ours?.txQueue !== queue) return false
  }
  return true
}

/**
 * Waits until the program has read everything that was sent, or nothing has moved for `quietMs`. What
 * still waits in a kernel is seen on Linux only; elsewhere it ends when our kernel has taken all.
 */
export async function waitUntilRead(probe: TcpProbe, quietMs: number): Promise<void> {
  let before = Number.POSITIVE_INFINITY
  let waiting = Number.POSITIVE_INFINITY
  let movedMs = performance.now()
  for (;;) {
    const snapshot = await look()
    if (probe.isClosed) return
    // While our own memory empties, the kernel's tables say nothing more.
    if (probe.unsentBytes > 0 && probe.unsentBytes < waiting) movedMs = performance.now()
    else {
      const { ours, theirs } = endsOf(probe, snapshot)
      const left = probe.unsentBytes + (ours?.txQueue ?? 0) + (theirs?.rxQueue ?? 0)
      if (left === 0) return
      if (left !== before) movedMs = performance.now()
      else if (performance.now() - movedMs > quietMs) return
      before = left
    }
    waiting = probe.unsentBytes
  }
}

/**
 * How many bytes a program that sends everything back has taken, and not given to its kernel yet: so
 * much it holds in its memory. For a client that reads nothing, when nothing moves. Undefined where
 * the queues of both sides are not seen: elsewhere than on Linux, and where the server is not here.
 */
export function bytesHeldInMemory(probe: TcpProbe): number | undefined {
  const { bytesWritten, bytesRead } = probe.socket
  const { ours, theirs } = endsOf(probe, new TcpSnapshot())
  if (!ours || !theirs) return undefined
  const taken = bytesWritten - probe.unsentBytes - ours.txQueue - theirs.rxQueue
  return taken - theirs.txQueue - ours.rxQueue - bytesRead
}

/** What our kernel holds that the program has not taken, and what waits for it to be read. */
function endsOf(
  { socket: { localPort, remotePort } }: TcpProbe,
  snapshot: TcpSnapshot,
): { ours?: TcpRow; theirs?: TcpRow } {
  if (process.platform !== 'linux' || localPort === undefined || remotePort === undefined) return {}
  const [ours, theirs] = snapshot.ends(localPort, remotePort)
  return { ...(ours && { ours }), ...(theirs && { theirs }) }
}
