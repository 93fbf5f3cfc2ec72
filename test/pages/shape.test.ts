import { describe, expect, test } from 'vitest'
import { LANES, type TraceEvent } from '#lib/trace/recording.ts'
import { viewOf } from '#lib/trace/view.ts'
import { event } from '../trace/events.ts'
import { CLIENT, ECHO, segment, state, syscall } from '../trace/sample-events.ts'
import { shapeOf } from './shape.ts'

const shape = (events: readonly TraceEvent[]) => shapeOf(viewOf(events, {}), LANES)
/** The run with something in place of the first event that has that text. */
const withInstead = (text: string, ...instead: TraceEvent[]): TraceEvent[] => {
  const at = ECHO.findIndex(each => each.text.startsWith(text))
  expect(at, text).toBeGreaterThanOrEqual(0)
  return ECHO.toSpliced(at, 1, ...instead)
}
const same = (events: readonly TraceEvent[]) => expect(shape(events)).toEqual(shape(ECHO))
const different = (events: readonly TraceEvent[]) => expect(shape(events)).not.toEqual(shape(ECHO))

test('shapeOf tells what happened on each socket of each end, lane by lane', () => {
  expect(shape(ECHO)).toMatchObject({
    'client state': ['SYN-SENT, ESTABLISHED, FIN-WAIT-1, TIME-WAIT'],
    'server state': ['LISTEN, CLOSED', 'SYN-RECEIVED, ESTABLISHED, CLOSE-WAIT, LAST-ACK, CLOSED'],
    'client packet': ['SYN, data +6, FIN'],
    'server packet': ['SYN+ACK, data +6, FIN'],
    'client syscall': ['socket, connect EINPROGRESS, write +6, shutdown'],
  })
})

describe('shapeOf ignores', () => {
  test('ports, initial sequence numbers and times', () => {
    const other = JSON.stringify(ECHO)
      .replaceAll('48286', '50000')
      .replaceAll('7020', '41000')
      .replaceAll('"tNs":1', '"tNs":2')
    same(JSON.parse(other))
    const moved = ECHO.map(each =>
      each.lane === 'packet' && each.end === 'client' && each.seq !== undefined
        ? { ...each, seq: each.seq + 5000 }
        : each,
    )
    same(moved)
  })

  test('how the two ends interleave, and lanes of one end', () => {
    const by = (key: (each: TraceEvent) => string) =>
      ECHO.toSorted((a, b) => key(a).localeCompare(key(b)))
    same(by(({ end }) => end))
    same(by(({ lane }) => lane))
  })

  test('how what is printed about several connections interleaves', () => {
    const said = (port: number) =>
      ['accepted', 'closed'].map(what => event('server', 300, `${what} 127.0.0.1:${port}`))
    const [first, second] = [said(40_000), said(40_001)]
    const one = shape([...ECHO, ...first, ...second])
    expect(shape([...ECHO, first[0]!, second[0]!, first[1]!, second[1]!])).toEqual(one)
    expect(shape([...ECHO, ...first.toReversed(), ...second])).not.toEqual(one)
  })

  test('where a stream was cut', () => {
    same(
      withInstead(
        'read(20',
        syscall('server', 102, 'read(20, "hel", 65536) = 3'),
        syscall('server', 102, 'read(20, 65536) = -1 EAGAIN'),
        syscall('server', 102, 'read(20, "lo\\n", 65536) = 3'),
        syscall('server', 102, 'read(20, "", 65536) = 0'),
      ),
    )
    same(
      withInstead(
        'data 6 bytes',
        event('server', 102, 'data 2 bytes "he"', { socket: 1, bytes: 2 }),
        event('server', 102, 'data 4 bytes "llo\\n"', { socket: 1, bytes: 4 }),
      ),
    )
  })

  test('ACKs that travel alone, a FIN on the last data, and what was sent again', () => {
    same(ECHO.filter(each => each.text !== '[.] ack 1007' && each.text !== '[.] ack 5007'))
    const [data, fin] = [
      segment('server', 102.2, '[FP.] seq 5001 ack 1008 len 6'),
      segment('server', 102.3, '[F.] seq 5007 ack 1008'),
    ]
    const once = ECHO.filter(each => each.text !== '[F.] seq 5007 ack 1008')
    same(once.map(each => (each.text === '[P.] seq 5001 ack 1008 len 6' ? data : each)))
    same([...ECHO, fin])
  })

  test('how many RSTs came in a row', () => {
    const rst = segment('server', 150, '[R] seq 5008')
    expect(shape([...ECHO, rst, rst])).toEqual(shape([...ECHO, rst]))
    different([...ECHO, rst])
  })

  test('whether FIN-WAIT-2 was passed', () => {
    const straight = ECHO.filter(each => each.lane !== 'state' || each.to !== 'FIN-WAIT-2')
    same(straight)
  })

  test('lanes that are not to be compared', () => {
    const { 'client packet': _c, 'server packet': _s, ...rest } = shape(ECHO)
    expect(
      shapeOf(
        ECHO,
        LANES.filter(lane => lane !== 'packet'),
      ),
    ).toEqual(rest)
  })
})

describe('shapeOf notices', () => {
  test.each(['listen(127', 'socket(', 'shutdown(19', '[F.] seq 1007', '[P.] seq 5001', 'close'])(
    'that %s is missing',
    text => different(withInstead(text)),
  )

  test('that a state, a call, a flag or a number of bytes is another', () => {
    different(
      withInstead('ESTABLISHED → CLOSE-WAIT', state('server', 102, 'ESTABLISHED', 'CLOSED')),
    )
    different(withInstead('shutdown(19', syscall('client', 102, 'shutdown(19, 1) = -1 ENOTCONN')))
    different(withInstead('[F.] seq 1007', segment('client', 102, '[R.] seq 1007 ack 5001')))
    different(
      withInstead(
        'data 6 bytes',
        event('server', 102, 'data 5 bytes "hello"', { socket: 1, bytes: 5 }),
      ),
    )
  })

  test('that two things of one socket have changed places', () => {
    const at = ECHO.findIndex(({ text }) => text.startsWith('write(19'))
    const shutdown = ECHO.findIndex(({ text }) => text.startsWith('shutdown(19'))
    different(
      ECHO.map((each, index) =>
        index === at ? ECHO[shutdown]! : index === shutdown ? ECHO[at]! : each,
      ),
    )
  })

  test('that there was another connection', () => {
    const second = { source: '127.0.0.1:50001', destination: '127.0.0.1:7020' }
    different([...ECHO, segment('client', 300, '[S] seq 1 win 1', second)])
    expect(CLIENT).not.toBe(second.source)
  })
})
