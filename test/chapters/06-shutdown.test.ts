import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect } from 'vitest'
import { readTcpTable } from '#lib/kernel/tcp-table.ts'
import { waitUntil } from '#lib/lab/wait-until.ts'
import { has, onLinux, type Server, test } from '../support/kit.ts'
import { memoryOf } from '../support/memory.ts'
import { expectNoStack } from '../support/program.ts'
import { withSome } from '../support/slow.ts'
import { flood } from '../support/tcp-peer.ts'

const MIB = 2 ** 20

const linesOf = (text: string) => text.trimEnd().split('\n')

/** States of a server's connections, without its listener. */
const statesAt = (server: Server): string[] =>
  readTcpTable()
    .filter(({ localPort, state }) => localPort === server.port && state !== 'LISTEN')
    .map(({ state }) => state)
    .sort()

describe.concurrent('06 half-close', () => {
  test('gets its late answer with allowHalfOpen, and loses it without', async ({ kit }) => {
    const server = await kit.server('06/half-close')
    const { stdout } = await kit.client('06/half-close', server).ended
    expect(linesOf(stdout)).toEqual([
      'allowHalfOpen false: no answer, then end',
      'allowHalfOpen true: "got 3 lines", then end',
    ])
    const { stderr } = await server.stop()
    // Node's own EPIPE: no byte has been given to the kernel.
    expect(stderr).toMatch(/^lost the answer to 127\.0\.0\.1:\d+: (EPIPE|ERR_STREAM_DESTROYED)\n$/)
    expect(server.lines.filter(line => line.startsWith('answering '))).toEqual([
      expect.stringMatching(/ 3 lines, writable: false$/),
      expect.stringMatching(/ 3 lines, writable: true$/),
    ])
  })

  test('drops an upload that is no line, or is cut off, and serves on', async ({ kit }) => {
    const server = await kit.server('06/half-close')
    const endless = await kit.connect(server)
    await endless.write(Buffer.alloc(65_538, 'x'))
    await endless.closed
    const cut = await kit.connect(server)
    cut.socket.end('no end')
    expect((await cut.closed).length).toBe(0)
    const good = await kit.connect(server)
    good.socket.end('one\n')
    await good.receive('got 1 line\n')
    expectNoStack((await server.stop()).stderr)
  })
})

describe.skipIf(!has('nc')).concurrent('06 nc (needs nc)', () => {
  test('half-closes with -N, and gets the late answer', async ({ kit }) => {
    const server = await kit.server('06/half-close')
    const args = ['-N', '127.0.0.1', String(server.port)]
    const { stdout } = await kit.program('nc', args, { input: 'one\ntwo\n' }).ended
    expect(stdout).toBe('got 2 lines\n')
  })

  test('is told goodbye by graceful-tcp', async ({ kit }) => {
    const server = await kit.server('06/graceful-tcp', '--stop-after', '1')
    const args = ['-N', '127.0.0.1', String(server.port)]
    const nc = kit.program('nc', args, { input: 'open' })
    nc.stdin.write('work 100\n')
    await nc.line('done 100')
    await nc.line('bye 1')
    nc.stdin.end()
    expect((await nc.ended).code).toBe(0)
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
  })
})

describe.skipIf(!onLinux).concurrent('06 states (needs Linux)', () => {
  test('four-or-three shows both ends while the server is not ready to close', async ({ kit }) => {
    const server = await kit.server('06/four-or-three')
    const { stdout } = await kit.client('06/four-or-three', server).ended
    expect(linesOf(stdout)).toEqual([
      'later: we are in FIN-WAIT-2, the server in CLOSE-WAIT',
      'later: we are in TIME-WAIT, the server’s socket is gone',
      'at once: we are in TIME-WAIT, the server’s socket is gone',
    ])
  })

  test('four-or-three holds many that say later, without a warning', async ({ kit }) => {
    const server = await kit.server('06/four-or-three')
    const peers = await Promise.all(
      Array.from({ length: 15 }, () => kit.connect(server, { allowHalfOpen: true })),
    )
    const accepted = () => server.lines.filter(line => line.startsWith('accepted ')).length
    await server.waitFor(() => accepted() === 15, '15 lines that start with "accepted"')
    for (const { socket } of peers) socket.end('later\n')
    const waiting = () => statesAt(server).filter(state => state === 'CLOSE-WAIT').length
    await waitUntil('the server has all FINs', () => waiting() === 15)
    await kit.connect(server) // what they all wait for
    await Promise.all(peers.map(peer => peer.end()))
    expect((await server.stop()).stderr).toBe('')
  })

  test('time-wait finds TIME-WAIT at whoever closed first, and restarts a server', async ({
    kit,
  }) => {
    const server = await kit.server('06/time-wait')
    const { stdout } = await kit.client('06/time-wait', server).ended
    const [client, ofServer, again, busy] = linesOf(stdout)
    expect(client).toMatch(/^the client closed first: the client is in TIME-WAIT, port \d+$/)
    expect(ofServer).toBe(
      `the server closed first: the server is in TIME-WAIT, port ${server.port}`,
    )
    expect(again).toMatch(/^port \d+: 1 in TIME-WAIT, listens again: ok$/)
    expect(busy).toMatch(/^port \d+: somebody still listens there: EADDRINUSE$/)
  })

  test('close-wait leaks one socket for each client, and none when it is cured', async ({
    kit,
  }) => {
    const server = await kit.server('06/close-wait')
    const args = ['--visits', '7']
    for (const run of ['first', 'second']) {
      const { stdout } = await kit.client('06/close-wait', server, { args }).ended
      expect(linesOf(stdout), run).toEqual([
        'before: 7 in CLOSE-WAIT, 8 sockets open',
        'cured:  0 in CLOSE-WAIT, 1 socket open',
      ])
      await waitUntil('the server holds nothing any more', () => statesAt(server).length === 0)
    }
  })

  test('simultaneous ends in TIME-WAIT at both ends', async ({ kit }) => {
    const server = await kit.server('06/simultaneous')
    const { stdout } = await kit.client('06/simultaneous', server).ended
    expect(linesOf(stdout)).toEqual([
      'FIN-WAIT-2 here, CLOSING there',
      'TIME-WAIT here, TIME-WAIT there',
    ])
    expect(statesAt(server)).toEqual(['TIME-WAIT'])
  })
})

test('06 end-destroy-reset shows a FIN or a RST for each way to leave', async ({ kit }) => {
  const server = await kit.server('06/end-destroy-reset')
  const { stdout } = await kit.client('06/end-destroy-reset', server).ended
  const gone = 'ECONNRESET; writes after it: ERR_STREAM_DESTROYED and ERR_STREAM_DESTROYED'
  expect(linesOf(stdout)).toEqual([
    'end, input read: end; writes after it: ok and ok',
    'destroy, input read: end; writes after it: ok and EPIPE',
    `resetAndDestroy, input read: ${gone}`,
    'end, input unread: end; writes after it: ok and ok',
    `destroy, input unread: ${gone}`,
    `resetAndDestroy, input unread: ${gone}`,
  ])
})

describe.concurrent('06 end-destroy-reset', () => {
  test.skipIf(!onLinux || !withSome)(
    'does not read on from who reads no answers (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('06/end-destroy-reset')
      const control = await kit.connect(server, { reading: false })
      await server.line(/^accepted /)
      await kit.connect(server)
      const idle = memoryOf(server.pid, 'VmRSS')
      await flood(control.socket, 40 * MIB, Buffer.from('a b\n'.repeat(16_384)))
      expect(memoryOf(server.pid, 'VmHWM') - idle).toBeLessThan(50 * MIB)
      control.socket.destroy()
      await control.closed
      // Both are closed at the server, so that the next connection is for commands again.
      await server.waitFor(
        () => server.lines.filter(line => line.startsWith('closed ')).length === 2,
        'second line that starts with "closed"',
      )
      expect(await kit.client('06/end-destroy-reset', server).ended).toMatchObject({ code: 0 })
    },
  )

  test('tells a client that another one may be running', async ({ kit }) => {
    const server = await kit.server('06/end-destroy-reset')
    await kit.connect(server)
    await server.line(/^accepted /)
    const { code, stderr } = await kit.client('06/end-destroy-reset', server).ended
    expect(code).toBe(1)
    expect(stderr).toContain('no answer: another client may be running (one at a time)\n')
    expectNoStack(stderr)
  })
})

const childrenOf = ({ pid }: Server) => spawnSync('pgrep', ['-P', String(pid)]).stdout.length

describe.skipIf(process.platform === 'win32').concurrent('06 shared-socket', () => {
  test.runIf(withSome)(
    'closes for the peer when the child has gone, and shuts down at once',
    async ({ kit }) => {
      const server = await kit.server('06/shared-socket')
      const { stdout } = await kit.client('06/shared-socket', server).ended
      expect(linesOf(stdout)).toEqual([
        'close by the parent: "the child speaks", then end',
        'shutdown by the parent: end',
      ])
      await server.line(/^write .* by the child: ok$/)
      await server.line(/^write .* by the child: EPIPE$/)
    },
  )

  test.skipIf(!has('pgrep') || !withSome)(
    'ends the child of a client that resets (needs pgrep)',
    async ({ kit }) => {
      const server = await kit.server('06/shared-socket')
      for (const way of ['shutdown', 'close']) {
        const rude = await kit.connect(server)
        await rude.write(way)
        await waitUntil('a child starts', () => childrenOf(server) > 0)
        rude.socket.resetAndDestroy()
        await waitUntil('no child is left', () => childrenOf(server) === 0)
      }
      const { code } = await kit.client('06/shared-socket', server).ended
      expect(code).toBe(0)
      expectNoStack((await server.stop()).stderr)
    },
  )

  test.skipIf(!has('prlimit'))(
    'says why a child cannot be started, and closes (needs prlimit)',
    async ({ kit }) => {
      const server = await kit.server('06/shared-socket')
      const used = readdirSync(`/proc/${server.pid}/fd`).length
      const limit = `--nofile=${used + 2}:4096` // enough for the connection, not for a child
      expect(spawnSync('prlimit', ['--pid', String(server.pid), limit]).status).toBe(0)
      const peer = await kit.connect(server)
      await peer.write('shutdown')
      await peer.closed
      await server.complaint(/^error 127\.0\.0\.1:\d+ EMFILE$/)
    },
  )

  test('leaves no child behind when it is ended in the middle', async ({ kit }) => {
    const server = await kit.server('06/shared-socket')
    const peer = await kit.connect(server, { allowHalfOpen: true })
    await peer.write('close')
    await server.line(/^accepted /)
    if (has('pgrep')) await waitUntil('a child starts', () => childrenOf(server) > 0)
    expect((await server.stop()).stderr).toBe('') // of the child as well, which has nobody to tell
    await peer.end() // the child held the last reference
  })
})

/** Seen with Node 26.10, and not with 24.21: close() ends connections that have never asked. */
const endsSilent = Number(process.versions.node.split('.')[0]) >= 26

const request = (ms: number) => `GET /work/${ms} HTTP/1.1\r\nHost: kit\r\n\r\n`

describe.concurrent('06 graceful-http', () => {
  test.runIf(withSome)('shows four fates to its client', async ({ kit }) => {
    const flags = ['--stop-after', '3', '--deadline-ms', '900', '--leave-silent']
    const server = await kit.server('06/graceful-http', ...flags)
    const { stdout } = await kit.client('06/graceful-http', server).ended
    const closedAt = (line: string | undefined) => Number(/after (\d+) ms$/.exec(line ?? '')?.[1])
    const [idle, short, late, silent, long] = linesOf(stdout)
    expect(idle).toMatch(/^idle: {3}"done 0", Connection: keep-alive; closed after \d+ ms$/)
    expect(short).toMatch(/^short: {2}"done 300", Connection: close; closed after \d+ ms$/)
    expect(late).toBe('late:   cannot connect: ECONNREFUSED')
    expect(silent).toMatch(/^silent: closed after \d+ ms$/)
    expect(long).toMatch(/^long: {3}no answer, ECONNRESET; closed after \d+ ms$/)
    // The silent one is held until the deadline, the idle one is not.
    expect(closedAt(idle)).toBeLessThan(closedAt(short))
    if (endsSilent) expect(closedAt(silent)).toBeLessThan(closedAt(short))
    else expect(closedAt(silent)).toBeGreaterThan(closedAt(short))
    expect(await server.ended).toMatchObject({ code: 0 })
    expect(server.lines).toContain(endsSilent ? 'cut 1 connection' : 'cut 2 connections')
    expect(server.lines.at(-1)).toBe('stopped')
  })

  test('ends silent connections, and waits for them when it is told to leave them', async ({
    kit,
  }) => {
    const flags = ['--deadline-ms', '600000', '--leave-silent']
    const patient = await kit.server('06/graceful-http', ...flags)
    const silent = await kit.connect(patient)
    const busy = await kit.connect(patient)
    await busy.write(request(0))
    await busy.receive('done 0')
    patient.kill('SIGTERM')
    await patient.line('stopping 1 silent, deadline 600000 ms')
    await busy.end() // idle: closed at once
    if (!endsSilent) {
      await silent.write(request(1)) // asks at last, and gets its answer
      await silent.receive('done 1')
    }
    expect(await patient.ended).toMatchObject({ code: 0, stderr: '' })

    const brisk = await kit.server('06/graceful-http', '--deadline-ms', '600000')
    const other = await kit.connect(brisk)
    await brisk.stop()
    await other.closed
  })

  test('does not end a connection whose request is half there', async ({ kit }) => {
    const server = await kit.server('06/graceful-http', '--deadline-ms', '600000')
    const slow = await kit.connect(server)
    const whole = request(1)
    await slow.write(whole.slice(0, 20))
    const other = await kit.connect(server)
    await other.write(request(0))
    await other.receive('done 0') // so the server has read the half that came before
    server.kill('SIGTERM')
    await server.line('stopping 1 silent, deadline 600000 ms')
    await other.end()
    await slow.write(whole.slice(20))
    await slow.receive('done 1')
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
  })

  test('answers what has begun with Connection: close', async ({ kit }) => {
    const server = await kit.server('06/graceful-http', '--stop-after', '1')
    const peer = await kit.connect(server)
    await peer.write(request(200))
    await peer.end()
    expect(peer.received.toString()).toMatch(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n/)
    expect(peer.received.toString()).toContain('done 200')
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
  })

  test.skipIf(!has('curl'))('serves curl (needs curl)', async ({ kit }) => {
    const server = await kit.server('06/graceful-http', '--stop-after', '1')
    const args = ['-sv', `http://127.0.0.1:${server.port}/work/100`]
    const exit = await kit.program('curl', args).ended
    expect(exit).toMatchObject({ code: 0, stdout: 'done 100\n' })
    expect(exit.stderr).toContain('< Connection: close')
    expect(await server.ended).toMatchObject({ code: 0 })
  })
})

describe.concurrent('06 graceful-tcp', () => {
  test('says goodbye, cuts what is left, and shows it to four clients', async ({ kit }) => {
    const server = await kit.server('06/graceful-tcp', '--stop-after', '3', '--deadline-ms', '900')
    const { stdout } = await kit.client('06/graceful-tcp', server).ended
    expect(linesOf(stdout)).toEqual([
      'idle:     "bye 0", end',
      'late:     cannot connect: ECONNREFUSED',
      'short:    "done 300", "bye 1", end',
      'stubborn: "done 0", "bye 1", end, and does not close',
      'long:     end without bye',
    ])
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
    expect(server.lines.filter(line => line.startsWith('cut '))).toEqual([
      expect.stringMatching(/ the peer stays open$/),
      expect.stringMatching(/ 1 answer missing$/),
    ])
    expect(server.lines.at(-1)).toBe('stopped')
  })

  test('does not take what comes after its goodbye, and tells how much it has taken', async ({
    kit,
  }) => {
    const server = await kit.server('06/graceful-tcp')
    const peer = await kit.connect(server)
    await peer.write('work 0\nwork 700\n')
    await peer.receive('done 0\n')
    server.kill('SIGTERM')
    await server.line(/^stopping /)
    await peer.write('work 0\n')
    await peer.end()
    expect(peer.received.toString()).toBe('done 0\ndone 700\nbye 2\n')
    expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
    expect(server.lines).toContainEqual(expect.stringMatching(/^closed .* 2 of 2 answered$/))
  })

  test('answers everything to a client that half-closes, one after the other', async ({ kit }) => {
    const server = await kit.server('06/graceful-tcp')
    const peer = await kit.connect(server)
    peer.socket.end('work 200\nwork 1\n')
    await peer.end()
    expect(peer.received.toString()).toBe('done 200\ndone 1\n')
    await server.line(/^closed .* 2 of 2 answered$/)
  })

  test('ends a connection with an oversized line, and serves on', async ({ kit }) => {
    const server = await kit.server('06/graceful-tcp')
    const rude = await kit.connect(server)
    await rude.write('x'.repeat(200)).catch(() => {})
    await rude.closed
    await server.complaint(/^error 127\.0\.0\.1:\d+ ERR_FRAME_TOO_LARGE$/)
    const peer = await kit.connect(server)
    await peer.write('work 1\n')
    await peer.receive('done 1\n')
  })
})

test('06 graceful clients say so when the server has not stopped', async ({ kit }) => {
  for (const id of ['06/graceful-http', '06/graceful-tcp']) {
    const server = await kit.server(id)
    const { code, stderr } = await kit.client(id, server).ended
    expect(stderr).toBe(
      'late:   connected: the server has not stopped ' +
        `(npm run ${id.replace('/', ':')}:server -- --stop-after 3)\n`,
    )
    expect(code).toBe(1)
  }
})

test('06 close-wait holds what vanished, as it says, also for 200 clients', async ({ kit }) => {
  const server = await kit.server('06/close-wait')
  for (let n = 0; n < 200; n++) {
    const socket = connect(server.port, '127.0.0.1')
    await once(socket, 'connect')
    socket.destroy()
  }
  const doctor = await kit.connect(server)
  await doctor.write('cure\n')
  await doctor.receive('open\n')
  await waitUntil('all are closed', async () => {
    await doctor.write('count\n')
    return doctor.received.toString().includes('0 in CLOSE-WAIT, 1 socket open\n')
  })
})
