import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { readTcpTable } from '#lib/kernel/tcp-table.ts'
import { onLinux, test } from '../support/kit.ts'
import { withSome } from '../support/slow.ts'

/** The numbers in a line, in order. */
const numbers = (line: string): number[] => (line.match(/\d+/g) ?? []).map(Number)

describe.concurrent('01 tcp', () => {
  test('answers with the names of both sockets, and a FIN ends the answer (2.21)', async ({
    kit,
  }) => {
    const server = await kit.server('01/tcp')
    const exit = await kit.client('01/tcp', server, { args: ['--question', 'me?'] }).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const [connected, answer, ...rest] = exit.stdout.trimEnd().split('\n')
    const own = /^connected 127\.0\.0\.1:(\d+) from (127\.0\.0\.1:\d+)$/.exec(connected!)
    expect(Number(own?.[1])).toBe(server.port)
    expect(answer).toBe(`answer you are ${own?.[2]}, I am ${server.where}`)
    expect(rest).toEqual([])
    await server.line(`accepted ${own?.[2]}`)
    await server.line(`received ${own?.[2]} 3 bytes`)
    await server.line(`closed ${own?.[2]}`)
  })
})

describe.concurrent('01 client', () => {
  test('names the server that does not run, by a name with two addresses too', async ({ kit }) => {
    const port = await kit.deadPort()
    const exit = await kit.client('01/tcp', port, { args: ['--host', 'localhost'] }).ended
    expect(exit).toMatchObject({ code: 1, stdout: '' })
    expect(exit.stderr).toBe(
      `cannot connect to localhost:${port}: ECONNREFUSED (is the server running? npm run 01:server)\n`,
    )
  })
})

describe.concurrent('01 unix', () => {
  test('has the same conversation through a file', async ({ kit }) => {
    const server = await kit.server('01/unix')
    const exit = await kit.client('01/unix', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    expect(exit.stdout).toBe(
      `connected ${server.where}\n` +
        `answer you are a process on this machine, I am ${server.where}\n`,
    )
    await server.line('closed client-1')
  })

  test('replaces the file that a killed server left behind', async ({ kit }) => {
    const killed = await kit.server('01/unix')
    killed.kill('SIGKILL')
    expect((await killed.ended).signal).toBe('SIGKILL')
    expect(existsSync(killed.where)).toBe(true)
    const next = kit.script('01:unix:server', ['--path', killed.where])
    await next.line(`listening ${killed.where}`)
    const exit = await kit.client('01/unix', killed).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
  })

  test('refuses a path that does not fit into a socket address', async ({ kit }) => {
    const path = `/tmp/${'x'.repeat(120)}`
    for (const script of ['01:unix:server', '01:unix:client']) {
      const exit = await kit.script(script, ['--path', path]).ended
      expect([exit.code, exit.stdout]).toEqual([2, ''])
      expect(exit.stderr).toMatch(/^--path has 125 bytes: expected at most 10[37]\n$/)
    }
  })

  test('says of a folder that is not there', async ({ kit }) => {
    const path = join(kit.folder(), 'none', 'example.sock')
    const exit = await kit.script('01:unix:server', ['--path', path]).ended
    expect(exit).toMatchObject({
      code: 1,
      stderr: `cannot listen on ${path}: EACCES (the path needs a folder that is there, and that you may write to)\n`,
    })
  })

  test('refuses a path where another server listens, and leaves that one alone', async ({
    kit,
  }) => {
    const first = await kit.server('01/unix')
    const second = await kit.script('01:unix:server', ['--path', first.where]).ended
    expect(second).toMatchObject({ code: 1, stdout: '' })
    expect(existsSync(first.where)).toBe(true)
    expect(await kit.client('01/unix', first).ended).toMatchObject({ code: 0 })
  })
})

describe.concurrent('01 unix server', () => {
  test('leaves a file alone that is no socket', async ({ kit }) => {
    const path = join(kit.folder(), 'notes.txt')
    writeFileSync(path, 'mine')
    const exit = await kit.script('01:unix:server', ['--path', path]).ended
    expect(exit).toMatchObject({ code: 1, stdout: '' })
    expect(exit.stderr).toMatch(/^cannot listen on .*notes\.txt: EADDRINUSE \(.+\)\n$/)
    expect(readFileSync(path, 'utf8')).toBe('mine')
  })
})

describe.concurrent('01 addresses', () => {
  test.runIf(withSome)(
    '1000 clients have 1000 ports, the server has one (1.4, 1.5)',
    async ({ kit }) => {
      const server = await kit.server('01/addresses')
      const client = kit.client('01/addresses', server, { args: ['--clients', '1000'] })
      const exit = await client.ended
      expect(exit).toMatchObject({ code: 0, stderr: '' })
      expect(exit.stdout).toContain('\ncounted 1000 client ports, 1 server port\n')
      const accepted = () => server.lines.filter(line => line.startsWith('accepted tcp '))
      await server.waitFor(() => accepted().length === 1001, '1001 accepted connections')
      const fiveTuple = new RegExp(`^accepted tcp ${server.where} <- 127\\.0\\.0\\.1:(\\d+) IPv4$`)
      const ports = accepted().map(line => fiveTuple.exec(line)?.[1])
      expect(ports).not.toContain(undefined)
      expect(new Set(ports).size).toBe(1001)
    },
  )

  test.skipIf(!onLinux)(
    'the kernel picks the client’s port, out of its range (1.6) (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('01/addresses')
      const exit = await kit.client('01/addresses', server).ended
      const lines = exit.stdout.split('\n').filter(line => line.startsWith('connected tcp '))
      expect(lines).toHaveLength(3)
      const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
      const [lowest = 0, highest = 0] = range.trim().split(/\s+/).map(Number)
      for (const line of lines) {
        const port = Number(/^connected tcp 127\.0\.0\.1:(\d+) -> /.exec(line)?.[1])
        expect(port).toBeGreaterThanOrEqual(lowest)
        expect(port).toBeLessThanOrEqual(highest)
      }
    },
  )

  test('one local port carries two connections, but no five-tuple twice (1.5)', async ({ kit }) => {
    const server = await kit.server('01/addresses')
    const client = kit.client('01/addresses', server)
    const twice = await client.line(/^connected from port /)
    const [chosen, , , , , first, , , , , second] = numbers(twice)
    expect(first).toBe(server.port)
    expect(second).not.toBe(server.port)
    expect(await client.line('refused the same')).toMatch(/: EADDRNOTAVAIL$/)
    await server.line(`accepted tcp ${server.where} <- 127.0.0.1:${chosen} `)
  })

  test('a port goes over the wire high byte first (1.10)', async ({ kit }) => {
    const server = await kit.server('01/addresses')
    const line = await kit.client('01/addresses', server).line(/^port /)
    const digits = server.port.toString(16).padStart(4, '0')
    const swapped = Number.parseInt(digits.slice(2) + digits.slice(0, 2), 16)
    expect(line).toMatch(`port ${server.port} is 0x${digits} on the wire`)
    expect(numbers(line).at(-1)).toBe(swapped)
  })
})

describe.concurrent('01 errors', () => {
  test('shows each error with its cure (1.5, 1.25, 1.27)', async ({ kit }) => {
    const server = await kit.server('01/errors')
    const exit = await kit.client('01/errors', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const lines = exit.stdout.trimEnd().split('\n')
    expect(lines.map(line => line.replace(/\. Cure: .+$/, ''))).toEqual([
      'ECONNREFUSED: connect to a port where nobody listens',
      'EADDRINUSE: listen on a port that has a listener',
      "EADDRNOTAVAIL: listen on an address that is not this machine's",
      "EADDRNOTAVAIL: connect from an address that is not this machine's",
      'EADDRNOTAVAIL: connect with a five-tuple that is in use',
      'ERR_SOCKET_BAD_PORT: connect to port 70000',
    ])
    for (const line of lines) expect(line).toMatch(/\. Cure: .+/)
  })
})

describe.concurrent('01 three-sockets', () => {
  test.skipIf(!onLinux)(
    'one connection makes three rows, two of them the server’s files (1.1, 1.2, 1.3) (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('01/three-sockets')
      const exit = await kit.client('01/three-sockets', server).ended
      expect(exit).toMatchObject({ code: 0, stderr: '' })
      await server.line(/^closed /)
      const rows = server.lines.filter(line => line.startsWith('row '))
      expect(rows).toHaveLength(3)
      const mine = / is my file descriptor (\d+), socket:\[(\d+)\]$/
      const listening = rows.filter(row => row.startsWith(`row LISTEN ${server.where} `))
      const accepted = rows.filter(row => row.startsWith(`row ESTABLISHED ${server.where} `))
      expect([listening.length, accepted.length]).toEqual([1, 1])
      const [fd, inode] = mine.exec(listening[0]!)!.slice(1)
      const [newFd, newInode] = mine.exec(accepted[0]!)!.slice(1)
      expect(newFd).not.toBe(fd)
      expect(newInode).not.toBe(inode)
      expect(rows.filter(row => row.endsWith(' is not mine'))).toHaveLength(1)
    },
  )
})

describe.concurrent('01 accept-queue', () => {
  test.skipIf(!onLinux || !withSome)(
    'the client is connected and writes before the server accepts (1.13, 1.14, 2.11) (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('01/accept-queue', '--busy-ms', '8000')
      const client = kit.client('01/accept-queue', server)
      await client.line(/^connected /)
      await client.line(/^written 5 bytes/)
      // The rows that the client read while the server was deaf.
      const own = await client.line(/^row ESTABLISHED /)
      expect(own).toMatch(new RegExp(`^row ESTABLISHED ${server.where} -> .* rx 5 inode 0$`))
      expect(await client.line(/^row LISTEN /)).toMatch(` rx 1 inode `)
      expect(server.lines).not.toContain('awake')
      const exit = await client.ended
      expect(exit).toMatchObject({ code: 0, stderr: '' })
      expect(exit.stdout).toMatch(/^answer 13 bytes/m)
      expect(server.lines.findIndex(line => line.startsWith('accepted '))).toBeGreaterThan(
        server.lines.indexOf('awake'),
      )
    },
  )

  test.skipIf(!onLinux)(
    'connections that nobody accepted die with the listener (1.24) (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('01/accept-queue', '--busy-ms', '60000')
      const client = kit.client('01/accept-queue', server)
      await client.line(/^written /)
      server.kill('SIGKILL')
      const exit = await client.ended
      expect(exit.code).toBe(1)
      expect(exit.stderr).toMatch(/^lost the connection to 127\.0\.0\.1:\d+: ECONNRESET \(.+\)\n$/)
    },
  )
})

describe.concurrent('01 backlog', () => {
  test.skipIf(!onLinux || !withSome)(
    'a backlog of 1 carries 500 connections, and a full queue is no error (1.18, 1.20) (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('01/backlog', '--busy-ms', '2000')
      const client = kit.client('01/backlog', server)
      expect(await client.line(/at the same time/)).toBe(
        'connected 500 at the same time, through a backlog of 1',
      )
      // Read before the first of them is reported: 2 ESTABLISHED, 3 in SYN-SENT.
      const [, standing = 0, silent = 0] = numbers(await client.line(/^connecting 5 more: /))
      expect(standing + silent).toBe(5)
      expect(silent).toBeGreaterThan(0)
      const exit = await client.ended
      expect(exit).toMatchObject({ code: 0, stderr: '' })
      expect(exit.stdout.match(/^connected #\d after [\d.]+ s, without an error$/gm)).toHaveLength(
        5,
      )
      expect(server.lines).toContain('blocked 2000 ms after 500 accepted')
    },
  )
})

describe.concurrent('01 close-listener', () => {
  test.skipIf(!onLinux)(
    'the old connection still echoes, a new one is refused (1.23) (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('01/close-listener')
      const peer = await kit.connect(server)
      await peer.receive('no longer listening\n')
      const rows = readTcpTable().filter(row => row.localPort === server.port)
      expect(rows.map(row => row.state)).toEqual(['ESTABLISHED'])
      await expect(kit.connect(server)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
      await peer.write('still there?')
      await peer.receive('still there?')
      peer.socket.end()
      await peer.end()
      expect(await server.ended).toMatchObject({ code: 0, stderr: '' })
      expect(server.lines).toContain('closed the server: its last connection has ended')
    },
  )

  test('its client sees the same (1.23)', async ({ kit }) => {
    const server = await kit.server('01/close-listener')
    const exit = await kit.client('01/close-listener', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    expect(exit.stdout.split('\n').slice(0, 3)).toEqual([
      'received no longer listening',
      'refused  a new connection: ECONNREFUSED',
      'echoed   still there?',
    ])
  })
})
