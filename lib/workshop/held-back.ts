import { setTimeout as delay } from 'node:timers/promises'
import { type TcpRow, TcpSnapshot } from '#lib/kernel/tcp-table.ts'
import { PATIENCE_MS, type Talk } from './talk.ts'

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
 * Tells a program that holds a client back from one that only makes a pause: whether nothing of what
 * waits for it moves for `PATIENCE_MS`. Where Linux shows the queue, each byte counts; elsewhere it
 * moves when a whole block of ours has been taken.
 */
export async function staysHeldBack(talk: Talk): Promise<boolean> {
  const end = performance.now() + PATIENCE_MS
  const waiting = talk.waiting
  const queue = endsOf(talk, new TcpSnapshot()).ours?.txQueue
  while (performance.now() < end) {
    const snapshot = await look()
    if (talk.isGone || talk.waiting !== waiting) return false
    if (endsOf(talk, snapshot).ours?.txQueue !== queue) return false
  }
  return true
}

/**
 * Waits until the program has read everything that was sent, or nothing has moved for `quietMs`. What
 * still waits in a kernel is seen on Linux only; elsewhere it ends when our kernel has taken all.
 */
export async function hasRead(talk: Talk, quietMs: number): Promise<void> {
  let before = Number.POSITIVE_INFINITY
  let waiting = Number.POSITIVE_INFINITY
  let movedMs = performance.now()
  for (;;) {
    const snapshot = await look()
    if (talk.isGone) return
    // While our own memory empties, the kernel's tables say nothing more.
    if (talk.waiting > 0 && talk.waiting < waiting) movedMs = performance.now()
    else {
      const { ours, theirs } = endsOf(talk, snapshot)
      const left = talk.waiting + (ours?.txQueue ?? 0) + (theirs?.rxQueue ?? 0)
      if (left === 0) return
      if (left !== before) movedMs = performance.now()
      else if (performance.now() - movedMs > quietMs) return
      before = left
    }
    waiting = talk.waiting
  }
}

/**
 * How many bytes a program that sends everything back has taken, and not given to its kernel yet: so
 * much it holds in its memory. For a client that reads nothing, when nothing moves. Undefined where
 * the queues of both sides are not seen: elsewhere than on Linux, and where the server is not here.
 */
export function heldInMemory(talk: Talk): number | undefined {
  const { bytesWritten, bytesRead } = talk.socket
  const { ours, theirs } = endsOf(talk, new TcpSnapshot())
  if (!ours || !theirs) return undefined
  const taken = bytesWritten - talk.waiting - ours.txQueue - theirs.rxQueue
  return taken - theirs.txQueue - ours.rxQueue - bytesRead
}

/** What our kernel holds that the program has not taken, and what waits for it to be read. */
function endsOf(
  { socket: { localPort, remotePort } }: Talk,
  snapshot: TcpSnapshot,
): { ours?: TcpRow; theirs?: TcpRow } {
  if (process.platform !== 'linux' || localPort === undefined || remotePort === undefined) return {}
  const [ours, theirs] = snapshot.ends(localPort, remotePort)
  return { ...(ours && { ours }), ...(theirs && { theirs }) }
}
