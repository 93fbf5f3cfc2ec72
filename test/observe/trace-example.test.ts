import { connect, createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type CatalogueEntry, findEntry, loadChapters } from '#lib/catalogue/index.ts'
import { CLOCK_TOLERANCE_NS } from '#lib/kernel/clock.ts'
import { recordingOf } from '#lib/observe/recording-of.ts'
import type { RunResult } from '#lib/observe/run-example.ts'
import { traceExample } from '#lib/observe/trace-example.ts'
import { Merger } from '#lib/trace/merge.ts'
import { inOrder } from '#lib/trace/order.ts'
import {
  type End,
  LANES,
  type Lane,
  type LaneStatus,
  type TraceEvent,
} from '#lib/trace/recording.ts'
import { renderLadder } from '#lib/trace/render-ladder.ts'
import { renderSvg } from '#lib/trace/render-svg.ts'
import { viewOf } from '#lib/trace/view.ts'
import { lacks } from '../kernel/tools.ts'
import { withSlow, withSome } from '../support/slow.ts'
import { entryOf } from './entries.ts'
import { Programs } from './programs.ts'

const programs = new Programs()
afterAll(() => programs.remove())

interface Traced {
  result: RunResult
  lanes: Partial<Record<Lane, LaneStatus>>
  /** In the order of time. */
  events: TraceEvent[]
}

async function trace(entry: CatalogueEntry, lanes: readonly Lane[] = LANES): Promise<Traced> {
  const merger = new Merger(Number.POSITIVE_INFINITY)
  const told: Traced['lanes'] = {}
  const result = await traceExample(entry, {
    lanes,
    onEvent: event => merger.push(event),
    onLane(lane, status) {
      expect(told, 'a lane is told of once').not.toHaveProperty(lane)
      told[lane] = status
    },
  })
  return { result, lanes: told, events: merger.flush() }
}

type Of<L extends Lane> = Extract<TraceEvent, { lane: L }>
const of = <L extends Lane>(events: readonly TraceEvent[], lane: L, end?: End): Of<L>[] =>
  events.filter(
    (event): event is Of<L> => event.lane === lane && (end === undefined || event.end === end),
  )
const states = (events: readonly TraceEvent[], end: End): string[] =>
  of(events, 'state', end).map(({ from, to }) => `${from} ${to}`)

const lacksAny = lacks.strace || lacks.tcpdump || lacks.tracefs

async function echo(): Promise<CatalogueEntry> {
  const found = findEntry(await loadChapters(), '02/echo')
  if ('unknown' in found) throw new Error('no 02/echo')
  return found.entry
}

describe.skipIf(lacksAny)('traceExample of 02/echo (needs root, strace, tcpdump)', () => {
  let traced: Traced
  beforeAll(async () => {
    traced = await trace(await echo())
  }, 60_000)

  test('has all lanes live, and runs the example', () => {
    expect(traced.lanes).toEqual({
      ...{ js: 'live', syscall: 'live', state: 'live', packet: 'live', tcp: 'live' },
    })
    expect(traced.result.client).toEqual({ code: 0, signal: null })
  })

  test('has the states of both ends exactly as the kernel makes them', () => {
    expect(states(traced.events, 'client')).toEqual([
      'CLOSED SYN-SENT',
      'SYN-SENT ESTABLISHED',
      'ESTABLISHED FIN-WAIT-1',
      'FIN-WAIT-1 FIN-WAIT-2',
      'FIN-WAIT-2 TIME-WAIT',
    ])
    expect(states(traced.events, 'server')).toEqual([
      'CLOSED LISTEN',
      'LISTEN SYN-RECEIVED',
      'SYN-RECEIVED ESTABLISHED',
      'ESTABLISHED CLOSE-WAIT',
      'CLOSE-WAIT LAST-ACK',
      'LAST-ACK CLOSED',
      'LISTEN CLOSED',
    ])
  })

  test('has the packets of the connection and no others, each with the end that sent it', () => {
    const packets = of(traced.events, 'packet')
    const [syn] = packets
    for (const { end, source, destination } of packets) {
      const [server, client] = end === 'server' ? [source, destination] : [destination, source]
      expect([server, client]).toEqual([syn!.destination, syn!.source])
    }
    const data = packets.filter(({ len }) => len > 0)
    expect(data.map(({ end, len }) => [end, len])).toEqual([
      ['client', 6],
      ['server', 6],
    ])
    expect(packets.slice(0, 3).map(({ end, flags }) => [end, flags])).toEqual([
      ['client', 'S'],
      ['server', 'S.'],
      ['client', '.'],
    ])
    const fins = packets.filter(({ flags }) => flags.includes('F')).map(({ end }) => end)
    expect(fins).toEqual(['client', 'server'])
    expect(syn!.text).toMatch(/^\[S\] seq \d+ win \d+ mss \d+$/)
  })

  test('has the system calls of the sockets, and none of the start of the programs', () => {
    const texts = (end: End) =>
      of(traced.events, 'syscall', end)
        .map(({ text }) =>
          text.replace(/127\.0\.0\.1:\d+/, 'ADDRESS').replace(/^(\w+)\(\d+/, '$1('),
        )
        .filter(text => !text.includes('EAGAIN'))
        // libuv saves this one when the hang-up comes along with the last bytes.
        .filter(text => !text.startsWith('read(, "", '))
    expect(texts('client')).toEqual([
      expect.stringMatching(/^socket\(AF_INET, SOCK_STREAM\|SOCK_NONBLOCK, 0\) = \d+$/),
      'connect(, ADDRESS) = -1 EINPROGRESS',
      'getsockopt(, SOL_SOCKET, SO_ERROR, [0]) = 0',
      'write(, "hello\\n", 6) = 6',
      'shutdown(, SHUT_WR) = 0',
      'read(, "hello\\n", 65536) = 6',
      'close() = 0',
    ])
    expect(
      texts('server').filter(text => /^(bind|listen|accept4|write|shutdown)/.test(text)),
    ).toEqual([
      ...['bind(, ADDRESS) = 0', 'listen(, 511) = 0'],
      expect.stringMatching(/^accept4\(, SOCK_NONBLOCK\) = \d+$/),
      ...['write(, "hello\\n", 6) = 6', 'shutdown(, SHUT_WR) = 0'],
    ])
  })

  test("has the sender's variables of both ends", () => {
    const { sndUna, sndNxt, cwnd } = of(traced.events, 'tcp', 'client')[0]!
    const data = of(traced.events, 'packet').find(({ end, len }) => end === 'client' && len > 0)!
    // Before the acknowledgement is processed: the six bytes are on their way.
    expect([sndUna, sndNxt, cwnd]).toEqual([data.seq, (data.seq! + 6) % 2 ** 32, 10])
    expect(of(traced.events, 'tcp', 'server').length).toBeGreaterThan(0)
  })

  // One takes about a second of a processor, most of it to start the programs.
  // RUNS=100 takes minutes, and wants a machine of its own.
  const runs = Number(process.env.RUNS ?? (withSlow ? 10 : withSome ? 3 : 1))
  test(`has causes before effects in ${runs} whole runs of ${runs}`, {
    timeout: 300_000,
  }, async () => {
    const entry = await echo()
    for (let run = 1; run <= runs; run++) {
      const { events } = await trace(entry, ['js', 'syscall', 'state', 'packet'])
      const position = (what: string, is: (event: TraceEvent) => boolean) => {
        const at = events.findIndex(is)
        expect(at, `run ${run}: ${what}`).toBeGreaterThanOrEqual(0)
        return at
      }
      for (const chain of CHAINS) {
        const places = chain.map(([what, is]) => ({ what, at: position(what, is) }))
        expect(places, `run ${run}`).toEqual(places.toSorted((a, b) => a.at - b.at))
      }
    }
  })
})

type Link = [what: string, is: (event: TraceEvent) => boolean]

const HANDSHAKE: Link[] = [
  ['listen', e => e.lane === 'syscall' && e.call === 'listen'],
  ['LISTEN', e => e.lane === 'state' && e.to === 'LISTEN'],
  ['listening', e => e.lane === 'js' && e.event === 'listening'],
  ['connect()', e => e.lane === 'js' && e.event === 'connect()'],
  ['connect', e => e.lane === 'syscall' && e.call === 'connect'],
  ['SYN-SENT', e => e.lane === 'state' && e.to === 'SYN-SENT'],
  ['SYN', e => e.lane === 'packet' && e.flags === 'S'],
  ['SYN+ACK', e => e.lane === 'packet' && e.flags === 'S.'],
  ['client ESTABLISHED', e => e.lane === 'state' && e.from === 'SYN-SENT'],
  ['SYN-RECEIVED', e => e.lane === 'state' && e.to === 'SYN-RECEIVED'],
]
const ECHO: Link[] = [
  ['data', e => e.lane === 'js' && e.event === 'data'],
  ['write()', e => e.lane === 'js' && e.event === 'write()'],
  ['echo', e => e.lane === 'packet' && e.end === 'server' && e.len > 0],
  ['client data', e => e.lane === 'js' && e.end === 'client' && e.event === 'data'],
  ['client close', e => e.lane === 'js' && e.end === 'client' && e.event === 'close'],
]

/** What follows from what in 02/echo. What the two programs do at the same time has no order. */
const CHAINS: Link[][] = [
  [
    ...HANDSHAKE,
    ['accept4', e => e.lane === 'syscall' && e.call === 'accept4'],
    ['connection', e => e.lane === 'js' && e.event === 'connection'],
    ...ECHO,
  ],
  [
    ...HANDSHAKE,
    ['SO_ERROR', e => e.lane === 'syscall' && e.call === 'getsockopt'],
    ['client connect', e => e.lane === 'js' && e.event === 'connect'],
    ['write', e => e.lane === 'syscall' && e.call === 'write' && e.end === 'client'],
    ['segment', e => e.lane === 'packet' && e.len > 0],
    ['read', e => e.lane === 'syscall' && e.call === 'read' && e.result === 6],
    ...ECHO,
  ],
  [
    ...HANDSHAKE,
    ['client shutdown', e => e.lane === 'syscall' && e.end === 'client' && e.call === 'shutdown'],
    ['FIN-WAIT-1', e => e.lane === 'state' && e.to === 'FIN-WAIT-1'],
    ['client FIN', e => e.lane === 'packet' && e.end === 'client' && e.flags.includes('F')],
    ['CLOSE-WAIT', e => e.lane === 'state' && e.to === 'CLOSE-WAIT'],
    ['end', e => e.lane === 'js' && e.end === 'server' && e.event === 'end'],
    ['shutdown', e => e.lane === 'syscall' && e.end === 'server' && e.call === 'shutdown'],
    ['LAST-ACK', e => e.lane === 'state' && e.to === 'LAST-ACK'],
    ['FIN', e => e.lane === 'packet' && e.end === 'server' && e.flags.includes('F')],
    ['TIME-WAIT', e => e.lane === 'state' && e.to === 'TIME-WAIT'],
    ['CLOSED', e => e.lane === 'state' && e.from === 'LAST-ACK'],
  ],
]

const EXCHANGES = 100

test.skipIf(lacksAny || !withSome)(
  'traceExample keeps write(), system call, segment and data in this order in 100 exchanges of one run (needs root, strace, tcpdump)',
  async () => {
    const server = `
import { createServer } from 'node:net'
const server = createServer(peer => peer.on('data', data => peer.write(data)).on('end', () => peer.end()))
server.listen(Number(process.argv[3]), '127.0.0.1', () => console.log('listening 127.0.0.1:' + server.address().port))
process.on('SIGTERM', () => process.exit(0))`
    const client = `
import { connect } from 'node:net'
let count = 0
const next = () => (count++ < ${EXCHANGES} ? socket.write('m' + count + ';') : socket.end())
const socket = connect(Number(process.argv[3]), '127.0.0.1', next).on('data', next)`
    const entry = entryOf(programs, server, client)

    // Somebody else talks over loopback as well.
    const other = createServer(peer => peer.end('x')).listen(0, '127.0.0.1')
    const chatter = setInterval(() => {
      const address = other.address()
      if (address === null || typeof address === 'string') return
      connect(address.port, '127.0.0.1')
        .on('error', () => {})
        .resume()
    }, 20)
    const { events } = await trace(entry, ['js', 'syscall', 'state', 'packet'])
    clearInterval(chatter)
    other.close()

    const ports = new Set(of(events, 'packet').flatMap(each => [each.source, each.destination]))
    expect(ports.size).toBe(2)
    const calls = of(events, 'syscall', 'client')
    const steps = [
      of(events, 'js', 'client').filter(({ event }) => event === 'write()'),
      calls.filter(({ call }) => call === 'write'),
      of(events, 'packet', 'client').filter(({ len }) => len > 0),
      of(events, 'syscall', 'server').filter(
        ({ call, result = 0 }) => call === 'read' && result > 0,
      ),
      of(events, 'js', 'server').filter(({ event }) => event === 'data'),
      of(events, 'packet', 'server').filter(({ len }) => len > 0),
      of(events, 'js', 'client').filter(({ event }) => event === 'data'),
    ]
    expect(steps.map(list => list.length)).toEqual(steps.map(() => EXCHANGES))
    for (let exchange = 0; exchange < EXCHANGES; exchange++) {
      const times = steps.map(list => list[exchange]!.tNs)
      // read() may wait in the kernel for the bytes: its entry has no place in the order.
      const [write = 0, call = 0, segment = 0, , data = 0, echo = 0, answer = 0] = times
      expect(segment, 'a packet never precedes its system call').toBeGreaterThan(
        call - CLOCK_TOLERANCE_NS,
      )
      const chain = [write, call, segment, data, echo, answer]
      expect(chain, `exchange ${exchange}`).toEqual(chain.toSorted((a, b) => a - b))
    }
  },
)

test.skipIf(lacksAny || !withSome)(
  'traceExample follows several connections over IPv4 and IPv6, refused ones and half-closed ones (needs root, strace, tcpdump)',
  async () => {
    const server = `
import { createServer } from 'node:net'
const server = createServer({ allowHalfOpen: true }, peer => peer.on('error', () => {}).resume().on('end', () => setTimeout(() => peer.end(), 30)))
server.listen(Number(process.argv[3]), '::', () => console.log('listening [::]:' + server.address().port))
process.on('SIGTERM', () => process.exit(0))`
    const client = `
import { connect } from 'node:net'
import { once } from 'node:events'
const port = Number(process.argv[3])
for (const host of ['::1', '127.0.0.1']) {
  const socket = connect(port, host).resume()
  await once(socket, 'connect')
  socket.end()
  await once(socket, 'close')
}
// Leaves for good before the server has sent its FIN.
const hasty = connect(port, '127.0.0.1')
await once(hasty, 'connect')
hasty.end(() => hasty.destroy())
await once(hasty, 'close')
await once(connect(1, '127.0.0.1').on('error', () => {}), 'close')
setTimeout(() => {}, 100)`
    const { events } = await trace(entryOf(programs, server, client), ['state', 'packet'])
    expect(new Set(events.map(({ lane }) => lane))).toEqual(new Set(['state', 'packet']))
    const isRefused = (event: TraceEvent) => event.lane === 'state' && event.remote.endsWith(':1')
    const refused = events.filter(isRefused)
    const steps = states(
      events.filter(event => !isRefused(event)),
      'client',
    )
    expect(states(refused, 'client')).toEqual(['CLOSED SYN-SENT', 'SYN-SENT CLOSED'])
    const whole = [
      ...['CLOSED SYN-SENT', 'SYN-SENT ESTABLISHED', 'ESTABLISHED FIN-WAIT-1'],
      ...['FIN-WAIT-1 FIN-WAIT-2', 'FIN-WAIT-2 TIME-WAIT'],
    ]
    expect(steps).toEqual([...whole, ...whole, ...whole])
    const syns = of(events, 'packet').filter(({ flags }) => flags === 'S')
    expect(syns.map(({ destination }) => destination.replace(/:\d+$/, ''))).toEqual([
      ...['[::1]', '127.0.0.1', '127.0.0.1', '127.0.0.1'],
    ])
    const reset = of(events, 'packet', 'server').find(({ flags }) => flags === 'R.')
    expect(reset).toMatchObject({ source: '127.0.0.1:1', end: 'server' })
    // Both sockets of a connection over IPv4 go by the same addresses, and so do its packets.
    const accepted = of(events, 'state', 'server').filter(({ from }) => from === 'LISTEN')
    expect(accepted.slice(0, 3).map(({ remote }) => remote)).toEqual(
      syns.slice(0, 3).map(({ source }) => source),
    )
  },
)

test.skipIf(lacksAny)(
  'traceExample shows the system calls and the datagrams of UDP, and says that there are no states (needs root, strace, tcpdump)',
  async () => {
    const server = `
import { createSocket } from 'node:dgram'
const socket = createSocket('udp4').on('message', (data, from) => socket.send(data, from.port, from.address))
socket.bind(Number(process.argv[3]), '127.0.0.1', () => console.log('listening 127.0.0.1:' + socket.address().port))
process.on('SIGTERM', () => process.exit(0))`
    const client = `
import { createSocket } from 'node:dgram'
const socket = createSocket('udp4').on('message', () => socket.close())
socket.send('hello', Number(process.argv[3]), '127.0.0.1')`
    const { events, lanes } = await trace(entryOf(programs, server, client, { transport: 'udp' }))
    expect(lanes).toEqual({
      ...{ js: 'live', syscall: 'live', packet: 'live' },
      ...{ state: 'missing: UDP has no TCP states', tcp: 'missing: UDP has no TCP variables' },
    })
    expect(of(events, 'packet').map(({ end, text }) => `${end} ${text}`)).toEqual([
      'client udp len 5',
      'server udp len 5',
    ])
    const sent = of(events, 'syscall', 'client').filter(({ call }) => /^send/.test(call))
    expect(sent.map(({ text }) => text)).toEqual([
      expect.stringMatching(/^send\w+\(\d+, 127\.0\.0\.1:\d+, \["hello"\]\) = [15]$/),
    ])
  },
)

test.skipIf(lacks.strace || !withSome)(
  'traceExample shows the system calls on a Unix domain socket, and says that it has no packets (needs strace)',
  async () => {
    const server = `
import { createServer } from 'node:net'
const server = createServer(peer => peer.end('hi')).listen(process.argv[3], () => console.log('listening ' + process.argv[3]))
process.on('SIGTERM', () => server.close())`
    const client = `
import { connect } from 'node:net'
connect(process.argv[3]).resume()`
    const entry = entryOf(programs, server, client, { transport: 'unix' })
    const { events, lanes } = await trace(entry)
    expect(lanes).toEqual({
      ...{ js: 'live', syscall: 'live' },
      state: 'missing: a Unix domain socket has no TCP states',
      packet: 'missing: a Unix domain socket has no packets',
      tcp: 'missing: a Unix domain socket has no TCP variables',
    })
    const texts = of(events, 'syscall').map(({ end, text }) => `${end} ${text}`)
    expect(texts).toContainEqual(
      expect.stringMatching(/^client connect\(\d+, ".*\/socket-kit-.*\/example\.sock"\) = 0$/),
    )
    expect(texts).toContainEqual(expect.stringMatching(/^server write\(\d+, "hi", 2\) = 2$/))
    expect(texts.filter(text => text.includes('socket('))).toHaveLength(2)
  },
)

test('a run with hundreds of connections stays readable, as text and as a picture', async () => {
  const found = findEntry(await loadChapters(), '05/http-keepalive')
  if ('unknown' in found) throw new Error('no 05/http-keepalive')
  const { example } = found.entry
  const client = { ...example.client, args: ['--requests', '40'] }
  const events: TraceEvent[] = []
  const { client: exit } = await traceExample(
    { ...found.entry, example: { ...example, client } },
    {
      lanes: ['js', 'syscall', 'state', 'packet'],
      onEvent: event => events.push(event),
      onLane() {},
      limitMs: 110_000,
    },
  )
  expect(exit).toEqual({ code: 0, signal: null })

  const shown = viewOf(inOrder(events), { condensed: true })
  const recording = recordingOf('05/http-keepalive', { lanes: {} }, shown)
  const text = renderLadder(recording, { columns: 100, color: false })
  expect(text.split('\n').length).toBeLessThan(900)
  expect(Number(/height="(\d+)"/.exec(renderSvg(recording))?.[1])).toBeLessThan(30_000)
  // Every line of the client is there, and what was left out of the server's is counted.
  const prints = (list: readonly TraceEvent[], end: End) =>
    of(list, 'js', end).filter(({ event }) => event === 'print')
  expect(prints(shown, 'client').map(each => each.text)).toEqual(
    prints(events, 'client').map(each => each.text),
  )
  expect(prints(shown, 'server').reduce((sum, { count = 1 }) => sum + count, 0)).toBe(
    prints(events, 'server').length,
  )
  for (const lane of ['syscall', 'state', 'packet'] as const)
    expect(of(shown, lane).reduce((sum, { count = 1 }) => sum + count, 0)).toBe(
      of(events, lane).length,
    )
})
