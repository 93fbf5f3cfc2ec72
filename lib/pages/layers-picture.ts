import type { Captured } from './captured-bytes.ts'
import { MARGIN, Picture, WIDTH } from './picture.ts'

/** One layer of a packet, from the outside in. */
interface Layer {
  /** The class of its colour. */
  color: string
  /** Its name in a box. */
  name: string
  /** What it is called with all that it carries: `a segment`. */
  whole: string
  from: number
  /** Where what it carries begins. */
  to: number
  /** What its bytes say. */
  says: string[]
}

/**
 * Draws how a segment lies in a packet, and that in what goes over the link, with all its bytes.
 *
 * @throws {Error} when the packet is not TCP over IPv4 over Ethernet, as on loopback.
 */
export function renderLayers({ bytes, packet }: Captured): string {
  const { ip, transport, ipOffset = 0 } = packet
  if (ip?.version !== 4 || transport?.protocol !== 'tcp' || ipOffset !== 14) {
    throw new Error('the packet for the picture of the layers is not TCP over IPv4: record 01/tcp')
  }
  const tcpOffset = ipOffset + ip.headerBytes
  const payloadOffset = tcpOffset + transport.headerBytes
  const text = new TextDecoder().decode(transport.payload)
  const isEmpty = bytes.subarray(0, 12).every(byte => byte === 0)
  const layers: Layer[] = [
    {
      ...{ color: 's-over', name: 'link', whole: 'all in all' },
      ...{ from: 0, to: ipOffset },
      says: isEmpty
        ? ['Names two network cards. Loopback has none,', 'so it says 0.']
        : ['Names two network cards.'],
    },
    {
      ...{ color: 's-closing', name: 'IP', whole: 'a packet', from: ipOffset, to: tcpOffset },
      says: [
        `From the address ${ip.source} to ${ip.destination}.`,
        `Its payload is TCP: protocol ${ip.protocol}.`,
      ],
    },
    {
      ...{ color: 's-asking', name: 'TCP', whole: 'a segment', from: tcpOffset, to: payloadOffset },
      says: [
        `From port ${transport.sourcePort} to port ${transport.destinationPort}.`,
        `Number of the first byte: ${transport.seq}.`,
      ],
    },
    {
      ...{ color: 's-established', name: text, whole: 'the payload' },
      ...{ from: payloadOffset, to: bytes.length },
      says: [`"${text}", as the program wrote it.`],
    },
  ]
  const picture = new Picture(
    'One message, and the headers that each layer puts in front of it',
    `The ${transport.payloadBytes} bytes of the program get a header from TCP, one from IP and one from the link. ` +
      `Below, all ${bytes.length} bytes, and what each header says.`,
  )
  const bottom = drawLayers(picture, layers, bytes.length)
  const end = drawLegend(picture, layers, drawBytes(picture, layers, bytes, bottom + 32) + 28)
  return picture.render(end)
}

const WIDTHS = [72, 72, 108, WIDTH - 2 * MARGIN - 252]
const ROW = { label: 16, box: 28, height: 56 }

/** A row for each layer, the innermost first: each has one box more. */
function drawLayers(picture: Picture, layers: readonly Layer[], size: number): number {
  let y = 28
  for (const [at, layer] of [...layers.entries()].reverse()) {
    const added = layer.to - layer.from
    const isPayload = at === layers.length - 1
    const label = isPayload
      ? `A program writes ${added} bytes.`
      : `${layer.name === 'link' ? 'The link' : layer.name} puts ${added} bytes in front: ${layer.whole}, ${size - layer.from} bytes`
    picture.text('ink small', MARGIN, y, label)
    for (const [inner, { color, name }] of layers.entries()) {
      if (inner < at) continue
      const x = MARGIN + WIDTHS.slice(0, inner).reduce((sum, width) => sum + width, 0)
      const width = WIDTHS[inner]!
      picture.rect(color, x, y + 8, width - 2, ROW.box)
      const middle = { anchor: 'middle', room: width - 8 } as const
      picture.text('on head', x + width / 2, y + 27, name, middle)
    }
    y += ROW.height
  }
  return y - ROW.height + ROW.box + 8
}

const PER_LINE = 16
const CELL = { width: (WIDTH - 2 * MARGIN) / PER_LINE, height: 20 }

function drawBytes(
  picture: Picture,
  layers: readonly Layer[],
  bytes: Uint8Array,
  top: number,
): number {
  picture.text('ink small', MARGIN, top, `All ${bytes.length} bytes, in hexadecimal:`)
  const y = top + 10
  for (const [at, byte] of bytes.entries()) {
    const { color } = layers.findLast(({ from }) => from <= at)!
    const [left, line] = [
      MARGIN + (at % PER_LINE) * CELL.width,
      y + Math.floor(at / PER_LINE) * CELL.height,
    ]
    picture.rect(color, left, line, CELL.width + 0.2, CELL.height - 1, 0)
    const hex = byte.toString(16).padStart(2, '0')
    picture.text('on small', left + CELL.width / 2, line + 14, hex, { anchor: 'middle' })
  }
  return y + Math.ceil(bytes.length / PER_LINE) * CELL.height
}

function drawLegend(picture: Picture, layers: readonly Layer[], top: number): number {
  let y = top
  for (const [at, { color, name, from, to, says }] of layers.entries()) {
    picture.rect(color, MARGIN, y - 11, 12, 14)
    const what = at === layers.length - 1 ? 'payload' : `header of ${nameInLegend(name)}`
    picture.text('ink head small', MARGIN + 20, y, `${what}, ${to - from} bytes`)
    for (const words of says) {
      y += 17
      picture.text('muted small', MARGIN + 20, y, words)
    }
    y += 24
  }
  return y - 8
}

const nameInLegend = (name: string): string => (name === 'link' ? 'the link' : name)
