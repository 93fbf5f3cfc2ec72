import { once } from 'node:events'
import { existsSync, readdirSync, readlinkSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { describe, expect, test, vi } from 'vitest'
import {
  describeRow,
  isListening,
  parseTcpTable,
  readTcpTable,
  TcpSnapshot,
  withoutRepeats,
} from '#lib/kernel/tcp-table.ts'

const HEADER =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const row = (state: string, more = '00000000:00000000 00:00000000 00000000     0        0 4711') =>
  `   0: 0100007F:1B6C 0200007F:9C40 ${state} ${more} 1 0000000000000000 100 0 0 10 0`

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

test('withoutRepeats keeps a socket once, as it was seen last, and all others', () => {
  const [socket, other] = parseTcpTable([HEADER, row('01'), row('0A')].join('\n'))
  const later = { ...socket!, state: 'CLOSE-WAIT' as const }
  const listener = { ...other!, inode: 4712 }
  expect(withoutRepeats([socket!, listener, later])).toEqual([later, listener])
})

describe('parseTcpTable', () => {
  test.skipIf(!isLittleEndian)(
    'reads addresses, ports, queues and inode (needs little-endian)',
    () => {
      const text = [
        HEADER,
        row('01', '0000000A:00000105 01:00000016 00000000  1000        0 98765'),
        '',
      ].join('\n')
      expect(parseTcpTable(text)).toEqual([
        {
          localAddress: '127.0.0.1',
          localPort: 7020,
          remoteAddress: '127.0.0.2',
          remotePort: 40000,
          state: 'ESTABLISHED',
          txQueue: 10,
          rxQueue: 261,
          inode: 98765,
        },
      ])
    },
  )

  test.skipIf(!isLittleEndian)('reads IPv6 addresses (needs little-endian)', () => {
    const [local, remote] = ['00000000000000000000000001000000', '0000000000000000FFFF00000100007F']
    const text = `${HEADER}\n${row('01').replace('0100007F', local).replace('0200007F', remote)}\n`
    const [connection] = parseTcpTable(text)
    expect(connection).toMatchObject({
      localAddress: '::1',
      localPort: 7020,
      remoteAddress: '::ffff:127.0.0.1',
      remotePort: 40000,
    })
    expect(describeRow(connection!)).toBe(
      'ESTABLISHED [::1]:7020 -> [::ffff:127.0.0.1]:40000 tx 0 rx 0 inode 4711',
    )
  })

  test.each([
    ['01', 'ESTABLISHED'],
    ['02', 'SYN-SENT'],
    ['03', 'SYN-RECEIVED'],
    ['04', 'FIN-WAIT-1'],
    ['05', 'FIN-WAIT-2'],
    ['06', 'TIME-WAIT'],
    ['07', 'CLOSED'],
    ['08', 'CLOSE-WAIT'],
    ['09', 'LAST-ACK'],
    ['0A', 'LISTEN'],
    ['0B', 'CLOSING'],
    ['0C', 'SYN-RECEIVED'],
    ['FF', 'CLOSED'],
  ])('reads state %s as %s', (number, state) => {
    expect(parseTcpTable(`${HEADER}\n${row(number)}\n`)[0]?.state).toBe(state)
  })

  test('reads an empty table', () => {
    expect(parseTcpTable(`${HEADER}\n`)).toEqual([])
  })

  test('reads every row', () => {
    const text = [HEADER, row('0A'), row('01'), row('06'), ''].join('\n')
    expect(parseTcpTable(text).map(({ state }) => state)).toEqual([
      'LISTEN',
      'ESTABLISHED',
      'TIME-WAIT',
    ])
  })
})

test('describeRow writes one line, without a peer for a listener', () => {
  const [listener, connection] = parseTcpTable([HEADER, row('0A'), row('01')].join('\n'))
  const line = describeRow({ ...connection!, localAddress: '10.0.0.1', remoteAddress: '10.0.0.2' })
  expect(line).toBe('ESTABLISHED 10.0.0.1:7020 -> 10.0.0.2:40000 tx 0 rx 0 inode 4711')
  expect(describeRow({ ...listener!, localAddress: '10.0.0.1', rxQueue: 3 })).toBe(
    'LISTEN 10.0.0.1:7020 tx 0 rx 3 inode 4711',
  )
})

describe.skipIf(!existsSync('/proc/net/tcp'))('readTcpTable (needs /proc/net/tcp)', () => {
  test('lists a listener and both ends of a connection, with the bytes that wait', async () => {
    const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const client = connect(port, '127.0.0.1')
    const [[peer]]: [[Socket], unknown] = await Promise.all([
      once(server, 'connection') as Promise<[Socket]>,
      once(client, 'connect'),
    ])
    client.write('hello')

    try {
      const rows = await vi.waitFor(() => {
        // Others may connect from the same number to another one, or have left it in TIME-WAIT.
        const pair = [port, client.localPort!].toString()
        const found = readTcpTable().filter(
          ({ localPort, remotePort, state }) =>
            (localPort === port && state === 'LISTEN') ||
            [localPort, remotePort].toString() === pair ||
            [remotePort, localPort].toString() === pair,
        )
        // The kernel moves the bytes; no event tells when.
        expect(found.some(({ rxQueue }) => rxQueue === 5)).toBe(true)
        return found
      }, 60_000)
      expect(rows).toHaveLength(3)
      const ours = (localPort: number, state: string) =>
        rows.find(each => each.localPort === localPort && each.state === state)
      const listener = ours(port, 'LISTEN')
      const accepted = ours(port, 'ESTABLISHED')
      const connected = ours(client.localPort!, 'ESTABLISHED')
      expect(listener).toMatchObject({ localAddress: '127.0.0.1', remotePort: 0, rxQueue: 0 })
      expect(accepted).toMatchObject({ remotePort: client.localPort, rxQueue: 5, txQueue: 0 })
      expect(connected).toMatchObject({ remotePort: port, rxQueue: 0 })

      const open = readdirSync('/proc/self/fd').flatMap(fd => {
        try {
          return [readlinkSync(`/proc/self/fd/${fd}`)]
        } catch {
          return [] // the descriptor of the listing itself
        }
      })
      for (const each of [listener, accepted, connected]) {
        expect(open).toContain(`socket:[${each?.inode}]`)
      }
    } finally {
      client.destroy()
      peer.destroy()
      server.close()
      await once(server, 'close')
    }
    expect(
      readTcpTable().filter(each => each.state === 'LISTEN' && each.localPort === port),
    ).toEqual([])
  })
})

test.skipIf(process.platform !== 'linux').each(['127.0.0.1', '0.0.0.0', '::', '::ffff:127.0.0.1'])(
  'listensHere sees a server on %s, and none once it has closed (needs Linux)',
  async host => {
    const server = createServer().listen(0, host)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    expect(isListening(port)).toBe(true)
    // A connection on that port is no server.
    server.close()
    await vi.waitFor(() => expect(isListening(port)).toBe(false), 60_000)
    socket.destroy()
  },
)

test.skipIf(process.platform !== 'linux').each(['127.0.0.1', '::', '::ffff:127.0.0.1'])(
  'TcpSnapshot sees what waits at both ends of a connection to a server on %s (needs Linux)',
  async host => {
    const accepted: Socket[] = []
    const server = createServer({ pauseOnConnect: true }, socket => accepted.push(socket))
    server.listen(0, host)
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const [one, other] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
    await Promise.all([once(one, 'connect'), once(other, 'connect')])
    one.write('five!')
    await vi.waitFor(() => expect(accepted).toHaveLength(2), 60_000)
    await vi.waitFor(() => {
      const [here, there] = new TcpSnapshot().ends(one.localPort!, port)
      expect(here).toMatchObject({ localPort: one.localPort, remotePort: port, txQueue: 0 })
      expect(there).toMatchObject({ localPort: port, remotePort: one.localPort, rxQueue: 5 })
    }, 60_000)
    // The same two ports, seen from the other side.
    const [there, here] = new TcpSnapshot().ends(port, one.localPort!)
    expect([here?.rxQueue, there?.rxQueue]).toEqual([0, 5])
    const [before, { localPort: left }] = [new TcpSnapshot(), one]
    expect(before.ends(other.localPort!, port)[1]?.rxQueue).toBe(0)
    for (const socket of [one, other, ...accepted]) socket.destroy()
    server.close()
    await once(server, 'close')
    expect(before.ends(left!, port)[1]?.rxQueue).toBe(5)
    expect(new TcpSnapshot().ends(1, port)).toEqual([undefined, undefined])
  },
)

test.skipIf(process.platform !== 'linux')(
  'listensHere does not take a server on another address for one (needs Linux)',
  async () => {
    const server = createServer().listen(0, '127.0.0.2')
    await once(server, 'listening')
    expect(isListening((server.address() as AddressInfo).port)).toBe(false)
    server.close()
  },
)
