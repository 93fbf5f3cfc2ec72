import { expect, test } from 'vitest'
import { endpoint } from '#lib/program/endpoint.ts'

test.each([
  ['127.0.0.1', 7020, '127.0.0.1:7020'],
  ['localhost', 7020, 'localhost:7020'],
  ['::1', 7020, '[::1]:7020'],
  ['fe80::1%eth0', 1, '[fe80::1%eth0]:1'],
  ['::ffff:127.0.0.1', 0, '[::ffff:127.0.0.1]:0'],
  [undefined, 7020, 'unknown'],
  ['127.0.0.1', undefined, 'unknown'],
])('endpoint writes %s and %s as %s', (address, port, text) => {
  expect(endpoint(address, port)).toBe(text)
})
