import { setTimeout as delay } from 'node:timers/promises'
import { readEnds, type TcpRow } from '../lab/tcp-table.ts'
import { PATIENCE_MS, type Talk } from './talk.ts'

/** So often we look whether something has moved, in milliseconds. */
const LOOK_MS = 100

/**
 * Tells a program that holds a client back from one that only makes a pause: whether nothing of what
 * waits for it moves for `PATIENCE_MS`. Where Linux shows the queue, each byte counts; elsewhere it
 * moves when a whole block of ours has been taken.
 */
export async function staysHeldBack(talk: Talk): Promise<boolean> {
  const end = performance.now() + PATIENCE_MS
  const waiting = talk.waiting
  const queue = endsOf(talk).ours?.txQueue
  while (performance.now() < end) {
    if (talk.isGone || talk.waiting !== waiting || endsOf(talk).ours?.txQueue !== queue)
      return false
    await delay(LOOK_MS)
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
  while (!talk.isGone) {
    // While our own memory empties, the kernel's tables, which are long to read, say nothing more.
    if (talk.waiting > 0 && talk.waiting < waiting) movedMs = performance.now()
    else {
      const { ours, theirs } = endsOf(talk)
      const left = talk.waiting + (ours?.txQueue ?? 0) + (theirs?.rxQueue ?? 0)
      if (left === 0) return
      if (left !== before) movedMs = performance.now()
      else if (performance.now() - movedMs > quietMs) return
      before = left
    }
    waiting = talk.waiting
    await delay(LOOK_MS)
  }
}

/**
 * How many bytes a program that sends everything back has taken, and not given to its kernel yet: so
 * much it holds in its memory. For a client that reads nothing, when nothing moves. Undefined where
 * the queues of both sides are not seen: elsewhere than on Linux, and where the server is not here.
 */
export function heldInMemory(talk: Talk): number | undefined {
  const { bytesWritten, bytesRead } = talk.socket
  const { ours, theirs } = endsOf(talk)
  if (!ours || !theirs) return undefined
  const taken = bytesWritten - talk.waiting - ours.txQueue - theirs.rxQueue
  return taken - theirs.txQueue - ours.rxQueue - bytesRead
}

/** What our kernel holds that the program has not taken, and what waits for it to be read. */
function endsOf({ socket: { localPort, remotePort } }: Talk): { ours?: TcpRow; theirs?: TcpRow } {
  if (process.platform !== 'linux' || localPort === undefined || remotePort === undefined) return {}
  const [ours, theirs] = readEnds(localPort, remotePort)
  return { ...(ours && { ours }), ...(theirs && { theirs }) }
}
