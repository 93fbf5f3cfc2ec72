import { afterEach, expect, test, vi } from 'vitest'
import {
  exitCannotConnect,
  exitCannotListen,
  exitLost,
  type SocketError,
} from '#lib/program/failures.ts'

const failed = (code: string): SocketError => Object.assign(new Error('raw text'), { code })

/** What a program prints on standard error before it ends, and its exit code. */
function saidAndExit(run: () => never): { said: unknown[][]; code: unknown } {
  const error = vi.spyOn(console, 'error').mockImplementation(() => {})
  const exit = vi.spyOn(process, 'exit').mockImplementation(() => {
    throw new Error('the program has ended')
  })
  expect(run).toThrow('the program has ended')
  return { said: error.mock.calls, code: exit.mock.calls[0]?.[0] }
}

afterEach(() => {
  vi.restoreAllMocks()
})

const WHERE = '127.0.0.1:7020'
const SERVER = 'npm run 02:server'

test.each([
  ['EADDRINUSE', ` (that port is taken; any free port: ${SERVER} -- --port 0)`],
  ['EADDRNOTAVAIL', ' (no network interface of this machine has that address; try 127.0.0.1)'],
  ['EACCES', ' (not allowed here; a port below 1024 may need root)'],
  ['ENOENT', ' (there is no such folder)'],
  ['ENOTFOUND', ' (no such host name; try 127.0.0.1)'],
  ['EMFILE', ''],
])('exitCannotListen says what %s means, in one line, and exits with 1', (code, cure) => {
  const { said, code: exit } = saidAndExit(() => exitCannotListen(failed(code), WHERE, SERVER))
  expect(said).toEqual([[`cannot listen on ${WHERE}: ${code}${cure}`]])
  expect(exit).toBe(1)
})

test('exitCannotListen speaks of a path where a path was to be listened on', () => {
  const { said } = saidAndExit(() => exitCannotListen(failed('EADDRINUSE'), '/tmp/s', SERVER))
  expect(said).toEqual([
    [
      `cannot listen on /tmp/s: EADDRINUSE (something is at that path already; choose another: ${SERVER} -- --path TEXT)`,
    ],
  ])
})

test.each([
  ['ECONNREFUSED', ` (is the server running? ${SERVER})`],
  ['ENOENT', ` (is the server running? ${SERVER})`],
  ['ETIMEDOUT', ' (nothing answered; the host may be down, or a firewall may drop the packets)'],
  ['ENOTFOUND', ' (no such host name; try 127.0.0.1)'],
  ['EADDRNOTAVAIL', ' (no local address or port to connect from is free)'],
  ['EHOSTUNREACH', ''],
])('exitCannotConnect says what %s means, in one line, and exits with 1', (code, cure) => {
  const { said, code: exit } = saidAndExit(() => exitCannotConnect(failed(code), WHERE, SERVER))
  expect(said).toEqual([[`cannot connect to ${WHERE}: ${code}${cure}`]])
  expect(exit).toBe(1)
})

test.each([
  [
    'ECONNRESET',
    ' (the peer reset the connection; perhaps it crashed, or closed without reading everything)',
  ],
  ['EPIPE', ' (the peer has closed the connection; nothing more can be sent)'],
  ['ETIMEDOUT', ' (the peer stopped answering)'],
  ['ENOBUFS', ''],
])('exitLost says what %s means, in one line, and exits with 1', (code, cure) => {
  const { said, code: exit } = saidAndExit(() => exitLost(failed(code), WHERE))
  expect(said).toEqual([[`lost the connection to ${WHERE}: ${code}${cure}`]])
  expect(exit).toBe(1)
})

test('exitLost names the kind of an error that has no code, and no cure that belongs to nothing', () => {
  const { said } = saidAndExit(() => exitLost(new TypeError('raw text'), WHERE))
  expect(said).toEqual([[`lost the connection to ${WHERE}: TypeError`]])
})
