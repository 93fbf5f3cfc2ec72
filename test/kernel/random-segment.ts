import fc from 'fast-check'
import { IPV4, IPV6, type Sum } from './packets.ts'

/** Options of each kind, and of one that is unknown. */
const option = fc.oneof(
  fc.constant(Buffer.from([1])),
  fc.integer({ min: 0, max: 65_535 }).map(mss => Buffer.from([2, 4, mss >> 8, mss & 255])),
  fc.integer({ min: 0, max: 14 }).map(shift => Buffer.from([3, 3, shift])),
  fc.constant(Buffer.from([4, 2])),
  fc
    .integer({ min: 1, max: 3 })
    .chain(blocks => fc.uint8Array({ minLength: blocks * 8, maxLength: blocks * 8 }))
    .map(blocks => Buffer.from([5, blocks.length + 2, ...blocks])),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map(times => Buffer.from([8, 10, ...times])),
  fc.constantFrom(0, 4, 8, 16).map(n => Buffer.from([34, n + 2, ...Buffer.alloc(n, 7)])),
  fc.constantFrom(0, 8).map(n => Buffer.from([254, n + 4, 0xf9, 0x89, ...Buffer.alloc(n, 9)])),
  fc.uint8Array({ maxLength: 6 }).map(data => Buffer.from([253, data.length + 2, ...data])),
)

const options = fc.array(option, { maxLength: 6 }).map(list => {
  const fitting: Buffer[] = []
  for (const each of list) if (Buffer.concat([...fitting, each]).length <= 40) fitting.push(each)
  return Buffer.concat(fitting)
})

const u16 = fc.integer({ min: 0, max: 65_535 })
const u32 = fc.integer({ min: 0, max: 2 ** 32 - 1 })

/** Anything that a segment may be, and the packet around it. */
export const randomSegment = fc.record({
  path: fc
    .tuple(fc.constantFrom(IPV4, IPV6), fc.constantFrom<Sum>('good', 'bad', 'offloaded'))
    .map(([path, sum]) => ({ ...path, sum })),
  ip: fc.record({
    tos: fc.integer({ min: 0, max: 255 }),
    ttl: fc.integer({ min: 1, max: 255 }),
    id: u16,
    flowLabel: fc.integer({ min: 0, max: 0xfffff }),
    sum: fc.constantFrom<Sum>('good', 'bad'),
  }),
  fields: fc.record({
    destinationPort: fc.integer({ min: 1, max: 9999 }),
    seq: u32,
    ack: u32,
    flags: fc.integer({ min: 0, max: 511 }),
    window: u16,
    urgentPointer: u16,
    options,
    payload: fc.uint8Array({ maxLength: 50 }),
  }),
})
