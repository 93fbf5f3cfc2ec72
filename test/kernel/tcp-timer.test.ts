import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { describeTimer, parseTcpTimer, readTcpTimer } from '#lib/kernel/tcp-timer.ts'

const HEADER =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const row = (state: string, timer: string, unanswered = 0, remote = '0200007F:9C40') =>
  `   0: 0100007F:1B6C ${remote} ${state} 00000000:00000000 ${timer} 00000000     0 ${'      '}${unanswered} 4711 1`

const PORTS = { localPort: 0x1b6c, remotePort: 0x9c40 }

test('parseTcpTimer reads kind, time and unanswered probes, and passes over listeners and others', () => {
  const text = [
    HEADER,
    row('0A', '00:00000000', 0, '00000000:0000'),
    // The same local port, and another peer.
    row('06', '03:00001770', 0, '0200007F:1111'),
    row('01', '02:0000012C', 7),
  ].join('\n')
  const timer = parseTcpTimer(text, PORTS)
  expect(timer).toEqual({ kind: 'keepalive', inS: 3, unanswered: 7 })
  expect(describeTimer(timer)).toBe('keepalive in 3.00 s')
  const idle = parseTcpTimer([HEADER, row('01', '00:00000000')].join('\n'), PORTS)
  expect(describeTimer(idle)).toBe('no timer')
  expect(describeTimer(parseTcpTimer(text, { ...PORTS, remotePort: 1 }))).toBe('no socket')
})

test.skipIf(process.platform !== 'linux')(
  'readTcpTimer sees what setKeepAlive() sets (needs Linux)',
  async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const [accepted] = await once(server, 'connection')
    await once(socket, 'connect')
    expect(readTcpTimer(socket)).toMatchObject({ kind: 'none' })
    socket.setKeepAlive(true, 60_000)
    const timer = readTcpTimer(socket)
    expect(timer?.kind).toBe('keepalive')
    expect(timer?.inS).toBeGreaterThan(30)
    expect(timer?.inS).toBeLessThanOrEqual(60)
    socket.destroy()
    accepted.destroy()
    server.close()
  },
)
