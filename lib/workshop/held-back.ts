import { setTimeout as delay } from 'node:timers/promises'
import { readTcpTable } from '../lab/tcp-table.ts'
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
  const queue = sendQueue(talk)
  while (performance.now() < end) {
    if (talk.isGone || talk.waiting !== waiting || sendQueue(talk) !== queue) return false
    await delay(LOOK_MS)
  }
  return true
}

/** Bytes that our kernel holds since the other side does not take them. */
function sendQueue({ socket: { localPort, remotePort } }: Talk): number | undefined {
  if (process.platform !== 'linux') return undefined
  const ours = readTcpTable().find(
    row => row.localPort === localPort && row.remotePort === remotePort,
  )
  return ours?.txQueue
}
