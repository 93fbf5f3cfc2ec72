import { describe, expect, test } from 'vitest'
import { parsePacket } from '../../lib/trace/parse-tcpdump.ts'

const TIME = '1795233684.890902081'

describe('parsePacket reads', () => {
  test('a SYN with its options', () => {
    const line = `${TIME} IP 127.0.0.1.53290 > 127.0.0.1.7020: Flags [S], seq 2155004552, win 65495, options [mss 65495,sackOK,TS val 584785101 ecr 0,nop,wscale 10], length 0`
    expect(parsePacket(line)).toEqual({
      ...{ realtimeNs: 1795233684890902081n, protocol: 'tcp', flags: 'S', len: 0 },
      ...{ source: '127.0.0.1:53290', destination: '127.0.0.1:7020' },
      ...{ seq: 2155004552, window: 65495 },
      options: 'mss 65495,sackOK,TS val 584785101 ecr 0,nop,wscale 10',
    })
  })

  test('data with a range of numbers, and the first of them', () => {
    const line = `${TIME} IP6 ::1.53290 > ::1.7020: Flags [P.], seq 2155004553:2155004559, ack 552059243, win 64, options [nop,nop,TS val 1 ecr 2], length 6`
    expect(parsePacket(line)).toMatchObject({
      ...{ source: '[::1]:53290', destination: '[::1]:7020', flags: 'P.', len: 6 },
      ...{ seq: 2155004553, ack: 552059243, window: 64 },
    })
  })

  test.each([
    ['[.], ack 552059243, win 64, options [nop], length 0', { flags: '.', ack: 552059243 }],
    ['[F.], seq 5, ack 7, win 0, length 0', { flags: 'F.', seq: 5, ack: 7, window: 0 }],
    ['[R.], seq 0, ack 1, win 0, length 0', { flags: 'R.', seq: 0, ack: 1 }],
    ['[R], seq 552059243, win 0, length 0', { flags: 'R', seq: 552059243 }],
    ['[P.U], seq 1:2, ack 1, win 64, urg 1, length 1', { flags: 'P.U', len: 1 }],
    ['[P.], seq 1:70, ack 1, win 64, length 69: HTTP: GET / HTTP/1.1', { len: 69 }],
    [
      '[.], ack 9, win 64, options [nop,nop,sack 1 {10:20}], length 0',
      { ack: 9, options: 'nop,nop,sack 1 {10:20}' },
    ],
  ])('Flags %s', (rest, expected) => {
    const line = `${TIME} IP 127.0.0.1.1 > 127.0.0.1.2: Flags ${rest}`
    expect(parsePacket(line)).toMatchObject(expected)
  })

  test('a segment without what it does not say', () => {
    const packet = parsePacket(
      `${TIME} IP 10.0.0.1.1 > 10.0.0.2.2: Flags [.], ack 9, win 64, length 0`,
    )
    expect(packet).not.toHaveProperty('seq')
    expect(packet).not.toHaveProperty('options')
  })

  test('a datagram', () => {
    expect(parsePacket(`${TIME} IP 127.0.0.1.34563 > 127.0.0.1.7030: UDP, length 5`)).toEqual({
      ...{ realtimeNs: 1795233684890902081n, protocol: 'udp', flags: '', len: 5 },
      ...{ source: '127.0.0.1:34563', destination: '127.0.0.1:7030' },
    })
  })

  test('a line that names the interface', () => {
    const line = `${TIME} lo    In  IP 127.0.0.1.1 > 127.0.0.1.2: UDP, length 5`
    expect(parsePacket(line)).toMatchObject({ source: '127.0.0.1:1' })
  })

  test.each([
    '',
    'tcpdump: listening on lo, link-type EN10MB (Ethernet)',
    `${TIME} ARP, Request who-has 10.0.0.1 tell 10.0.0.2, length 28`,
    `${TIME} IP 127.0.0.1 > 127.0.0.1: ICMP 127.0.0.1 udp port 7 unreachable, length 36`,
    `${TIME} IP 127.0.0.1 > 127.0.0.1: udp`,
    `${TIME} IP6 ::1 > ::1: ICMP6, destination unreachable, length 53`,
  ])('nothing from %j', line => {
    expect(parsePacket(line)).toBeUndefined()
  })
})
