/**
 * Records what a program's sockets do, without a line of it in the program:
 *
 *   KIT_TRACE_FD=1 node --import tsx --import ./lib/observe/js-hook.ts program.ts
 *
 * Every event is one line of JSON on the file descriptor that KIT_TRACE_FD names. Without that
 * variable nothing happens.
 */
import net from 'node:net'
import { isMainThread } from 'node:worker_threads'

const { KIT_TRACE_FD, KIT_LIFELINE_FD } = process.env
// The program's own child processes and threads inherit the environment, but not the descriptors.
delete process.env.KIT_TRACE_FD
delete process.env.KIT_LIFELINE_FD

if (isMainThread && KIT_TRACE_FD !== undefined) {
  const { observeSockets } = await import('./observe-sockets.ts')
  observeSockets(Number(KIT_TRACE_FD))
}
if (isMainThread && KIT_LIFELINE_FD !== undefined) exitWithParent(Number(KIT_LIFELINE_FD))

/**
 * Ends this process when the other end of a pipe is closed.
 *
 * Whoever runs the example holds that end. When it closes, that process has gone, however it died.
 */
function exitWithParent(fd: number): void {
  const lifeline = new net.Socket({ fd, readable: true, writable: false })
  lifeline.on('error', () => process.exit(1))
  lifeline.on('close', () => process.exit(1))
  lifeline.resume()
  lifeline.unref()
}
