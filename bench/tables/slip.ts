/** SLIP frames of random bytes: one byte in 128 is escaped. */

import type { Table } from '../candidate.ts'
import { Tally, throughDecoder, throughStream, wideOpen, work } from '../candidate.ts'
import { block, type Input, slipEscaped } from '../input.ts'

function table(payloadBytes: number): Table {
  const input = (): Input => block(payloadBytes, slipEscaped)
  return {
    name: `slip-${payloadBytes}`,
    group: 'slip',
    title: `${payloadBytes} B SLIP frames of random bytes, in 64 KiB chunks`,
    unit: 'frames',
    reference: 'slip',
    candidates: [
      {
        id: 'read',
        label: 'this kit, read()',
        async prepare() {
          const { byteStuffing } = await import('../../lib/framing/byte-stuffing.ts')
          return throughDecoder(byteStuffing().decoder(), input())
        },
      },
      {
        id: 'slip',
        label: 'slip',
        package: 'slip',
        async prepare() {
          const { default: slip } = await import('slip')
          const given = input()
          const tally = new Tally()
          const decoder = new slip.Decoder({ onMessage: frame => tally.take(frame) })
          return work(given, tally, () => {
            for (const chunk of given.chunks) decoder.decode(chunk)
          })
        },
      },
      {
        id: 'serialport',
        label: '@serialport/parser-slip-encoder',
        package: '@serialport/parser-slip-encoder',
        async prepare() {
          const { SlipDecoder } = await import('@serialport/parser-slip-encoder')
          return throughStream(new SlipDecoder(wideOpen), input())
        },
      },
    ],
    targets: [{ ours: 'read', than: ['slip', 'serialport'], atLeast: 5 }],
  }
}

export const slipTables: Table[] = [table(64), table(1024)]
