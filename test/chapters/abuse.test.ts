import { randomBytes } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import type { Socket } from 'node:net'
import { describe, type ExpectStatic } from 'vitest'
import { entries, type Kit, onLinux, type Server, test } from '../support/kit.ts'
import { memoryOf } from '../support/memory.ts'
import { flood, type Peer } from '../support/peer.ts'
import { expectNoStack } from '../support/program.ts'
import { withSlow } from '../support/slow.ts'

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
/** What others take for questions. */
const questions: Record<string, Buffer> = { '02/graceful': Buffer.alloc(65_536, 'work 1\n') }
const MIB = 2 ** 20

/** Asks and asks, and never reads an answer. Settles when the server takes no more, or has it all. */
async function askAndNeverRead(kit: Kit, server: Server): Promise<Peer> {
  const peer = await kit.connect(server, { reading: false })
  await flood(peer.socket, 100 * MIB, questions[server.entry.id] ?? QUESTIONS)
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
  const silent: Peer[] = []
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
async function connectPatiently(kit: Kit, server: Server): Promise<Peer> {
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
/** Servers that take long over each connection, because that is what they show. */
const slow: Record<string, number> = {
  '01/three-sockets': 10, // looks through the kernel's whole table for each
  '01/backlog': 10, // has a queue of 1: most clients have to ask again after a second
}

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
function reset({ socket }: Peer): void {
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

/** The flags by which a server does what it does in less time. */
const quick: Record<string, string[]> = {
  '01/accept-queue': ['--busy-ms', '0'],
  '01/backlog': ['--busy-ms', '1'],
  '06/close-wait': ['--cured'], // it would hold on to every stranger, which is what it shows
}

/** Connections that a server keeps until the next one comes, because that is what it shows. */
const holds: Record<string, number> = { '02/buffers': 1 }

// The naive server is the one that does not survive this. The listener of close-listener closes
// with the first connection: every stranger gets a server of their own.
const servers = entries
  // The name server listens for TCP as well.
  .filter(({ id, example }) => example.transport !== 'udp' || id === '03/dns')
  .map(({ id }) => id)
  .filter(id => id !== '02/echo-naive' && id !== '01/close-listener')

// Much of it is waiting for a server that takes no more.
// Without SLOW=1, by one stranger after the other. With it, by masses of them as well.
describe.concurrent('abuse', () => {
  test.for(servers)(
    '%s survives whatever strangers do, holds nothing of it, and still serves',
    async (id, { expect, kit }) => {
      const serve = serves[id]
      if (!serve) throw new Error(`abuse.test.ts: say what a good client gets from ${id}`)
      const server = await kit.serverWith(FRUGAL, id, ...(quick[id] ?? []))
      const allowed = onLinux ? socketsOf(server) + (holds[id] ?? 0) : 0
      // In some examples the first connection is not like the others: be it first as well.
      for (const abuse of Object.values(abuses)) await abuse(kit, server)
      const slowest = await drip(kit, server)
      for (const abuse of Object.values(abuses)) await abuse(kit, server)
      if (onLinux) {
        if (withSlow) await manyAndMuch(expect, kit, server, slow[id] ?? CROWD)
        slowest.destroy()
        // No event tells another process that a server has noticed.
        await expect.poll(() => socketsOf(server), { timeout: 60_000 }).toBeLessThanOrEqual(allowed)
      }
      await serve(kit, server)
      await kit.connect(server)
      expect(server.running, server.stderr).toBe(true)
      expectNoStack((await server.stop()).stderr)
    },
  )

  test('01/close-listener takes whatever its one client does, and ends with exit code 0', async ({
    expect,
    kit,
  }) => {
    for (const [name, abuse] of Object.entries(abuses)) {
      const server = await kit.server('01/close-listener')
      await abuse(kit, server)
      const exit = await server.ended
      expect(exit, name).toMatchObject({ code: 0 })
      expectNoStack(exit.stderr)
    }
  })
})

async function connects(kit: Kit, server: Server): Promise<void> {
  await kit.connect(server)
}

/** The first thing that a well-behaved client gets from each server. */
const answer =
  (question: string, wanted: string) =>
  async (kit: Kit, server: Server): Promise<void> => {
    const peer = await kit.connect(server)
    if (question) await peer.write(question)
    await peer.receive(wanted)
  }

const serves: Record<string, (kit: Kit, server: Server) => Promise<void>> = {
  // What these show needs several connections; that they take one more is all that one can ask.
  '01/addresses': connects,
  '01/errors': connects,
  '02/buffers': connects,
  '02/in-flight': connects,
  '02/write-after-fin': connects,
  '05/tcp-keepalive': connects,
  '06/four-or-three': connects,
  '06/end-destroy-reset': connects,
  '06/time-wait': connects,
  '06/simultaneous': connects,
  '01/tcp': answer('hello', 'you are'),
  '01/unix': answer('hello', 'you are'),
  '01/three-sockets': answer('', 'seen'),
  '01/accept-queue': answer('hello', 'here you are'),
  '01/backlog': answer('', 'accepted'),
  '02/echo': answer('hello', 'hello'),
  '05/heartbeat': answer('\0\x04ping', '\0\x04pong'),
  '05/idle-timeout': answer('hello\n', 'hello\n'),
  '05/http-keepalive': answer('GET / HTTP/1.1\r\nHost: a\r\n\r\n', '200 OK'),
  '05/pipelining': answer('GET / HTTP/1.1\r\nHost: a\r\n\r\n', '200'),
  '05/closing-race': answer('GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'ok'),
  '02/graceful': answer('work 1\n', 'done 1'),
  '04/naive': answer('hi', 'HI'),
  '04/fixed-length': answer('good morning ann', 'GOOD MORNING ANN'),
  '04/length-prefix': answer('\0\0\0\x02hi', '\0\0\0\x02HI'),
  '04/delimiter': answer('hi\r\n', 'HI\r\n'),
  '04/lines': answer('hi\n', 'HI\n'),
  '04/nagle': answer('\x02hi', 'event 1'),
  '04/split-utf8': answer('hi\n', 'line by line  : "hi'),
  '04/oversize': answer('\0\0\0\x02hi', 'limited'),
  async '04/byte-stuffing'(kit, server) {
    const peer = await kit.connect(server)
    await peer.write(Buffer.from([0x68, 0x69, 0xc0]))
    await peer.receive('HI')
  },
  // A query for the root, with the id "hi", behind its length of 17 bytes: refused, but answered.
  async '03/dns'(kit, server) {
    const peer = await kit.connect(server)
    await peer.write(Buffer.from('0011' + '686900000001000000000000' + '0000010001', 'hex'))
    await peer.receive('hi')
  },
  async '06/half-close'(kit, server) {
    const peer = await kit.connect(server)
    peer.socket.end('one\n')
    await peer.receive('got 1 lines')
  },
  '06/close-wait': answer('hello\n', 'hello\n'),
  '06/shared-socket': answer('close', 'the child speaks'),
  '06/graceful-http': answer('GET /work/1 HTTP/1.1\r\nHost: x\r\n\r\n', 'done 1'),
  '06/graceful-tcp': answer('work 1\n', 'done 1\n'),
  async '02/chat'(kit, server) {
    const [ann, ben] = [await kit.connect(server), await kit.connect(server)]
    await server.line(new RegExp(`^joined 127.0.0.1:${ben.socket.localPort} `))
    await ann.write('hello\n')
    await ben.receive(': hello\n')
  },
}
