import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Explainer } from '#lib/trace/explain.ts'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { viewOf } from '#lib/trace/view.ts'
import { event, eventsInOrder } from './events.ts'
import { CLIENT, probe, SERVER, segment, state, syscall } from './sample-events.ts'

/** What a run of events means, one line each. */
const told = (events: readonly TraceEvent[]): (string | undefined)[] => {
  const explainer = new Explainer()
  return events.map(each => explainer.push(each).event.means)
}

const HANDSHAKE = [
  segment('client', 0, '[S] seq 3001070229 win 65495'),
  segment('server', 1, '[S.] seq 500 ack 3001070230 win 65483'),
  segment('client', 2, '[.] ack 501'),
]
const connected = (...events: TraceEvent[]) => told([...HANDSHAKE, ...events]).slice(3)

describe('Explainer says of a segment', () => {
  test('what each of a handshake does', () => {
    expect(told(HANDSHAKE)).toEqual([
      'SYN: client asks for a connection, sequence number 3001070229',
      'SYN+ACK: server agrees, sequence number 500, expects 3001070230',
      'ACK: client confirms, the handshake is complete',
    ])
  })

  test('what data, its acknowledgement and a FIN do, and which numbers they take', () => {
    expect(
      connected(
        segment('client', 3, '[P.] seq 3001070230 ack 501 len 6'),
        segment('server', 4, '[.] ack 3001070236'),
        segment('server', 5, '[P.] seq 501 ack 3001070236 len 1'),
        segment('client', 6, '[F.] seq 3001070236 ack 502'),
        segment('server', 7, '[.] ack 3001070237'),
        segment('server', 8, '[FP.] seq 502 ack 3001070237 len 10'),
        segment('client', 9, '[.] ack 513'),
      ),
    ).toEqual([
      'data: 6 bytes, numbers 3001070230 to 3001070235',
      'ACK: server has got everything before 3001070236',
      'data: 1 byte, number 501',
      'FIN: client has nothing more to send, number 3001070236; expects 502 next',
      'ACK: server has got the FIN, number 3001070236',
      'data+FIN: 10 bytes, numbers 502 to 511; server has nothing more to send',
      'ACK: client has got the FIN, number 512',
    ])
  })

  test('that it acknowledges the FIN on its way', () => {
    expect(
      connected(
        segment('client', 3, '[F.] seq 3001070230 ack 501'),
        segment('server', 4, '[P.] seq 501 ack 3001070231 len 6'),
      )[1],
    ).toBe('data: 6 bytes, numbers 501 to 506; acknowledges the FIN too')
  })

  test('that it was sent before: SYN, SYN+ACK, data and FIN', () => {
    const [syn, synAck] = HANDSHAKE
    expect(told([syn!, syn!, synAck!, synAck!])).toEqual([
      told([syn!])[0],
      'SYN again: no answer came to the one before',
      told([syn!, synAck!])[1],
      'SYN+ACK again: no answer came to the one before',
    ])
    const data = segment('client', 3, '[P.] seq 3001070230 ack 501 len 6')
    const fin = segment('client', 4, '[F.] seq 3001070236 ack 501')
    expect(connected(data, data, fin, fin)).toEqual([
      'data: 6 bytes, numbers 3001070230 to 3001070235',
      'data again: 6 bytes, numbers 3001070230 to 3001070235; the same numbers as before',
      'FIN: client has nothing more to send, number 3001070236',
      'FIN again: client has nothing more to send, number 3001070236; the same numbers as before',
    ])
  })

  test('that the same two addresses begin a new connection', () => {
    const again = segment('client', 9, '[S] seq 77 win 65495')
    expect(connected(again)).toEqual(['SYN: client asks for a connection, sequence number 77'])
  })

  test('why a RST came: nobody listens, has left, or tears it down', () => {
    expect(
      told([HANDSHAKE[0]!, segment('server', 1, '[R.] seq 0 ack 3001070230', { window: 0 })])[1],
    ).toBe('RST: nobody listens there, the connection is refused')
    expect(
      connected(
        segment('server', 3, '[F.] seq 501 ack 3001070230'),
        segment('client', 4, '[P.] seq 3001070230 ack 502 len 5'),
        segment('server', 5, '[R] seq 502', { window: 0 }),
      )[2],
    ).toBe('RST: server has left already, nobody takes what client sends')
    expect(connected(segment('client', 3, '[R.] seq 3001070230 ack 501', { window: 0 }))).toEqual([
      'RST: client ends the connection at once; what was not read is lost',
    ])
  })

  test('that the window is full, is probed, and opens again, in bytes', () => {
    expect(
      connected(
        segment('client', 3, '[P.] seq 3001070230 ack 501 len 6'),
        segment('server', 4, '[.] ack 3001070236', { window: 0 }),
        segment('client', 5, '[.] seq 3001070235 ack 501'),
        segment('server', 6, '[.] ack 3001070236', { window: 0 }),
        segment('server', 7, '[.] ack 3001070236', { window: 32 }),
        segment('server', 8, '[.] ack 3001070236', { window: 33 }),
      ),
    ).toEqual([
      'data: 6 bytes, numbers 3001070230 to 3001070235',
      'ACK: server has got everything before 3001070236; its receive buffer is full (window 0)',
      'window probe: client asks whether there is room again',
      'ACK: the room is now 0 bytes',
      'ACK: server now has room for 32768 bytes',
      'ACK: server now has room for 33792 bytes',
    ])
  })

  /** A bare ACK of the client, with a number before the next one. */
  const bare = (ms: number, before = 0, len = 0, flags = '.') =>
    segment('client', ms, `[${flags}] seq ${3001070230 - before} ack 501 len ${len}`)
  const answer = (ms: number) => segment('server', ms, '[.] seq 501 ack 3001070230')
  const ASKS = 'keepalive probe: client asks whether server is still there'
  const THERE = 'ACK: server is still there'

  test.each([
    ['soon or late', 3, 0],
    ['after two hours', 7_200_000, 0],
    ['with a byte that means nothing', 1003, 1],
  ])('that it is a keepalive probe, %s, and its answer', (_how, ms, len) => {
    expect(connected(bare(ms, 1, len), answer(ms + 1))).toEqual([ASKS, THERE])
  })

  test('that each keepalive probe is one, whether the one before was answered or not', () => {
    const told = connected(bare(1003, 1), answer(1004), bare(2004, 1), answer(2005), bare(3005, 1))
    expect(told).toEqual([ASKS, THERE, ASKS, THERE, ASKS])
    expect(connected(bare(1003, 1), bare(2003, 1), bare(3003, 1))).toEqual([ASKS, ASKS, ASKS])
  })

  test('that it is a keepalive probe behind a FIN, whose number it has', () => {
    const fin = segment('client', 3, '[F.] seq 3001070230 ack 501')
    const gotFin = segment('server', 4, '[.] seq 501 ack 3001070231')
    expect(connected(fin, gotFin, bare(1004)).at(-1)).toBe(ASKS)
  })

  test('that an ACK with the next number is no keepalive probe, however late', () => {
    const again = 'ACK: again, client still expects 501'
    for (const ms of [4, 7_200_000]) expect(connected(bare(3), bare(ms)).at(-1)).toBe(again)
    const data = (ms: number) => segment('server', ms, '[P.] seq 501 ack 3001070230 len 5')
    const ack = (ms: number) => segment('client', ms, '[.] seq 3001070230 ack 506')
    expect(connected(data(1500), ack(1501), data(2600), ack(2601)).at(-1)).toBe(
      'ACK: again, client still expects 506',
    )
  })

  test('that a byte which is not acknowledged, or is pushed, is no keepalive probe', () => {
    const again = /^data again: 1 byte/
    const first = bare(3, 0, 1, 'P.')
    expect(connected(first, { ...bare(203, 0, 1), text: '' })[1]).toMatch(again)
    const got = segment('server', 4, '[.] seq 501 ack 3001070231')
    expect(connected(first, got, bare(203, 0, 1, 'P.'))[2]).toMatch(again)
  })

  test('that a probe of a closed window is one, also right after an answer', () => {
    const data = segment('client', 3, '[P.] seq 3001070230 ack 501 len 6')
    const more = segment('client', 4, '[P.] seq 3001070236 ack 501 len 9')
    const full = (ms: number) => segment('server', ms, '[.] seq 501 ack 3001070236', { window: 0 })
    const probe = (ms: number) => segment('client', ms, '[.] seq 3001070235 ack 501')
    const words = [
      'window probe: client asks whether there is room again',
      'ACK: the room is now 0 bytes',
      'window probe: client asks whether there is room again',
      'ACK: the room is now 0 bytes',
    ]
    const rest = [probe(204), full(205), probe(620), full(621)]
    expect(connected(data, full(4), ...rest).slice(2)).toEqual(words)
    // Bytes for which there was no room are not acknowledged.
    expect(connected(data, more, full(5), ...rest).slice(3)).toEqual(words)
  })

  test('that an ACK says the same again, with SACK and without', () => {
    const data = segment('client', 3, '[P.] seq 3001070230 ack 501 len 6')
    const later = segment('client', 4, '[P.] seq 3001070240 ack 501 len 6')
    const ack = segment('server', 5, '[.] ack 3001070236')
    const sack = { ...ack, options: 'nop,nop,sack 1 {3001070240:3001070246}' }
    const acks = connected(data, ack, later, ack, later, sack)
    expect([acks[3], acks[5]]).toEqual([
      'ACK: again, server still expects 3001070236',
      'ACK: again, server still waits for 3001070236; it has some of what comes after',
    ])
  })

  test('that numbers go on beyond 2³²', () => {
    const explained = told([
      segment('client', 0, '[S] seq 4294967294 win 65495'),
      segment('server', 1, '[S.] seq 9 ack 4294967295 win 65483'),
      segment('client', 2, '[.] ack 10'),
      segment('client', 3, '[P.] seq 4294967295 ack 10 len 3'),
      segment('server', 4, '[.] ack 2'),
      segment('client', 5, '[F.] seq 2 ack 10'),
      segment('server', 6, '[.] ack 3'),
    ])
    expect(explained.slice(3)).toEqual([
      'data: 3 bytes, numbers 4294967295 to 1',
      'ACK: server has got everything before 2',
      'FIN: client has nothing more to send, number 2',
      'ACK: server has got the FIN, number 2',
    ])
  })

  test('nothing it cannot know where the beginning was not seen', () => {
    expect(
      told([
        segment('client', 0, '[P.] seq 100 ack 900 len 5'),
        segment('server', 1, '[.] ack 105', { window: 12 }),
        segment('server', 2, '[.] ack 105', { window: 13 }),
      ]),
    ).toEqual([
      'data: 5 bytes, numbers 100 to 104',
      'ACK: server has got everything before 105',
      'ACK: server now has room for 13 units',
    ])
  })

  test('that it is a datagram', () => {
    const datagram = segment('client', 0, '[] len 5', { protocol: 'udp', flags: '' })
    expect(told([datagram])).toEqual(['datagram: client sends 5 bytes; nothing answers for it'])
  })

  test('what it means within its own connection', () => {
    const second = { source: '127.0.0.1:50000', destination: SERVER }
    expect(connected(segment('client', 3, '[S] seq 3001070229 win 65495', second))).toEqual([
      'SYN: client asks for a connection, sequence number 3001070229',
    ])
  })
})

test.each<[string, string]>([
  ['socket(AF_INET, SOCK_STREAM|SOCK_NONBLOCK) = 19', 'a new TCP socket'],
  ['bind(19, 127.0.0.1:0) = 0', 'takes this address; the kernel picks a port'],
  ['bind(19, 127.0.0.1:7020) = 0', 'takes this address'],
  ['bind(19, 127.0.0.1:7020) = -1 EADDRINUSE', 'somebody has this address already'],
  ['listen(19, 511) = 0', 'from now on the kernel answers handshakes by itself'],
  ['connect(19, 127.0.0.1:7020) = -1 EINPROGRESS', 'on its way; the answer comes later'],
  ['connect(19, 127.0.0.1:7020) = 0', 'connected at once'],
  ['connect(19, "/tmp/x.sock") = -1 ENOENT', 'there is nothing at that path'],
  ['getsockopt(19, SOL_SOCKET, SO_ERROR, [0]) = 0', 'how did connect go? Well'],
  [
    'getsockopt(19, SOL_SOCKET, SO_ERROR, [ECONNREFUSED]) = 0',
    'how did connect go? nobody listens there',
  ],
  ['accept4(19) = 20', 'takes a finished connection off the queue'],
  ['accept4(19) = -1 EAGAIN', 'nothing more for now'],
  ['read(20, "hello", 65536) = 5', 'takes 5 bytes out of the receive buffer'],
  ['read(20, "", 65536) = 0', 'nothing more will come: the peer is done'],
  ['read(20, 65536) = -1 EAGAIN', 'nothing more for now'],
  ['read(20, 65536) = -1 ECONNRESET', 'the peer has reset the connection'],
  ['write(20, "hello", 5) = 5', 'the kernel has 5 bytes; the peer may not yet'],
  ['write(20, "…", 65536) = 44032', 'the kernel has room for 44032 of 65536 bytes'],
  [
    'write(20, "…", 65536) = -1 EAGAIN',
    'the send buffer is full: Node keeps the rest until there is room',
  ],
  ['write(20, "x", 1) = -1 EPIPE', 'this connection can carry nothing any more'],
  ['shutdown(20, SHUT_WR) = 0', '"I have nothing more to send"'],
  ['shutdown(20, SHUT_WR) = -1 ENOTCONN', 'there is no connection any more'],
  [
    'setsockopt(20, SOL_TCP, TCP_NODELAY, [1], 4) = 0',
    'small pieces are sent at once: Nagle’s algorithm is off',
  ],
  ['close(20) = 0', 'gives the descriptor back; the kernel finishes alone'],
  ['ioctl(20, SIOCINQ) = 0', 'asks the kernel for ioctl'],
  ['ioctl(20, SIOCINQ) = -1 ENOTTY', 'fails with ENOTTY'],
])('Explainer says of %s: %s', (call, means) => {
  expect(told([syscall('client', 0, call)])).toEqual([means])
})

test('each option and value that a program sets is shown, however many; repeats are counted', () => {
  const set = (what: string) => syscall('server', 0, `setsockopt(21, ${what}) = 0`)
  const settings = [
    ...['SOL_SOCKET, SO_KEEPALIVE, [1]', 'SOL_TCP, TCP_KEEPIDLE, [60]'],
    ...['SOL_TCP, TCP_KEEPINTVL, [1]', 'SOL_TCP, TCP_KEEPCNT, [10]', 'SOL_TCP, TCP_NODELAY, [1]'],
    ...['SOL_SOCKET, SO_RCVBUF, [4096]', 'SOL_SOCKET, SO_SNDBUF, [4096]'],
    ...['SOL_TCP, TCP_KEEPIDLE, [1]', 'SOL_TCP, TCP_KEEPCNT, [2]'],
  ].map(set)
  const shown = viewOf(settings, { condensed: true }).map(({ text }) => text)
  expect(shown).toEqual(settings.map(({ text }) => text))
  const again = Array.from({ length: 9 }, () => set('SOL_TCP, TCP_NODELAY, [1]'))
  expect(viewOf(again, { condensed: true }).at(-1)!.text).toBe(
    '… 3 more setsockopt TCP_NODELAY [1]',
  )
})

test('Explainer knows which descriptor listens, which is UDP, and that numbers are used again', () => {
  expect(
    told([
      syscall('server', 0, 'listen(19, 511) = 0'),
      syscall('client', 1, 'close(19) = 0'),
      syscall('server', 2, 'close(19) = 0'),
      syscall('server', 3, 'close(19) = 0'),
      syscall('server', 4, 'socket(AF_INET, SOCK_DGRAM) = 19'),
      syscall('server', 5, 'connect(19, 127.0.0.1:53) = 0'),
      syscall('server', 6, 'write(19, "x", 1) = 1'),
      syscall('server', 7, 'recvmsg(19, "") = 0'),
    ]).slice(1),
  ).toEqual([
    'gives the descriptor back; the kernel finishes alone',
    'stops listening',
    'gives the descriptor back; the kernel finishes alone',
    'a new UDP socket',
    'remembers the peer; nothing is sent',
    'one datagram of 1 byte leaves',
    'a datagram without payload',
  ])
})

test.each([
  ['FIN-WAIT-1', 'FIN-WAIT-2', 'my FIN was acknowledged; the peer may still send'],
  ['ESTABLISHED', 'CLOSE-WAIT', 'the peer has sent its FIN; I may still send'],
  ['SYN-RECEIVED', 'ESTABLISHED', 'handshake complete; the program did nothing'],
  ['CLOSED', 'TIME-WAIT', 'now TIME-WAIT'],
])('Explainer says of %s → %s: %s', (from, to, means) => {
  expect(told([state('server', 0, from, to)])).toEqual([means])
})

test('Explainer does not say how a connection ended whose last steps nobody saw', () => {
  const sampled = (from: string, to: string) => ({
    ...state('server', 0, from, to),
    sampled: true as const,
  })
  const unseen = 'gone when looked for again; the steps between were too short to be seen'
  expect(told([sampled('CLOSE-WAIT', 'CLOSED'), sampled('ESTABLISHED', 'CLOSED')])).toEqual([
    unseen,
    unseen,
  ])
  expect(told([sampled('LISTEN', 'CLOSED')])).toEqual(['takes no more connections'])
})

test('Explainer says of the sender’s variables what is out and what may be, and when cwnd changed', () => {
  const variables = { sndUna: 4294967295, sndNxt: 5, cwnd: 10, sndWnd: 65536 }
  expect(
    told([
      probe('client', 0, variables),
      probe('client', 1, { ...variables, cwnd: 5 }),
      probe('client', 2, { kind: 'retransmit' }),
    ]),
  ).toEqual([
    'before this segment counts: 6 bytes not acknowledged; may have out 10 segments, 65536 bytes',
    'before this segment counts: 6 bytes not acknowledged; may have out 5 segments (was 10), 65536 bytes',
    'the same bytes once more: they, or their acknowledgement, seem to be lost',
  ])
})

test('Explainer leaves what a program prints as it is, and explains what Node reports', () => {
  expect(
    told([
      event('server', 0, 'hello', { event: 'print' }),
      event('server', 1, 'end', { socket: 1 }),
      event('server', 2, 'end() by Node: allowHalfOpen is false', { event: 'end()' }),
    ]),
  ).toEqual([undefined, 'the peer has nothing more to send', undefined])
})

describe('Explainer', () => {
  const packets = fc.array(
    fc.record({
      end: fc.constantFrom('server' as const, 'client' as const),
      flags: fc.constantFrom('S', 'S.', '.', 'P.', 'F.', 'FP.', 'R', 'R.'),
      seq: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      ack: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      len: fc.integer({ min: 0, max: 65_495 }),
      window: fc.integer({ min: 0, max: 65_535 }),
    }),
    { maxLength: 30 },
  )

  test('finds words for any packets, the same each time, and changes no event', () => {
    fc.assert(
      fc.property(packets, eventsInOrder, (list, others) => {
        const events: TraceEvent[] = [
          ...list.map(({ end, ...more }, ms) => segment(end, ms, '[.]', more)),
          ...others,
        ]
        const copy = structuredClone(events)
        const words = told(events)
        expect(events).toEqual(copy)
        expect(told(events)).toEqual(words)
        for (const word of words.slice(0, list.length)) expect(word).toMatch(/^[A-Za-z+ ]+: \S/)
      }),
      { numRuns: 100 },
    )
  })

  test('names the sender of each segment by its end', () => {
    expect(CLIENT).not.toBe(SERVER)
    expect(told(HANDSHAKE).map(words => words?.match(/client|server/)?.[0])).toEqual([
      'client',
      'server',
      'client',
    ])
  })
})
