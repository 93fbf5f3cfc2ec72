import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Crossing, matchCaptures, type Sighting } from '#lib/trace/match-captures.ts'

const KINDS = ['tcp', 'udp', 'udp6'] as const

/** A packet with that content, from its IP header on; its checksums are right. */
function packet(kind: (typeof KINDS)[number], id: number, payload: readonly number[]): Uint8Array {
  const isIpv4 = kind !== 'udp6'
  const inner = kind === 'tcp' ? 20 : 8
  const start = isIpv4 ? 20 : 40
  const bytes = new Uint8Array(start + inner + payload.length)
  const view = new DataView(bytes.buffer)
  if (isIpv4) {
    view.setUint8(0, 0x45)
    view.setUint16(2, bytes.length)
    view.setUint16(4, id)
    view.setUint8(8, 64)
    view.setUint8(9, kind === 'tcp' ? 6 : 17)
    bytes.set([10, 0, 1, 1, 10, 0, 2, 1], 12)
    view.setUint16(10, checksum(bytes.subarray(0, 20)))
  } else {
    view.setUint8(0, 0x60)
    view.setUint16(4, bytes.length - 40)
    view.setUint8(6, 17)
    view.setUint8(7, 64)
    bytes.set([1, 2], 22)
    bytes.set([1, 3], 38)
  }
  view.setUint16(start, 7020)
  view.setUint16(start + 2, 40_000)
  if (kind === 'tcp') view.setUint8(start + 12, 0x50)
  else view.setUint16(start + 4, 8 + payload.length)
  bytes.set(payload, start + inner)
  view.setUint16(checksumAt(bytes), checksum(bytes.subarray(start), pseudoHeader(bytes)))
  return bytes
}

const isIpv4 = (bytes: Uint8Array) => bytes[0]! >> 4 === 4
const protocolOf = (bytes: Uint8Array) => bytes[isIpv4(bytes) ? 9 : 6]!
const checksumAt = (bytes: Uint8Array) =>
  (isIpv4(bytes) ? 20 : 40) + (protocolOf(bytes) === 6 ? 16 : 6)

function pseudoHeader(bytes: Uint8Array): number {
  const addresses = isIpv4(bytes) ? bytes.subarray(12, 20) : bytes.subarray(8, 40)
  const length = bytes.length - (isIpv4(bytes) ? 20 : 40)
  return sum(addresses, length + protocolOf(bytes))
}

const checksum = (bytes: Uint8Array, start = 0) => 0xffff - sum(bytes, start)

function sum(bytes: Uint8Array, start = 0): number {
  let total = start
  for (const [at, byte] of bytes.entries()) total += at % 2 === 0 ? byte * 256 : byte
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16)
  return total
}

/** The packet as a router passes it on: TTL is lower, and the header's checksum fits. */
function routed(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  copy[isIpv4(copy) ? 8 : 7]! -= 1
  if (!isIpv4(copy)) return copy
  copy.fill(0, 10, 12)
  new DataView(copy.buffer).setUint16(10, checksum(copy.subarray(0, 20)))
  return copy
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice()
  copy[bit >> 3]! ^= 0x80 >> (bit & 7)
  return copy
}

/** Before the rest of the checksum is computed, which a sender leaves to its network interface. */
function unfinished(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice()
  new DataView(copy.buffer).setUint16(checksumAt(copy), pseudoHeader(copy))
  return copy
}

const at = (tNs: number, bytes: Uint8Array): Sighting => ({ tNs, bytes })
const HELLO = packet('tcp', 1, [1, 2, 3])

describe('matchCaptures', () => {
  test('finds a packet behind a router, and says which one was lost', () => {
    const [one, two] = [at(1, HELLO), at(2, packet('tcp', 2, [1, 2, 3]))]
    const arrived = at(5, routed(two.bytes))
    expect(matchCaptures([one, two], [arrived])).toEqual([{ sent: one }, { sent: two, arrived }])
  })

  test('takes packets with the same bytes in order, and never one before it was sent', () => {
    const [one, two] = [at(1, HELLO), at(10, HELLO)]
    const early = at(5, HELLO)
    const late = at(12, HELLO)
    const only = [{ sent: one, arrived: early }, { sent: two }]
    expect(matchCaptures([one, two], [early])).toEqual(only)
    expect(matchCaptures([one, two], [late])).toEqual([{ sent: one, arrived: late }, { sent: two }])
    expect(matchCaptures([two], [early])).toEqual([{ arrived: early }, { sent: two }])
  })

  test('calls the second arrival of one packet a copy, where it arrives', () => {
    const [one, two] = [at(1, HELLO), at(3, packet('tcp', 2, []))]
    const [first, second] = [at(2, HELLO), at(4, HELLO)]
    expect(matchCaptures([one, two], [first, second])).toEqual([
      { sent: one, arrived: first },
      { sent: two },
      { sent: one, arrived: second, copy: true },
    ])
  })

  test('finds a packet with a bit flipped anywhere, and says so', () => {
    for (const kind of KINDS) {
      const sent = at(1, packet(kind, 7, [0xaa, 0xbb]))
      for (let bit = 0; bit < sent.bytes.length * 8; bit++) {
        const arrived = at(2, flipped(sent.bytes, bit))
        // Without a checksum of its own, the header of IPv6 does not show what routers may change.
        const isHidden = kind === 'udp6' && (bit >> 3 === 7 || bit === 10 || bit === 11)
        expect(matchCaptures([sent], [arrived]), `${kind}, bit ${bit}`).toEqual([
          isHidden ? { sent, arrived } : { sent, arrived, corrupted: true },
        ])
      }
    }
  })

  test('does not take for corrupted what was sent with an unfinished checksum', () => {
    const sent = at(1, unfinished(HELLO))
    const arrived = at(2, routed(HELLO))
    expect(matchCaptures([sent], [arrived])).toEqual([{ sent, arrived }])
  })

  test('takes what is like no packet for one that came from nowhere', () => {
    const sent = at(1, HELLO)
    const arrived = at(2, packet('tcp', 900, [7, 7, 7]))
    expect(matchCaptures([sent], [arrived])).toEqual([{ sent }, { arrived }])
  })
})

/** What a link does to one packet: when each of its copies arrives, and which bit of it is flipped. */
const fate = fc.record({
  kind: fc.constantFrom(...KINDS),
  payload: fc.constantFrom([], [1], [1, 2, 3, 4]),
  gapNs: fc.integer({ min: 0, max: 5 }),
  arrivals: fc.array(
    fc.record({ afterNs: fc.integer({ min: 0, max: 40 }), flip: fc.option(fc.nat(), { freq: 4 }) }),
    { maxLength: 3 },
  ),
})

/** Runs packets over such a link; `idOf`: whether packets are told apart by the ID of IP. */
function overLink(
  fates: readonly (typeof fate extends fc.Arbitrary<infer F> ? F : never)[],
  ids: boolean,
) {
  let tNs = 0
  const truth = new Map<Sighting, { sent: Sighting; flip: boolean }>()
  const sent = fates.map(({ kind, payload, gapNs, arrivals }, n) => {
    tNs += gapNs
    // Far apart, so that a flipped bit makes none of them into another one.
    const mark = ids ? [n & 0xff, n & 0xff, n & 0xff, n & 0xff, n >> 8] : []
    const sending = at(tNs, packet(kind, ids ? n * 17 : 0, [...payload, ...mark]))
    for (const { afterNs, flip } of arrivals) {
      const isFlipped = ids && flip !== null
      const bytes = isFlipped
        ? flipped(sending.bytes, flip % (sending.bytes.length * 8))
        : routed(sending.bytes)
      truth.set(at(tNs + afterNs, bytes), { sent: sending, flip: isFlipped })
    }
    return sending
  })
  return { sent, truth, arrived: [...truth.keys()] }
}

const crossed = (list: readonly Crossing<Sighting>[]) => list.filter(({ arrived }) => arrived)

test('matchCaptures finds for each arrival what it was, on a link that loses, copies, reorders and corrupts', () => {
  fc.assert(
    fc.property(fc.array(fate, { maxLength: 25 }), fates => {
      const { sent, truth, arrived } = overLink(fates, true)
      const crossings = matchCaptures(sent, arrived)
      expect(crossed(crossings).map(each => each.arrived)).toHaveLength(arrived.length)
      for (const crossing of crossed(crossings)) {
        const { sent: original } = truth.get(crossing.arrived!)!
        expect(crossing.sent).toBe(original)
      }
      // Each packet that arrived at all has one first arrival; the others are lost.
      const arrivals = new Set([...truth.values()].map(each => each.sent))
      const first = crossings.filter(({ copy }) => !copy)
      expect(first.map(each => each.sent)).toHaveLength(sent.length)
      expect(first.filter(each => !each.arrived).map(each => each.sent)).toEqual(
        sent.filter(each => !arrivals.has(each)),
      )
    }),
    { numRuns: 100 },
  )
})

test('matchCaptures of packets that cannot be told apart loses as few as can be, in order', () => {
  fc.assert(
    fc.property(fc.array(fate, { maxLength: 25 }), fates => {
      const { sent, truth, arrived } = overLink(fates, false)
      const crossings = matchCaptures(sent, arrived)
      const first = crossings.filter(({ sent, copy }) => sent && !copy)
      expect(new Set(first.map(each => each.sent))).toEqual(new Set(sent))
      expect(first).toHaveLength(sent.length)
      expect(new Set(crossed(crossings).map(each => each.arrived))).toEqual(new Set(arrived))
      for (const { sent, arrived } of crossings)
        if (sent && arrived) expect(sent.tNs).toBeLessThanOrEqual(arrived.tNs)
      const reallyArrived = new Set([...truth.values()].map(each => each.sent)).size
      expect(crossed(first).length).toBeGreaterThanOrEqual(reallyArrived)
    }),
    { numRuns: 100 },
  )
})
