import { randomBytes } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import type { Socket } from 'node:net'
import { describe, type ExpectStatic } from 'vitest'
import { greet } from '../support/greet.ts'
import { entries, entryOf, type Kit, onLinux, type Server, survives, test } from '../support/kit.ts'
import { memoryOf } from '../support/memory.ts'
import { expectNoStack } from '../support/program.ts'
import { spread, withSlow } from '../support/slow.ts'
import { flood, type TcpPeer } from '../support/tcp-peer.ts'

/** What strangers on a network do to a server, on purpose or not. */
const abuses: Record<string, (kit: Kit, server: Server) => Promise<void>> = {
  async garbage(kit, server) {
    const peer = await kit.connect(server)
    await peer.write(randomBytes(100_000)).catch(() => {})
    peer.socket.destroy()
  },
  async 'one byte at a time'(kit, server) {
    const peer = await kit.connect(server)
    peer.socket.setNoDelay()
    for (const byte of randomBytes(50)) await peer.write(Buffer.of(byte)).catch(() => {})
    peer.socket.end()
  },
  async 'connect and vanish'(kit, server) {
    const peer = await kit.connect(server)
    peer.socket.destroy()
  },
  async 'reset at once'(kit, server) {
    const peer = await kit.connect(server)
    reset(peer)
  },
  async 'reset in the middle'(kit, server) {
    const peer = await kit.connect(server)
    await peer.write(randomBytes(10_000)).catch(() => {})
    reset(peer)
  },
  async 'a frame that never ends'(kit, server) {
    const peer = await kit.connect(server)
    // As a length it promises 4 GiB, as text it is a line without an end.
    for (let sent = 0; sent < 2 * MIB && !peer.socket.destroyed; sent += 65_536) {
      const written = peer.write(Buffer.alloc(65_536, 0xff)).catch(() => {})
      // A server that has stopped reading has its reason.
      await Promise.race([written, new Promise(done => setTimeout(done, 100).unref())])
    }
    peer.socket.destroy()
  },
}

/** Something that most servers take for many questions: lines of 1 KiB. */
const QUESTIONS = Buffer.alloc(65_536, `${'x'.repeat(1023)}\n`)
const MIB = 2 ** 20

/** Asks and asks, and never reads an answer. Settles when the server takes no more, or has it all. */
async function askAndNeverRead(kit: Kit, server: Server): Promise<TcpPeer> {
  const peer = await kit.connect(server, { reading: false })
  const { question } = server.entry.example.server.abuse ?? {}
  const questions = question === undefined ? QUESTIONS : Buffer.alloc(65_536, question)
  await flood(peer.socket, 100 * MIB, questions)
  return peer
}

/** One byte a second, for as long as everything else goes on. */
async function drip(kit: Kit, server: Server): Promise<Socket> {
  const { socket } = await kit.connect(server)
  const timer = setInterval(() => socket.write('x'), 1000)
  return socket.on('close', () => clearInterval(timer))
}

/** Masses of connections: they come once to each server, and all go in the end. */
async function crowds(kit: Kit, server: Server, count: number): Promise<void> {
  // Half of a connection each: the client has nothing to say, and leaves the rest to the server.
  const halves = await Promise.all(
    Array.from({ length: count / 10 }, () => connectPatiently(kit, server)),
  )
  for (const { socket } of halves) socket.end()
  const silent: TcpPeer[] = []
  while (silent.length < count) {
    const some = Array.from({ length: Math.min(count, 100) }, () => connectPatiently(kit, server))
    silent.push(...(await Promise.all(some)))
  }
  for (const [at, peer] of [...halves, ...silent].entries()) {
    if (at % 2) peer.socket.destroy()
    else reset(peer)
  }
  // A port scan knocks, and is gone before anybody can answer.
  for (let knock = 0; knock < Math.min(count, 50); knock++) {
    reset(await connectPatiently(kit, server))
  }
}

/** 100 MiB for somebody who reads no answer, and a crowd beside: the server keeps none of it. */
async function manyAndMuch(
  expect: ExpectStatic, // of the test: among concurrent ones, poll() does not know its own
  kit: Kit,
  server: Server,
  crowd: number,
): Promise<void> {
  const used = memoryOf(server.pid, 'VmRSS')
  const deaf = await askAndNeverRead(kit, server)
  await crowds(kit, server, crowd)
  // It was sent 100 MiB. What it has dropped may still be there as garbage.
  const grown = () => {
    server.kill('SIGUSR2')
    return memoryOf(server.pid, 'VmRSS') - used
  }
  await expect.poll(grown, { timeout: 60_000, interval: 200 }).toBeLessThan(50 * MIB)
  deaf.socket.destroy()
}

/** A Unix domain socket does not let clients wait when its queue is full: it refuses them. */
async function connectPatiently(kit: Kit, server: Server): Promise<TcpPeer> {
  for (;;) {
    try {
      return await kit.connect(server)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error
      await new Promise(resolve => setTimeout(resolve, 10)) // no event tells that there is room
    }
  }
}
const CROWD = 1000

/** How many sockets a process holds, connected and listening. Linux only. */
function socketsOf({ pid }: Server): number {
  const folder = `/proc/${pid}/fd`
  return readdirSync(folder).filter(fd => {
    try {
      return readlinkSync(`${folder}/${fd}`).startsWith('socket:')
    } catch {
      return false // closed since the folder was read
    }
  }).length
}

/** A Unix domain socket has no reset: closing it with unread input is as near as it gets. */
function reset({ socket }: TcpPeer): void {
  if (socket.remotePort === undefined) socket.destroy()
  else socket.resetAndDestroy()
}

/**
 * Without these, V8 lets garbage grow to hundreds of megabytes before it looks at it, and nobody can
 * tell that from memory that is held. A server that holds too much ends for want of memory.
 */
const SMALL_HEAP = ['--max-old-space-size=64', '--max-semi-space-size=2']

/** SIGUSR2 asks for a collection of garbage. */
const COLLECTS = [
  '--expose-gc',
  "--import=data:text/javascript,process.on('SIGUSR2', () => globalThis.gc())",
]

/** With glibc, a buffer of 64 KiB that is freed goes back to the system at once. */
const FRUGAL = {
  node: [...SMALL_HEAP, ...COLLECTS],
  env: { MALLOC_MMAP_THRESHOLD_: '32768' },
}

// The name server of 03/dns listens for TCP as well.
const servers = entries.filter(
  ({ example }) => example.transport !== 'udp' || example.alsoOverTcp === true,
)
const surviving = servers.filter(survives).map(({ id }) => id)
const endingWithClient = servers
  .filter(({ example }) => example.server.ends === 'with its first client')
  .map(({ id }) => id)

// Much of it is waiting for a server that takes no more.
// Without SLOW=1, by one stranger after the other. With it, by masses of them as well.
describe.concurrent('abuse', () => {
  test.for(spread(surviving, 10, surviving.length))(
    '%s survives whatever strangers do, holds nothing of it, and still serves',
    async (id, { expect, kit }) => {
      const { quickArgs = [], abuse: allow = {} } = entryOf(id).example.server
      const server = await kit.serverWith(FRUGAL, id, ...quickArgs, ...(allow.args ?? []))
      const allowed = onLinux ? socketsOf(server) + (allow.keeps ?? 0) : 0
      // In some examples the first connection is not like the others: be it first as well.
      for (const abuse of Object.values(abuses)) await abuse(kit, server)
      const slowest = await drip(kit, server)
      for (const abuse of Object.values(abuses)) await abuse(kit, server)
      if (onLinux) {
        if (withSlow) await manyAndMuch(expect, kit, server, allow.crowd ?? CROWD)
        slowest.destroy()
        // No event tells another process that a server has noticed.
        await expect.poll(() => socketsOf(server), { timeout: 60_000 }).toBeLessThanOrEqual(allowed)
      }
      await greet(kit, server)
      await kit.connect(server)
      expect(server.running, server.stderr).toBe(true)
      expectNoStack((await server.stop()).stderr)
    },
  )

  test.for(endingWithClient)(
    '%s takes whatever its one client does, and ends with exit code 0',
    async (id, { expect, kit }) => {
      for (const [name, abuse] of Object.entries(abuses)) {
        const server = await kit.server(id)
        await abuse(kit, server)
        const exit = await server.ended
        expect(exit, name).toMatchObject({ code: 0 })
        expectNoStack(exit.stderr)
      }
    },
  )
})
