import { expect, test } from 'vitest'
import { Ports } from '#lib/observe/ports.ts'
import { event } from '../trace/events.ts'

const says = (end: 'server' | 'client', ms: number, text: string) =>
  event(end, ms, text, { event: text.split(/[ (]/)[0] + (text.includes('(') ? '()' : '') })

test('Ports knows both ends of a connection by the port of the one that listens', () => {
  const ports = new Ports()
  expect(ports.endOf('127.0.0.1:7020', '127.0.0.1:40000', 0)).toBeUndefined()
  expect(ports.learn(says('server', 5, 'listening 127.0.0.1:7020'))).toBe(true)
  expect(ports.learn(says('server', 6, 'listening 127.0.0.1:7020'))).toBe(false)
  expect(ports.endOf('127.0.0.1:7020', '127.0.0.1:40000', 9e6)).toBe('server')
  expect(ports.endOf('127.0.0.1:40000', '127.0.0.1:7020', 9e6)).toBe('client')
  // The socket listens a moment before its program says so.
  expect(ports.endOf('127.0.0.1:7020', '0.0.0.0:0', 4e6)).toBe('server')
  expect(ports.endOf('127.0.0.1:5000', '127.0.0.1:40000', 9e6)).toBeUndefined()
})

test.each([
  'connect(127.0.0.1:9)',
  'connect([::1]:9)',
  'connect(localhost:9)',
  'connect(9)',
  'connect(127.0.0.1:9 from port 40000)',
  'connect(127.0.0.1:9 from 127.0.0.2)',
  'send(5 bytes "hello" to 127.0.0.1:9)',
])('Ports gives the target of a %s to the other end, also where nobody listens', text => {
  const ports = new Ports()
  expect(ports.learn(says('client', 1, text))).toBe(true)
  expect(ports.endOf('127.0.0.1:9', '127.0.0.1:40000', 2e6)).toBe('server')
  expect(ports.endOf('127.0.0.1:40000', '127.0.0.1:9', 2e6)).toBe('client')
})

test.each(['connect(/tmp/x.sock)', 'listening /tmp/x.sock', 'data(5 bytes "to 127.0.0.1:9")'])(
  'Ports learns nothing from %s',
  text => {
    expect(new Ports().learn(says('client', 1, text))).toBe(false)
  },
)

test('Ports gives a port to whom it belonged at that time', () => {
  const ports = new Ports()
  ports.learn(says('client', 5, 'listening 127.0.0.1:9'))
  ports.learn(says('client', 10, 'connect(127.0.0.1:9)'))
  expect(ports.endOf('127.0.0.1:9', '0.0.0.0:0', 7e6)).toBe('client')
  expect(ports.endOf('127.0.0.1:9', '127.0.0.1:40000', 11e6)).toBe('server')
})
