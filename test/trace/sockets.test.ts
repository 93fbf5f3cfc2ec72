import { describe, expect, test } from 'vitest'
import type { TraceEvent } from '#lib/trace/recording.ts'
import { Connections, type SocketEvent } from '#lib/trace/sockets.ts'
import { ECHO, SERVER, segment, state } from './sample-events.ts'

const isOfSocket = (event: TraceEvent): event is SocketEvent =>
  event.lane !== 'js' && event.lane !== 'syscall'

/** The keys of the connections of these events, numbered; undefined for none. */
const connectionsOf = (events: readonly TraceEvent[]): (number | undefined)[] => {
  const connections = new Connections()
  const keys: string[] = []
  return events.filter(isOfSocket).map(event => {
    const key = connections.of(event)?.key
    if (key === undefined) return undefined
    if (!keys.includes(key)) keys.push(key)
    return keys.indexOf(key)
  })
}

const asks = (ms: number) => state('client', ms, 'CLOSED', 'SYN-SENT')
const syn = (ms: number, port: number) =>
  segment('client', ms, '[S] seq 1 win 1', { source: `127.0.0.1:${port}`, destination: SERVER })

describe('Connections', () => {
  test('take a socket that has asked, its segments and the socket at the other end for one', () => {
    const found = connectionsOf(ECHO)
    expect(new Set(found)).toEqual(new Set([undefined, 0]))
    expect(found.filter(key => key === undefined)).toHaveLength(2)
  })

  test('tell two that ask one after the other apart, and two that ask at once', () => {
    expect(connectionsOf([asks(0), syn(1, 1000), asks(2), syn(3, 2000), syn(4, 1000)])).toEqual([
      0, 0, 1, 1, 0,
    ])
    expect(connectionsOf([asks(0), asks(1), syn(2, 1000), syn(3, 2000)])).toEqual([0, 1, 0, 1])
  })

  test('find the one who asked where the segment stands before the state', () => {
    expect(connectionsOf([syn(0, 1000), asks(1), syn(2, 1000)])).toEqual([0, 0, 0])
    expect(connectionsOf([syn(0, 1000), asks(1), asks(2), syn(3, 2000)])).toEqual([0, 0, 1, 1])
  })

  test('are called after the port of the client, whoever sends', () => {
    const connections = new Connections()
    const labels = ECHO.filter(isOfSocket).map(event => connections.of(event)?.label)
    expect(new Set(labels)).toEqual(new Set([undefined, '', ':48286']))
  })

  test('keep their name where the client’s address has listened too', () => {
    const connections = new Connections()
    const before = { ...state('client', 0, 'CLOSED', 'LISTEN'), local: '127.0.0.1:48286' }
    const labels = [before, ...ECHO]
      .filter(isOfSocket)
      .map(event => connections.of(event)?.label)
      .filter(Boolean)
    expect(new Set(labels).size).toBe(1)
  })
})
