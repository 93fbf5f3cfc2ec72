import type { Socket } from 'node:net'
import { readTcpTimer } from '#lib/kernel/tcp-timer.ts'

/**
 * The keepalive timer of a socket, in words. Node cannot ask for it; on Linux the kernel's table
 * of sockets has it, as `ss -o` shows.
 */
export function keepaliveTimer(socket: Socket): string {
  if (process.platform !== 'linux') return '(only Linux tells)'
  const timer = readTcpTimer(socket)
  return timer?.kind === 'keepalive' ? `first probe in ${Math.ceil(timer.inS)} s` : 'no timer'
}
