import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describeBytes, printable } from '#lib/trace/describe.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('describeBytes writes', () => {
  test.each<[string, Uint8Array, string]>([
    ['no bytes', bytes(''), '0 bytes'],
    ['one byte', bytes('a'), '1 byte "a"'],
    ['text', bytes('hello'), '5 bytes "hello"'],
    ['line ends and quotes', bytes('a"b\\\r\n\t'), '7 bytes "a\\"b\\\\\\r\\n\\t"'],
    ['24 bytes of text in full', bytes('x'.repeat(24)), `24 bytes "${'x'.repeat(24)}"`],
    ['the beginning of a longer text', bytes('x'.repeat(25)), `25 bytes "${'x'.repeat(24)}…"`],
    ['characters of several bytes', bytes('é漢🙂'), '9 bytes "é漢🙂"'],
    ['text cut inside a character', bytes(`${'x'.repeat(23)}漢!`), `27 bytes "${'x'.repeat(23)}…"`],
    ['a chunk that ends inside a character', bytes('é').subarray(0, 1), '1 byte c3'],
    ['a chunk that begins inside a character', bytes('éa').subarray(1), '2 bytes a9 61'],
    ['binary', Uint8Array.of(0, 0, 0, 5), '4 bytes 00 00 00 05'],
    ['a control character', bytes('a\u001b[31m'), '6 bytes 61 1b 5b 33 31 6d'],
    ['a C1 control character', bytes('\u0080'), '2 bytes c2 80'],
    ['the beginning of long binary', new Uint8Array(9), '9 bytes 00 00 00 00 00 00 00 00 …'],
    ['binary after the preview', bytes(`${'x'.repeat(24)}\0`), `25 bytes "${'x'.repeat(24)}…"`],
    ['512 bytes of text', bytes('y'.repeat(512)), `512 bytes "${'y'.repeat(24)}…"`],
    ['bulk as a count', bytes('y'.repeat(513)), '513 bytes'],
  ])('%s', (_what, data, text) => {
    expect(describeBytes(data)).toBe(text)
  })

  test('one short line for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), data => {
        const text = describeBytes(data)
        expect(text).toMatch(new RegExp(`^${data.length} bytes?( |$)`))
        expect(text.length).toBeLessThan(75)
        expect(text).not.toMatch(/\p{Cc}/u)
      }),
    )
  })
})

describe('printable writes', () => {
  test.each([
    ['text as it is', 'hello, 漢字 🙂 "x" \\', 'hello, 漢字 🙂 "x" \\'],
    ['a tab as two spaces', 'a\tb', 'a  b'],
    ['the end of a CRLF line', 'GET / HTTP/1.1\r', 'GET / HTTP/1.1\\r'],
    ['an escape sequence', '\u001b[2Jgone', '\\x1b[2Jgone'],
    ['a bell and a C1 control character', '\u0007\u009b', '\\x07\\x9b'],
    ['a mark that turns the direction of writing', 'a\u202eb', 'a\\u202eb'],
    ['half of a pair', 'a\ud800b', 'a\\ud800b'],
    ['what is no character', 'a\uffffb', 'a\\uffffb'],
  ])('%s', (_what, text, shown) => {
    expect(printable(text)).toBe(shown)
  })
})
