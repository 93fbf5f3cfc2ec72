import { describe, expect } from 'vitest'
import { expectFree, test } from '../support/kit.ts'
import { withSome } from '../support/slow.ts'

describe.concurrent('02 graceful', () => {
  test('finishes begun work, ends idle connections, refuses new ones, exits 0', async ({ kit }) => {
    const server = await kit.server('02/graceful', '--stop-after', '2', '--deadline-ms', '30000')
    const [idle, busy] = [await kit.connect(server), await kit.connect(server)]
    await server.line(`accepted 127.0.0.1:${busy.socket.localPort}`)
    // The second request stops the server before the first one is answered.
    await busy.write('work 1500\nwork 1\n')
    await idle.end()
    expect(idle.received.length).toBe(0)
    await expect(kit.connect(server)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await busy.end()
    expect(busy.received.toString()).toBe('done 1\ndone 1500\n')
    const exit = await server.ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    expect(server.lines).toContain('stopping 2 connections, deadline 30000 ms')
    expect(server.lines.at(-1)).toBe('stopped')
    expect(exit.stdout).not.toContain('cut ')
    await expectFree(server)
  })

  test('cuts work that does not fit into the deadline', async ({ kit }) => {
    const server = await kit.server('02/graceful', '--stop-after', '1', '--deadline-ms', '200')
    const peer = await kit.connect(server)
    const name = `127.0.0.1:${peer.socket.localPort}`
    await peer.write('work 60000\n')
    expect((await peer.closed).length).toBe(0)
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
    expect(server.lines).toContain(`cut ${name} 1 answer missing`)
    expect(server.lines.at(-1)).toBe('stopped')
  })

  test('finishes the work of a client that has ended its side', async ({ kit }) => {
    const server = await kit.server('02/graceful', '--deadline-ms', '30000')
    const peer = await kit.connect(server, { allowHalfOpen: true })
    await peer.write('work 1000\nwork 0\n')
    peer.socket.end()
    await peer.receive('done 0\n')
    server.kill('SIGTERM')
    await peer.closed
    expect(peer.received.toString()).toBe('done 0\ndone 1000\n')
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
  })

  test('cuts at the deadline a client that it has ceased to read', async ({ kit }) => {
    const server = await kit.server('02/graceful', '--deadline-ms', '500')
    const peer = await kit.connect(server)
    peer.socket.write('work 0\n'.repeat(100) + 'work 60000\n'.repeat(200_000))
    await peer.receive('done 0\n')
    server.kill('SIGTERM')
    await peer.closed
    expect(await server.ended).toMatchObject({ code: 0 })
    expect(server.lines.find(line => line.startsWith('cut '))).toMatch(/ \d+ answers? missing$/)
    expect(server.lines.at(-1)).toBe('stopped')
  })

  test('stops at once when no connection is open, for each signal', async ({ kit }) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const server = await kit.server('02/graceful', '--deadline-ms', '600000')
      const exit = await server.stop(signal)
      expect(exit.stdout).toMatch(/\nstopping 0 connections, deadline 600000 ms\nstopped\n$/)
    }
  })

  test('takes a second signal calmly and still finishes', async ({ kit }) => {
    const server = await kit.server('02/graceful', '--deadline-ms', '30000')
    const peer = await kit.connect(server)
    await peer.write('work 1000\n')
    // The kernel keeps the order only within the connection: be sure that the work has begun.
    await peer.write('work 0\n')
    await peer.receive('done 0\n')
    server.kill('SIGTERM')
    await server.line(/^stopping /)
    server.kill('SIGTERM')
    server.kill('SIGINT')
    await peer.end()
    expect(peer.received.toString()).toBe('done 0\ndone 1000\n')
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
    expect(server.lines.filter(line => line.startsWith('stopping '))).toHaveLength(1)
  })

  test('answers a client that has half-closed, and then ends', async ({ kit }) => {
    const server = await kit.server('02/graceful')
    const peer = await kit.connect(server)
    peer.socket.end('work 200\nwork 100\n')
    await peer.end()
    expect(peer.received.toString()).toBe('done 100\ndone 200\n')
  })

  test.runIf(withSome)('shows all three fates to its client', async ({ kit }) => {
    const server = await kit.server('02/graceful', '--stop-after', '2', '--deadline-ms', '4000')
    const exit = await kit.client('02/graceful', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const lines = exit.stdout.trimEnd().split('\n')
    expect(lines).toContain('idle  connection ended by the server')
    expect(lines).toContain('late  cannot connect: ECONNREFUSED')
    expect(lines).toContain('short got "done 300"')
    expect(lines).toContain('short connection ended by the server')
    expect(exit.stdout).not.toContain('long  got')
    expect(await server.ended).toMatchObject({ code: 0 })
  })
})
