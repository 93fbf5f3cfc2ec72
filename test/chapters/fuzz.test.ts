/** Bytes that nobody would send: made of parts of what the examples speak, the same for each seed. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { describe, expect } from 'vitest'
import { Random } from '#lib/program/random.ts'
import { entries, entryOf, type Kit, type Server, survives, test } from '../support/kit.ts'
import { expectNoStack } from '../support/program.ts'
import { spread, withSlow, withSome } from '../support/slow.ts'

const text = (...parts: readonly string[]) => parts.map(part => Buffer.from(part, 'latin1'))

/** Parts of every protocol of the chapters, whole, cut and wrong. */
const PARTS: readonly Buffer[] = [
  ...text(
    'hello\n',
    'hi\r\n',
    '\r',
    '\n',
    '\0',
    ' ',
    '\t',
    '-1',
    '1e9',
    '0x10',
    '\xff\xfe',
    '\xef\xbb\xbf',
  ),
  ...text(
    '\0\0\0\x02hi',
    '\0\0\0\0',
    '\xff\xff\xff\xff',
    '\x7f\xff\xff\xff',
    '\0\x04ping',
    '\0\x04pong',
  ),
  ...text(
    '\xc0',
    '\xdb',
    '\xdb\xdc',
    '\xdb\xdd',
    '\xdb\xc0',
    '\xe5\xa5',
    '\xf0\x9f\x98',
    '\xed\xa0\x80',
  ),
  ...text(
    'work 1\n',
    'work -5\n',
    'work 99999999999999999999\n',
    'work\n',
    'close',
    'one\n',
    'nick \n',
  ),
  ...text('GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'GET /work/1 HTTP/1.1\r\n', 'POST / HTTP/1.1\r\n'),
  ...text('Content-Length: 5\r\n', 'Content-Length: -1\r\n', 'Transfer-Encoding: chunked\r\n\r\n'),
  ...text(
    'HTTP/1.1 200 OK\r\n',
    'HTTP/1.1 999\r\n\r\n',
    'ffffffffffffffff\r\n',
    '0\r\n\r\n',
    'Host : a\r\n',
  ),
  ...text('done 1\n', 'event 1', 'request 1', '7', '65536', 'sequence 3', '{"n":1}', '__proto__'),
  // A name server's question, with a name that points to itself, and one that is cut.
  Buffer.from('0011686900000001000000000000c00c00010001', 'hex'),
  Buffer.from('686981800001ffff00000000036162630000010001c00c', 'hex'),
]

/** Something to send: parts in any order, some of them damaged, or anything at all. */
function hostile(random: Random): Buffer {
  const parts = Array.from({ length: random.between(1, 12) }, () => {
    const part = Buffer.from(random.of(PARTS))
    switch (random.below(5)) {
      case 0:
        part[random.below(part.length)] = random.below(256)
        return part
      case 1:
        return part.subarray(0, random.below(part.length + 1))
      case 2:
        return random.bytes(random.between(1, 64))
      case 3:
        return Buffer.concat(Array.from({ length: random.between(2, 200) }, () => part))
      default:
        return part
    }
  })
  return Buffer.concat(parts)
}

/** Sends it in pieces, and ends the connection in one of the ways there are. */
async function attack(socket: Socket, random: Random): Promise<void> {
  socket.on('error', () => {}).setNoDelay()
  if (random.below(3) > 0) socket.resume()
  // The peer may have ended the connection: then there is nothing more to send.
  for (const piece of random.cut(hostile(random), random.of([1, 3, 50, 5000])).slice(0, 200)) {
    if (socket.destroyed) return
    await new Promise<void>(sent => socket.write(piece, () => sent()))
  }
  const end = random.of(['end', 'destroy', 'reset'] as const)
  if (end === 'end') socket.resume().end()
  else if (end === 'destroy' || socket.remotePort === undefined) socket.destroy()
  else socket.resetAndDestroy()
}

const ROUNDS = withSlow ? 200 : withSome ? 40 : 20

async function attackServer(kit: Kit, server: Server): Promise<void> {
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const random = new Random(seed, server.entry.id)
    if (server.entry.example.transport === 'udp') {
      const socket = await kit.bindUdp()
      for (let count = random.between(1, 5); count > 0; count--) {
        await socket.send(hostile(random).subarray(0, 65_507), server.port)
      }
    } else await attack((await kit.connect(server, { allowHalfOpen: true })).socket, random)
    expect(server.running, `seed ${seed}: ${server.stderr}`).toBe(true)
  }
}

const servers = entries.filter(survives).map(({ id }) => id)

describe.concurrent('hostile bytes', () => {
  test.for(spread(servers, 4, 12))(
    'do not end the server of %s, which still ends when it is told to',
    { timeout: 120_000 },
    async (id, { kit }) => {
      const server = await kit.server(id, ...(entryOf(id).example.server.quickArgs ?? []))
      await attackServer(kit, server)
      if (server.entry.example.transport !== 'udp') (await kit.connect(server)).socket.destroy()
      expectNoStack((await server.stop()).stderr)
    },
  )
})

const SEEDS = withSlow ? [1, 2, 3, 4, 5] : [1]
const clients = entries
  .filter(({ example }) => example.client && example.transport !== 'unix')
  .flatMap(({ id, example: { transport } }) => SEEDS.map(seed => [id, seed, transport] as const))

/** A server on a free port whose answers are hostile; returns its port, and how to close it. */
async function hostileServer(transport: string, random: Random) {
  if (transport === 'udp') {
    const socket = createSocket('udp4').bind(0, '127.0.0.1')
    await once(socket, 'listening')
    socket.on('message', (_, { port }) => {
      socket.send(hostile(random).subarray(0, 65_507), port, '127.0.0.1')
    })
    return { port: socket.address().port, close: () => void socket.close() }
  }
  const server = createServer({ allowHalfOpen: true }, socket => void attack(socket, random))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() }
}

describe.concurrent('hostile answers', () => {
  test.for(spread(clients, 4, 12))(
    'end the client of %s in words, or not at all (seed %i)',
    { timeout: 120_000 },
    async ([id, seed, transport], { kit }) => {
      const server = await hostileServer(transport, new Random(seed, id))
      try {
        const { code, signal, stderr } = await kit.client(id, server.port).ended
        expectNoStack(stderr)
        expect(stderr).toMatch(/^(.+\n){0,2}$/)
        expect({ code: code === 0 && stderr === '' ? 1 : code, signal }).toEqual({
          code: 1,
          signal: null,
        })
      } finally {
        server.close()
      }
    },
  )
})
