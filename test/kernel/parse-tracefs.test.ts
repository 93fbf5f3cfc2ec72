import { describe, expect, test } from 'vitest'
import { parseTrace } from '#lib/kernel/parse-tracefs.ts'

const line = (rest: string, task = 'node-22717  '): string =>
  `            ${task} [000] ..s2. 15070.841849: ${rest}`
const state = (fields: string): string => line(`inet_sock_set_state: ${fields}`)

describe('parseTrace reads', () => {
  test('a step of a socket, under the names of RFC 9293', () => {
    expect(
      parseTrace(
        state(
          'family=AF_INET protocol=IPPROTO_TCP sport=7777 dport=35442 saddr=127.0.0.1 daddr=127.0.0.2 saddrv6=::ffff:127.0.0.1 daddrv6=::ffff:127.0.0.2 oldstate=TCP_FIN_WAIT1 newstate=TCP_CLOSING',
        ),
      ),
    ).toEqual({
      ...{ kind: 'state', tNs: 15070841849000, pid: 22717, from: 'FIN-WAIT-1', to: 'CLOSING' },
      ...{ local: '127.0.0.1:7777', remote: '127.0.0.2:35442' },
    })
  })

  test.each([
    ['::1', '[::1]:7777'],
    ['::', '[::]:7777'],
    // A socket of IPv6 with a peer of IPv4: on the wire there are plain addresses.
    ['::ffff:127.0.0.1', '127.0.0.1:7777'],
  ])('the address %s of a socket of IPv6', (saddrv6, local) => {
    // Of these, saddr says something else, as the kernel does.
    const fields = `family=AF_INET6 protocol=IPPROTO_TCP sport=7777 dport=0 saddr=127.0.0.6 daddr=127.0.0.6 saddrv6=${saddrv6} daddrv6=:: oldstate=TCP_CLOSE newstate=TCP_LISTEN`
    expect(parseTrace(state(fields))).toMatchObject({ from: 'CLOSED', to: 'LISTEN', local })
  })

  test("a sender's variables", () => {
    expect(
      parseTrace(
        line(
          'tcp_probe: family=AF_INET6 src=[::ffff:127.0.0.1]:35869 dest=[::1]:52450 mark=0x0 data_len=0 snd_nxt=0xf721e83b snd_una=0xf721e83a snd_cwnd=10 ssthresh=2147483647 snd_wnd=65536 srtt=40 rcv_wnd=65483 sock_cookie=1008 skbaddr=00000000f4edb7eb skaddr=000000006290c29d',
        ),
      ),
    ).toEqual({
      ...{ kind: 'probe', tNs: 15070841849000, pid: 22717 },
      ...{ local: '127.0.0.1:35869', remote: '[::1]:52450' },
      ...{ sndUna: 0xf721e83a, sndNxt: 0xf721e83b, sndWnd: 65536, rcvWnd: 65483 },
      ...{ cwnd: 10, ssthresh: 2147483647, srttUs: 40 },
    })
  })

  test('a segment that was sent again', () => {
    expect(
      parseTrace(
        line(
          'tcp_retransmit_skb: skbaddr=0000000079c3ca52 skaddr=00000000b2378145 family=AF_INET sport=7777 dport=40000 saddr=127.0.0.1 daddr=127.0.0.1 saddrv6=::ffff:127.0.0.1 daddrv6=::ffff:127.0.0.1 state=TCP_ESTABLISHED err=0',
        ),
      ),
    ).toEqual({
      ...{ kind: 'retransmit', tNs: 15070841849000, pid: 22717 },
      ...{ local: '127.0.0.1:7777', remote: '127.0.0.1:40000' },
    })
  })

  test.each([
    ['           <...>-22730   [001] ..... 15070.937696: tracing_mark_write: a mark', 22730],
    ['     ksoftirqd/0-15      [000] ..s.. 15070.937696: tracing_mark_write: a mark', 15],
    [' my-own name [1]-99      (     99) [000] ...1. 15070.937696: tracing_mark_write: a mark', 99],
    ['            bash-22696   [000] 15070.937696: tracing_mark_write: a mark', 22696],
  ])('the task of %s', (text, pid) => {
    expect(parseTrace(text)).toEqual({ kind: 'marker', tNs: 15070937696000, pid, text: 'a mark' })
  })

  test.each([
    '',
    'CPU:0 [LOST 12 EVENTS]',
    '# tracer: nop',
    line('sched_switch: prev_comm=node'),
    state(
      'family=AF_INET protocol=IPPROTO_MPTCP sport=1 dport=2 saddr=127.0.0.1 daddr=127.0.0.1 saddrv6=:: daddrv6=:: oldstate=TCP_CLOSE newstate=TCP_LISTEN',
    ),
    state(
      'family=AF_INET protocol=IPPROTO_TCP sport=1 dport=2 saddr=127.0.0.1 daddr=127.0.0.1 saddrv6=:: daddrv6=:: oldstate=TCP_CLOSE newstate=99',
    ),
  ])('nothing from %j', text => {
    expect(parseTrace(text)).toBeUndefined()
  })
})
