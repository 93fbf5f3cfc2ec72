import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import { parseUdpTable, readUdpTable } from '#lib/kernel/udp-table.ts'

const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

test.skipIf(!isLittleEndian)(
  'parseUdpTable reads addresses, queue, inode and drops (needs little-endian)',
  () => {
    const text = [
      '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops',
      '  417: 0100007F:1B76 00000000:0000 07 00000000:00034200 00:00000000 00000000     0        0 98765 2 0000000000000000 1908',
      '',
    ].join('\n')
    expect(parseUdpTable(text)).toEqual([
      {
        localAddress: '127.0.0.1',
        localPort: 7030,
        remoteAddress: '0.0.0.0',
        remotePort: 0,
        rxQueue: 0x34200,
        inode: 98765,
        drops: 1908,
      },
    ])
  },
)

test.skipIf(!existsSync('/proc/net/udp'))(
  'readUdpTable shows a socket as long as it is open (needs Linux)',
  async () => {
    const receiver = createSocket('udp4').bind(0, '127.0.0.1')
    await once(receiver, 'listening')
    const { port } = receiver.address()
    const row = () => readUdpTable().find(({ localPort }) => localPort === port)
    expect(row()).toMatchObject({ localAddress: '127.0.0.1', rxQueue: 0, drops: 0 })
    receiver.close()
    await vi.waitFor(() => expect(row()).toBeUndefined(), 60_000)
  },
)
