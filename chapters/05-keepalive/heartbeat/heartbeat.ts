import type { Socket } from 'node:net'

/** What is wrong with these flags: nobody may be called silent who was not asked. */
export function checkTimes(flags: { 'interval-ms': number; 'timeout-ms': number }) {
  const { 'interval-ms': interval, 'timeout-ms': timeout } = flags
  if (timeout >= 2 * interval) return undefined
  return `--timeout-ms must be at least twice --interval-ms (${interval}), got ${timeout}`
}

/**
 * Pings a peer, and says when nothing has come from it for `timeoutMs`.
 *
 * Whatever comes is a sign of life, not only the pong: a long answer on a slow line is one. What
 * came while this program itself was busy counts too.
 */
export function watchOver(
  socket: Socket,
  { intervalMs, timeoutMs }: { intervalMs: number; timeoutMs: number },
  on: { ping: () => void; silence: (ms: number) => void },
): void {
  let bytes = socket.bytesRead
  let heardMs = performance.now()

  const look = () => {
    if (socket.destroyed) return
    const nowMs = performance.now()
    if (socket.bytesRead !== bytes) heardMs = nowMs
    bytes = socket.bytesRead
    if (nowMs - heardMs >= timeoutMs) on.silence(nowMs - heardMs)
    // To one who does not read, pings would pile up.
    else if (socket.writableLength === 0) on.ping()
  }
  // Timers run before sockets are read. After a long computation of our own, a timer that decides
  // at once calls everybody dead whose pong is waiting to be read: let Node read first.
  const timer = setInterval(() => setImmediate(look), intervalMs)
  socket.once('close', () => clearInterval(timer))
}
