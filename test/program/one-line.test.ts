import { expect, test } from 'vitest'
import { oneLine } from '#lib/program/one-line.ts'

test('oneLine leaves an ordinary line as it is', () => {
  expect(oneLine('no example "套接字 é"; all: --list')).toBe('no example "套接字 é"; all: --list')
})

test('oneLine writes what a terminal does not print as escapes', () => {
  expect(oneLine('no "a\nb\r\t\u001b[31m\u007f\u009b"')).toBe(
    'no "a\\nb\\r\\t\\u001b[31m\\u007f\\u009b"',
  )
})

test('oneLine keeps the start and the end of a long line, and says how much is left out', () => {
  const line = oneLine(`no example "${'x'.repeat(100_000)}"; all: npm start -- --list`)
  expect(line).toMatch(/^no example "x{288} … 99539 characters … x+"; all: npm start -- --list$/)
})
