import { expect, test } from 'vitest'
import { recordingOf } from '#lib/observe/recording-of.ts'
import { event } from '../trace/events.ts'

test('recordingOf counts time from the first event', () => {
  const { events, meta } = recordingOf('02/echo', { lanes: { js: 'live' } }, [
    event('server', 1000, 'a'),
    event('server', 1002, 'b'),
  ])
  expect(events.map(({ tNs }) => tNs)).toEqual([0, 2e6])
  expect(meta).toMatchObject({ example: '02/echo', node: process.version, lanes: { js: 'live' } })
})
