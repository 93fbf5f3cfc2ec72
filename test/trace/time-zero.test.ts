import { describe, expect, test } from 'vitest'
import { startText, TimeZero } from '#lib/trace/time-zero.ts'
import { event } from './events.ts'

const EVENTS = [
  event('server', 1000, 'listen()'),
  event('server', 1100, 'listening'),
  event('client', 1500, 'connect()'),
  event('server', 1502.5, 'connection'),
]

const moments = (zero: TimeZero) => EVENTS.map(each => zero.push(each))

describe('TimeZero', () => {
  test('counts from the first event of the client, and says how long the client took to start', () => {
    expect(moments(new TimeZero())).toEqual([
      { ms: undefined },
      { ms: undefined },
      { ms: 0, startMs: 400 },
      { ms: 2.5 },
    ])
  })

  test('counts from the first event of the server where only the server is shown', () => {
    expect(moments(new TimeZero('server')).map(({ ms }) => ms)).toEqual([0, 100, 500, 502.5])
  })

  test('has no start where nothing came before', () => {
    expect(new TimeZero().push(event('client', 5, 'connect()'))).toEqual({ ms: 0 })
  })
})

test('startText gives seconds', () => {
  expect(startText(412)).toBe('Node starts: 0.4 s')
})
