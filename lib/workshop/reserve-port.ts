import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { Exercise } from './exercise.ts'

/** A port for one program, which no other check gets before it is released. */
export interface ReservedPort {
  port: number
  release(): void
}

/**
 * Reserves a port of 127.0.0.1 that nobody has, neither for TCP nor for UDP. The program needs one
 * of them, so that one is given up; the other is held, and tells other checks to look elsewhere.
 * Below 32768: the kernel gives such a port to nobody who has not asked for it.
 */
export async function reservePort(kind: Exercise['kind']): Promise<ReservedPort> {
  for (;;) {
    const port = randomInt(20_000, 32_768)
    const datagrams = createSocket('udp4')
    const server = createServer()
    try {
      const bound = once(datagrams, 'listening')
      datagrams.bind(port, '127.0.0.1')
      await bound
      const listening = once(server, 'listening')
      server.listen(port, '127.0.0.1')
      await listening
    } catch {
      datagrams.close()
      server.close()
      continue
    }
    const [given, held] = kind === 'udp' ? [datagrams, server] : [server, datagrams]
    await new Promise<void>(done => given.close(() => done()))
    return { port, release: () => held.close() }
  }
}
