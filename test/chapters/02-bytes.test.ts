import { readFileSync } from 'node:fs'
import { describe, expect } from 'vitest'
import { readTcpTable } from '#lib/kernel/tcp-table.ts'
import { waitUntil } from '#lib/lab/wait-until.ts'
import { onLinux, test } from '../support/kit.ts'
import { memoryOf } from '../support/memory.ts'
import { expectNoStack } from '../support/program.ts'
import { withSome } from '../support/slow.ts'
import { pour } from '../support/tcp-peer.ts'

const MIB = 2 ** 20
const numbers = (line: string): number[] => (line.match(/\d+(\.\d+)?/g) ?? []).map(Number)

describe.concurrent('02 echo-naive', () => {
  test('its client shows both faults, and the reset ends the server', async ({ kit }) => {
    const server = await kit.server('02/echo-naive')
    const exit = await kit.client('02/echo-naive', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const [sent, witness] = exit.stdout.trimEnd().split('\n')
    expect(sent).toMatch(/^sent \d+ bytes, read 0: the server took it all$/)
    expect(numbers(sent!)[0]).toBe(32 * MIB)
    expect(witness).toBe('witness lost its connection: one reset has ended the server')
    const end = await server.ended
    expect(end.code).not.toBe(0)
    expect(end.stderr).toMatch(/ECONNRESET|EPIPE/)
  })

  test.skipIf(!onLinux)(
    'keeps in its memory what a client sends and does not read (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('02/echo-naive')
      const idle = memoryOf(server.pid, 'VmRSS')
      const peer = await kit.connect(server, { reading: false })
      await pour(peer.socket, 100 * MIB)
      const held = numbers(await server.line(/^holding .* \d{8,} bytes$/)).at(-1)
      expect(held).toBeGreaterThan(8 * MIB)
      expect(memoryOf(server.pid, 'VmHWM') - idle).toBeGreaterThan(50 * MIB)
    },
  )

  test.runIf(withSome)('the same client shows that 02:server survives both', async ({ kit }) => {
    const server = await kit.server('02/echo')
    const client = kit.client('02/echo-naive', server.port, { args: ['--mib', '128'] })
    const exit = await client.ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const [sent, witness] = exit.stdout.trimEnd().split('\n')
    expect(sent).toMatch(/^sent \d+ bytes, read 0: then the server stopped reading, .+$/)
    expect(numbers(sent!)[0]).toBeLessThan(128 * MIB)
    expect(witness).toBe('witness gets its answer: the server survived the reset')
    expectNoStack((await server.stop()).stderr)
  })
})

describe.concurrent('02 buffers', () => {
  test.skipIf(!onLinux || !withSome)(
    'write() says true, then false, and never waits; nobody reads (2.11, 2.14, 2.15, 2.16) (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('02/buffers')
      const client = kit.client('02/buffers', server, { args: ['--extra-mib', '64'] })
      await client.line('written 65536 bytes: the callback came, and the server has read nothing')
      const [writes = 0] = numbers(await client.line(/^write\(\) returned false/))
      expect(writes * 65536).toBeGreaterThan(MIB)
      await client.line(/^write\(64 MiB\) came back after [\d.]+ ms$/)
      const [inNode = 0, sending = 0, receiving = 0] = numbers(await client.line(/^waiting /))
      expect(inNode).toBeGreaterThan(32 * MIB)
      expect(sending).toBeGreaterThan(0)
      expect(receiving).toBeGreaterThan(0)
      const { stdout } = await client.ended
      expect(stdout.indexOf('drain: ')).toBeGreaterThan(stdout.indexOf('waiting '))
    },
  )

  test.skipIf(!onLinux)(
    'the kernel’s buffers are larger than 8 KB, and grow (2.12) (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('02/buffers')
      const client = kit.client('02/buffers', server)
      for (const [name, line] of [
        ['tcp_rmem', /^receive buffer /],
        ['tcp_wmem', /^send buffer /],
      ] as const) {
        const [start = 0, most = 0] = numbers(await client.line(line))
        const set = readFileSync(`/proc/sys/net/ipv4/${name}`, 'utf8').trim().split(/\s+/)
        expect([start, most]).toEqual(set.slice(1).map(Number))
        expect(start).toBeGreaterThan(8192)
        expect(most).toBeGreaterThan(start)
      }
    },
  )

  test.skipIf(!onLinux)(
    'its server leaves in the kernel what it was sent (needs Linux)',
    async ({ kit }) => {
      const server = await kit.server('02/buffers')
      const peer = await kit.connect(server)
      await server.line(/^accepted .* not reading$/)
      await peer.write(Buffer.alloc(1000))
      const { localPort, remotePort } = peer.socket
      await waitUntil('1000 bytes wait', () =>
        readTcpTable().some(
          row =>
            row.localPort === remotePort && row.remotePort === localPort && row.rxQueue === 1000,
        ),
      )
      await kit.connect(server)
      await server.line('reading now')
      peer.socket.end()
      await server.line(/^closed .* 1000 bytes$/)
    },
  )

  test('drain comes when the server reads, and every byte arrives', async ({ kit }) => {
    const server = await kit.server('02/buffers')
    const exit = await kit.client('02/buffers', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const [sent] = numbers(/^sent .*/m.exec(exit.stdout)?.[0] ?? '')
    await server.line(new RegExp(`^closed 127\\.0\\.0\\.1:\\d+ ${sent} bytes$`))
  })
})

describe.concurrent('02 in-flight', () => {
  test('close sends the rest; close with unread input and reset do not (2.17, 2.18, 2.19, 2.23)', async ({
    kit,
  }) => {
    const server = await kit.server('02/in-flight')
    const exit = await kit.client('02/in-flight', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const [destroyed, unread, reset, littleReset] = exit.stdout.trimEnd().split('\n')
    // What was written to the first and to the third connection, by the server's own count.
    const closed = server.lines.filter(line => /^closed .* bytes written$/.test(line))
    const [wanted = 0, , cut = 0] = closed.map(line => numbers(line).at(-1))
    expect(wanted).toBeGreaterThan(100_000)
    expect(destroyed).toBe(`write and destroy: got ${wanted} bytes, then end`)
    expect(unread).toBe('destroy unread: got 0 bytes, then ECONNRESET')
    // How a reset after data ends depends on the version of Node; how many bytes come does not.
    expect(reset).toMatch(/^write and reset: got \d+ bytes, then (end|ECONNRESET)$/)
    expect(numbers(reset!)[0]).toBeLessThan(cut)
    expect(littleReset).toMatch(/^write little and reset: got 60000 bytes, then (end|ECONNRESET)$/)
  })

  test('its server takes no name that every object has for a command', async ({ kit }) => {
    for (const name of ['__proto__', '__defineGetter__']) {
      const server = await kit.server('02/in-flight')
      const control = await kit.connect(server)
      await kit.connect(server)
      await control.receive('accepted')
      await control.write(name)
      // Two more rounds on the same connection: what was written before them has been read.
      for (const rounds of [2, 3]) {
        await kit.connect(server)
        const accepted = () => control.received.toString().split('accepted').length - 1
        while (accepted() < rounds) await control.receive(control.received.length + 1)
      }
      expectNoStack((await server.stop()).stderr)
    }
  })
})

describe.concurrent('02 write-after-fin', () => {
  test('after the peer’s FIN the first write succeeds, the second is EPIPE (2.20, 2.21)', async ({
    kit,
  }) => {
    const server = await kit.server('02/write-after-fin')
    const exit = await kit.client('02/write-after-fin', server).ended
    expect(exit).toMatchObject({ code: 0, stderr: '' })
    const [end, ...writes] = exit.stdout.trimEnd().split('\n')
    expect(end).toMatch(/^end: /)
    expect(writes).toEqual(['first write: ok', 'second write: EPIPE'])
  })
})
