/** Frames behind a base-128 length, as protobuf writes it. */

import type { Table } from '../candidate.ts'
import { Tally, throughDecoder, throughNext, throughStream, work } from '../candidate.ts'
import { base128, block, type Input } from '../input.ts'

function table(payloadBytes: number): Table {
  const input = (): Input => block(payloadBytes, base128)
  return {
    name: `varint-${payloadBytes}`,
    group: 'varint',
    title: `${payloadBytes} B frames behind a varint length, in 64 KiB chunks`,
    unit: 'frames',
    reference: 'length-prefixed-stream',
    candidates: [
      {
        id: 'next',
        label: 'this kit, next()',
        async prepare() {
          const { varintPrefix } = await import('../../lib/framing/varint-prefix.ts')
          return throughNext(varintPrefix().decoder(), input())
        },
      },
      {
        id: 'read',
        label: 'this kit, read()',
        async prepare() {
          const { varintPrefix } = await import('../../lib/framing/varint-prefix.ts')
          return throughDecoder(varintPrefix().decoder(), input())
        },
      },
      {
        id: 'length-prefixed-stream',
        label: 'length-prefixed-stream',
        package: 'length-prefixed-stream',
        async prepare() {
          const { default: streams } = await import('length-prefixed-stream')
          return throughStream(streams.decode(), input())
        },
      },
      {
        id: 'it-length-prefixed',
        label: 'it-length-prefixed (sync)',
        package: 'it-length-prefixed',
        async prepare() {
          const { decode } = await import('it-length-prefixed')
          const given = input()
          const tally = new Tally()
          return work(given, tally, () => {
            for (const frame of decode(given.chunks)) tally.takeList(frame)
          })
        },
      },
    ],
    targets: [{ ours: 'read', than: ['length-prefixed-stream'], atLeast: 1.5 }],
  }
}

export const varintTables: Table[] = [table(64), table(1024)]
