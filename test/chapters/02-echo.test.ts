import { createHash, randomBytes } from 'node:crypto'
import { describe, expect } from 'vitest'
import { type Kit, onLinux, type Server, test } from '../support/kit.ts'
import { memoryOf } from '../support/memory.ts'
import { expectNoStack } from '../support/program.ts'
import { flood } from '../support/tcp-peer.ts'

const MIB = 2 ** 20
const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest('hex')

/** Asserts that the server still serves, and has not shown the inside of Node. */
async function expectServes(kit: Kit, server: Server): Promise<void> {
  const peer = await kit.connect(server)
  await peer.write('still there?')
  await peer.receive('still there?')
  expectNoStack(server.stderr)
}

describe.concurrent('02 echo server', () => {
  test('returns 10 MB intact to a client that reads later, and its FIN after them', async ({
    kit,
  }) => {
    const server = await kit.server('02/echo')
    const data = randomBytes(10e6)
    const peer = await kit.connect(server, { reading: false })
    peer.socket.end(data)
    // From here on the echo comes back, whether or not all has gone out.
    await server.line(/^accepted /)
    peer.socket.resume()
    const echo = await peer.closed
    expect(echo.length).toBe(data.length)
    expect(sha256(echo)).toBe(sha256(data))
    expect(peer.ended).toBe(true)
    await server.line(/^closed .* 10000000 bytes$/)
  })

  test('returns 10 MB intact while both directions are busy, for two clients', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const echoes = [1, 2].map(async () => {
      const data = randomBytes(10e6)
      const peer = await kit.connect(server)
      // Pieces of all sizes, so that reads and writes never line up.
      for (let at = 0, size = 1; at < data.length; at += size, size = (size * 7) % 99_991) {
        const piece = data.subarray(at, at + size)
        if (!peer.socket.write(piece)) await peer.write('')
      }
      peer.socket.end()
      expect(sha256(await peer.closed)).toBe(sha256(data))
    })
    await Promise.all(echoes)
  })

  test('returns bytes that come one at a time', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const peer = await kit.connect(server)
    peer.socket.setNoDelay()
    const data = Buffer.concat([randomBytes(200), Buffer.from('żółw 🐢')])
    for (const [index, byte] of data.entries()) {
      await peer.write(Buffer.of(byte))
      await peer.receive(index + 1)
    }
    expect(peer.received).toEqual(data)
  })

  test('serves 500 clients at once, each with its own bytes', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const peers = await Promise.all(Array.from({ length: 500 }, () => kit.connect(server)))
    const accepted = () => server.lines.filter(line => line.startsWith('accepted ')).length
    await server.waitFor(() => accepted() === 500, '500 accepted connections')
    const sent = peers.map(() => randomBytes(1000))
    for (const [index, peer] of peers.entries()) peer.socket.end(sent[index]!)
    const echoes = await Promise.all(peers.map(peer => peer.closed))
    expect(echoes.findIndex((echo, index) => !echo.equals(sent[index]!))).toBe(-1)
  })

  test('goes on serving a witness when another client resets in the middle', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const witness = await kit.connect(server)
    await witness.write('before')
    await witness.receive('before')
    const rude = await kit.connect(server, { reading: false })
    await flood(rude.socket, 20 * MIB)
    rude.socket.resetAndDestroy()
    await server.complaint(/^error 127\.0\.0\.1:\d+ (ECONNRESET|EPIPE)$/)
    await witness.write('after')
    await witness.receive('beforeafter')
    await expectServes(kit, server)
  })

  test.skipIf(!onLinux)(
    'stops reading from a client that never reads, and keeps its memory (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('02/echo')
      await expectServes(kit, server)
      const idle = memoryOf(server.pid, 'VmRSS')
      const greedy = await kit.connect(server, { reading: false })
      const written = await flood(greedy.socket, 200 * MIB)
      expect(written).toBeLessThan(200 * MIB)
      expect(memoryOf(server.pid, 'VmHWM') - idle).toBeLessThan(50 * MIB)
      await expectServes(kit, server)
      // Nothing is lost by the wait: once it reads, everything comes.
      greedy.socket.end()
      greedy.socket.resume()
      expect((await greedy.closed).length).toBe(written)
      expect(memoryOf(server.pid, 'VmHWM') - idle).toBeLessThan(50 * MIB)
    },
  )

  test('still echoes to a client that has already half-closed', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const data = randomBytes(2 * MIB)
    const peer = await kit.connect(server, { reading: false, allowHalfOpen: true })
    await new Promise<void>(resolve => peer.socket.end(data, resolve))
    peer.socket.resume()
    await peer.end()
    expect(sha256(peer.received)).toBe(sha256(data))
    await server.line(/^closed .* 2097152 bytes$/)
  })
})
