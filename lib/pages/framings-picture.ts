import {
  byteStuffing,
  delimiter,
  fixedLength,
  http1Response,
  lengthPrefix,
  lines,
  netstring,
  varintPrefix,
} from '#lib/framing/index.ts'
import { MARGIN, Picture, WIDTH } from './picture.ts'

const MESSAGES = ['hello', 'ok'] as const
const FRAME_BYTES = 8

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

/** How each format says where a message ends, and what its codec makes of one. */
const FORMATS: readonly [name: string, encode: (message: string) => Uint8Array][] = [
  [
    `a fixed length of ${FRAME_BYTES}, filled with spaces`,
    message =>
      fixedLength({ frameBytes: FRAME_BYTES }).encode(bytesOf(message.padEnd(FRAME_BYTES))),
  ],
  ['a length prefix of 4 bytes', message => lengthPrefix().encode(bytesOf(message))],
  ['a varint prefix', message => varintPrefix().encode(bytesOf(message))],
  [
    'a delimiter, CRLF',
    message => delimiter({ delimiter: bytesOf('\r\n') }).encode(bytesOf(message)),
  ],
  ['lines that end with LF', message => lines().encode(message)],
  ['byte stuffing (SLIP)', message => byteStuffing().encode(bytesOf(message))],
  ['a netstring', message => netstring().encode(bytesOf(message))],
  [
    'HTTP/1.1, a response',
    message => http1Response().encode({ status: 200, reason: 'OK', body: bytesOf(message) }),
  ],
]

/** One byte on the wire: of a message, or what the format adds. */
interface Cell {
  byte: number
  isMessage: boolean
}

/** @throws {Error} when an encoded message does not have the message in one piece. */
function cellsOf(encode: (message: string) => Uint8Array): Cell[] {
  return MESSAGES.flatMap(message => {
    const wire = Buffer.from(encode(message))
    const from = wire.lastIndexOf(message)
    if (from < 0) throw new Error(`${message} is not to be seen in ${wire.toString('hex')}`)
    return [...wire].map((byte, at) => ({
      byte,
      isMessage: from <= at && at < from + message.length,
    }))
  })
}

const PER_LINE = 22
const CELL = { width: (WIDTH - 2 * MARGIN) / PER_LINE, height: 32 }

/** Draws the same messages in all formats, as the kit's codecs encode them. */
export function renderFramings(): string {
  const words = MESSAGES.map(message => `"${message}"`).join(' and ')
  const picture = new Picture(
    `The messages ${words} in ${FORMATS.length} framings`,
    `Each row has the bytes of both messages on the wire: ${FORMATS.map(
      ([name, encode]) => `${name}, ${cellsOf(encode).length} bytes`,
    ).join('; ')}.`,
  )
  picture.rect('s-established', MARGIN, 17, 12, 14)
  picture.text('ink small', MARGIN + 18, 28, words)
  picture.rect('s-asking', 240, 17, 12, 14)
  picture.text('ink small', 258, 28, 'what the framing adds')
  let y = 56
  for (const [name, encode] of FORMATS) {
    const cells = cellsOf(encode)
    picture.text('ink head small', MARGIN, y, name)
    const size = `${cells.length} bytes`
    picture.text('muted small', WIDTH - MARGIN, y, size, { anchor: 'end' })
    y = drawCells(picture, cells, y + 7) + 24
  }
  return picture.render(y - 10)
}

function drawCells(picture: Picture, cells: readonly Cell[], top: number): number {
  for (const [at, { byte, isMessage }] of cells.entries()) {
    const x = MARGIN + (at % PER_LINE) * CELL.width
    const y = top + Math.floor(at / PER_LINE) * CELL.height
    picture.rect(isMessage ? 's-established' : 's-asking', x, y, CELL.width - 1, CELL.height - 2, 1)
    const middle = { anchor: 'middle' } as const
    const hex = byte.toString(16).padStart(2, '0')
    picture.text('on tiny', x + CELL.width / 2 - 0.5, y + 12, hex, middle)
    const character = nameOf(byte)
    if (character !== '') {
      picture.text('on small', x + CELL.width / 2 - 0.5, y + 26, character, middle)
    }
  }
  return top + Math.ceil(cells.length / PER_LINE) * CELL.height
}

/** The character of a byte, as far as ASCII has one that can be seen. */
function nameOf(byte: number): string {
  const named: Record<number, string> = { 10: 'LF', 13: 'CR', 32: '␣' }
  return named[byte] ?? (byte > 32 && byte < 127 ? String.fromCharCode(byte) : '')
}
