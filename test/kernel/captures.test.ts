import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { chmodSync, existsSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CLOCK_TOLERANCE_NS, realtimeToMonotonic } from '#lib/kernel/clock.ts'
import type { TraceRecord } from '#lib/kernel/parse-tracefs.ts'
import { temporaryFolder } from '#lib/kernel/supervised.ts'
import { startTcpdump, type TimedPacket } from '#lib/kernel/tcpdump.ts'
import { startTracefs } from '#lib/kernel/tracefs.ts'
import { lacks, pathWith, processesNaming, traceInstances } from './tools.ts'

const now = (): number => Number(process.hrtime.bigint())

afterEach(() => vi.unstubAllEnvs())

test.skipIf(lacks.python)(
  'realtimeToMonotonic is right to within the tolerance (needs python3)',
  () => {
    // The least of many differences is one without a pause between the two readings.
    const program = `
from time import clock_gettime_ns, CLOCK_MONOTONIC, CLOCK_REALTIME
def difference():
    realtime = clock_gettime_ns(CLOCK_REALTIME)
    return clock_gettime_ns(CLOCK_MONOTONIC) - realtime
print(min(difference() for i in range(1000)))`
    const least = BigInt(execFileSync('python3', ['-c', program], { encoding: 'utf8' }))
    const error = Number(realtimeToMonotonic() - least)
    expect(Math.abs(error)).toBeLessThan(CLOCK_TOLERANCE_NS)
  },
)

describe('startTcpdump', () => {
  test.skipIf(lacks.tcpdump)(
    'delivers every packet between start and stop, in order, none of its own (needs tcpdump, root)',
    async () => {
      const packets: TimedPacket[] = []
      const receiver = createSocket('udp4').bind(0, '127.0.0.1')
      await once(receiver, 'listening')
      const { port } = receiver.address()
      const filter = `udp and dst port ${port}`
      const onPacket = (packet: TimedPacket) => packets.push(packet)
      const startNs = now()
      const capture = await startTcpdump({ interface: 'lo', filter, onPacket })
      const sender = createSocket('udp4')
      for (let length = 1; length <= 200; length++) {
        await new Promise(sent => sender.send(Buffer.alloc(length), port, '127.0.0.1', sent))
      }
      const endNs = now()
      expect(processesNaming(filter)).not.toEqual([])
      await capture.stop()
      expect(processesNaming(filter)).toEqual([])
      expect(packets.map(({ len }) => len)).toEqual(Array.from({ length: 200 }, (_, at) => at + 1))
      expect(new Set(packets.map(({ destination }) => destination))).toEqual(
        new Set([`127.0.0.1:${port}`]),
      )
      const times = packets.map(({ tNs }) => tNs)
      expect(times).toEqual(times.toSorted((a, b) => a - b))
      expect(times[0]).toBeGreaterThan(startNs)
      expect(times.at(-1)).toBeLessThan(endNs + CLOCK_TOLERANCE_NS)
      sender.close()
      receiver.close()
    },
  )

  test.skipIf(lacks.tcpdump)(
    'delivers the numbers of every segment, its bytes and its frame (needs tcpdump, root)',
    async () => {
      const packets: TimedPacket[] = []
      const server = createServer(peer => peer.resume().end()).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const onPacket = (packet: TimedPacket) => packets.push(packet)
      const filter = `tcp port ${port}`
      const capture = await startTcpdump({ interface: 'lo', filter, onPacket, snapBytes: 2000 })
      const text = 'x'.repeat(1000)
      const client = connect(port, '127.0.0.1').end(text)
      await once(client.resume(), 'close')
      server.close()
      await capture.stop()
      const sent = packets.filter(({ destination }) => destination === `127.0.0.1:${port}`)
      const [syn, ack] = sent
      expect(ack).toMatchObject({ flags: '.', seq: (syn!.seq! + 1) % 2 ** 32, len: 0 })
      const data = sent.find(({ len }) => len > 0)!
      expect(data).toMatchObject({ seq: ack!.seq, len: 1000 })
      expect(data.bytes.readUInt16BE(2)).toBe(data.bytes.length)
      expect(data.bytes.subarray(-1000).toString()).toBe(text)
      expect(Buffer.from(data.frame.bytes).subarray(14)).toEqual(data.bytes)
      expect(syn!.options).toMatch(/^mss \d+,sackOK,/)
    },
  )

  test.skipIf(lacks.tcpdump)(
    'says so when what tcpdump writes cannot be read (needs tcpdump, root)',
    async () => {
      const folder = await temporaryFolder(tmpdir(), 'kit-path-')
      const fake = join(folder.path, 'tcpdump')
      writeFileSync(fake, '#!/bin/sh\necho no capture\nexec sleep 600.25\n', { mode: 0o755 })
      chmodSync(folder.path, 0o755)
      vi.stubEnv('PATH', `${folder.path}:${process.env.PATH}`)
      const started = startTcpdump({ interface: 'lo', filter: 'udp', onPacket: () => {} })
      await expect(started).rejects.toThrow(
        /^tcpdump writes what cannot be read: no pcap file: it begins with 6e6f2063 \(at byte 0\)$/,
      )
      expect(processesNaming('sleep 600.25')).toEqual([])
      await folder.end()
    },
  )

  test.skipIf(lacks.tcpdump)('says what tcpdump says when it fails (needs tcpdump, root)', () =>
    expect(
      startTcpdump({ interface: 'lo', filter: 'no such filter', onPacket: () => {} }),
    ).rejects.toThrow(/^tcpdump ended: .*syntax error/),
  )

  test('says how to get tcpdump where it is not installed', async () => {
    const folder = await temporaryFolder(tmpdir(), 'kit-path-')
    vi.stubEnv('PATH', pathWith(folder.path, ['sh', 'rm']))
    const started = startTcpdump({ interface: 'lo', filter: 'udp', onPacket: () => {} })
    await expect(started).rejects.toThrow(/^needs tcpdump \(apt-get install tcpdump\)$/)
    await folder.end()
  })
})

describe('startTracefs', () => {
  test.skipIf(lacks.tracefs)(
    'delivers every step between start and stop, by our clock, and leaves nothing (needs root)',
    async () => {
      const records: TraceRecord[] = []
      const startNs = now()
      const tracing = await startTracefs({
        events: ['sock/inet_sock_set_state'],
        onTrace: record => records.push(record),
      })
      expect(traceInstances(process.pid)).toHaveLength(1)
      const server = createServer(peer => peer.end()).listen(0, '127.0.0.1')
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const client = connect(port, '127.0.0.1').resume()
      await once(client, 'close')
      server.close()
      await once(server, 'close')
      const endNs = now()
      await tracing.stop()
      expect(traceInstances(process.pid)).toEqual([])

      const at = `127.0.0.1:${port}`
      const steps = records.filter(record => record.kind === 'state')
      const listener = steps.filter(({ local, remote }) => local === at && remote === '0.0.0.0:0')
      expect(listener.map(({ from, to }) => `${from} ${to}`)).toEqual([
        'CLOSED LISTEN',
        'LISTEN CLOSED',
      ])
      expect(steps.filter(({ remote }) => remote === at).length).toBeGreaterThanOrEqual(5)
      // The kernel prints microseconds.
      expect(listener[0]!.tNs).toBeGreaterThan(startNs)
      expect(listener[1]!.tNs).toBeLessThan(endNs + 1000)
      expect(listener[0]!.pid).toBe(process.pid)
    },
  )

  test.skipIf(lacks.tracefs)(
    'loses nothing of what happened just before stop (needs root)',
    async () => {
      const listening: string[] = []
      const tracing = await startTracefs({
        events: ['sock/inet_sock_set_state'],
        onTrace: record =>
          record.kind === 'state' && record.to === 'LISTEN' && listening.push(record.local),
      })
      // Without a host, listen() is a system call at once.
      const servers = Array.from({ length: 100 }, () => createServer().listen(0))
      const ports = servers.map(server => (server.address() as AddressInfo).port)
      // One that did not wait for its reader would lose this now: the reader has stopped.
      const [instance = ''] = traceInstances(process.pid)
      const reader = processesNaming(`${instance}/trace_pipe`)[0]!.pid
      process.kill(reader, 'SIGSTOP')
      const late = createServer().listen(0)
      ports.push((late.address() as AddressInfo).port)
      const stopped = tracing.stop()
      setTimeout(() => process.kill(reader, 'SIGCONT'), 50)
      await stopped
      for (const server of [...servers, late]) server.close()
      expect(listening).toEqual(expect.arrayContaining(ports.map(port => `[::]:${port}`)))
    },
  )

  test.skipIf(lacks.tracefs)('leaves nothing where an event is unknown (needs root)', async () => {
    const unknown = 'sock/none' as 'tcp/tcp_probe'
    await expect(startTracefs({ events: [unknown], onTrace: () => {} })).rejects.toThrow(
      /^cannot use tracefs: .*sock\/none/,
    )
    expect(traceInstances(process.pid)).toEqual([])
  })
})

test('temporaryFolder makes a folder and removes it with what is in it', async () => {
  const folder = await temporaryFolder(tmpdir(), 'socket-kit-')
  expect(existsSync(folder.path)).toBe(true)
  execFileSync('mkdir', [`${folder.path}/a b`])
  await folder.end()
  expect(existsSync(folder.path)).toBe(false)
})

test('temporaryFolder says so when it cannot make one', () =>
  expect(temporaryFolder('/nowhere', 'socket-kit-')).rejects.toThrow(
    /^cannot make a temporary folder: /,
  ))
