import { TCP_FLAG, type TcpSegment, type UdpDatagram } from '#lib/kernel/transport.ts'
import type { Recording } from '#lib/trace/recording.ts'
import type { Captured } from './captured-bytes.ts'
import { MARGIN, Picture, textWidth, WIDTH } from './picture.ts'

/** A piece of a header. Every row of fields has 32 bits. */
interface Field {
  bits: number
  name: string
  value: string
  /** One bit that is set. */
  isSet?: boolean
}

const ROW_BITS = 32
const BIT = (WIDTH - 2 * MARGIN) / ROW_BITS
const HEIGHT = { row: 44, flags: 58 }
const FLAGS = ['ae', 'cwr', 'ece', 'urg', 'ack', 'psh', 'rst', 'syn', 'fin'] as const

/** Draws the header of a captured segment. `handshake`: the recording that it is from. */
export function renderTcpHeader({ packet }: Captured, handshake: Recording): string {
  const { transport } = packet
  if (transport?.protocol !== 'tcp') throw new Error('not a segment: record 01/tcp again')
  const set = FLAGS.filter(name => (transport.flags & TCP_FLAG[name]) !== 0)
  const picture = new Picture(
    `The header of a TCP segment, bit by bit: ${transport.headerBytes} bytes`,
    `Port ${transport.sourcePort} to port ${transport.destinationPort}, sequence number ${transport.seq}, ` +
      `acknowledgement number ${transport.ack}, flags ${set.join(' and ').toUpperCase()}. ` +
      'Behind the options comes the payload.',
  )
  return drawHeader(picture, tcpFields(transport, windowShift(handshake, transport)), transport)
}

/** Draws the header of a captured datagram. */
export function renderUdpHeader({ packet }: Captured): string {
  const { transport } = packet
  if (transport?.protocol !== 'udp') throw new Error('not a datagram: record 03/echo again')
  const picture = new Picture(
    'The header of a UDP datagram, bit by bit: 8 bytes',
    `Port ${transport.sourcePort} to port ${transport.destinationPort}, the length, and a checksum. ` +
      'Behind them comes the payload.',
  )
  const { sourcePort, destinationPort, lengthBytes, checksum } = transport
  const fields: Field[] = [
    { bits: 16, name: 'source port', value: `${sourcePort}` },
    { bits: 16, name: 'destination port', value: `${destinationPort}` },
    { bits: 16, name: 'length, with this header', value: `${lengthBytes}` },
    { bits: 16, name: 'checksum', value: hex(checksum, 4) },
  ]
  return drawHeader(picture, fields, transport)
}

/** What the sender has announced in its SYN: by so many bits its window is shifted (RFC 7323 §2). */
function windowShift({ events }: Recording, { seq }: TcpSegment): number {
  const syn = events.find(event => event.lane === 'packet' && event.flags === 'S')
  const options = syn?.lane === 'packet' && syn.seq === seq - 1 ? syn.options : undefined
  if (options === undefined) throw new Error('the recording lacks the SYN: record 01/tcp again')
  return Number(/wscale (\d+)/.exec(options)?.[1] ?? 0)
}

function tcpFields(segment: TcpSegment, shift: number): Field[] {
  const { headerBytes, flags, window, checksum } = segment
  const flag = (name: (typeof FLAGS)[number]): Field => {
    const isSet = (flags & TCP_FLAG[name]) !== 0
    return { bits: 1, name: name.toUpperCase(), value: isSet ? '1' : '0', isSet }
  }
  return [
    { bits: 16, name: 'source port', value: `${segment.sourcePort}` },
    { bits: 16, name: 'destination port', value: `${segment.destinationPort}` },
    { bits: 32, name: 'sequence number: that of the first byte', value: `${segment.seq}` },
    {
      ...{ bits: 32, value: `${segment.ack}` },
      name: 'acknowledgement number: the next byte that is expected',
    },
    { bits: 4, name: 'length', value: `${headerBytes / 4} × 4` },
    { bits: 3, name: 'free', value: '0' },
    ...FLAGS.map(flag),
    { bits: 16, name: 'window', value: `${window} × ${2 ** shift} bytes` },
    { bits: 16, name: 'checksum', value: hex(checksum, 4) },
    { bits: 16, name: 'urgent pointer', value: `${segment.urgentPointer}` },
    ...segment.options.flatMap(optionFields),
  ]
}

function optionFields(option: TcpSegment['options'][number]): Field[] {
  if (option.kind === 'no-operation') return [{ bits: 8, name: 'padding', value: '1' }]
  if (option.kind !== 'timestamps') throw new Error(`no picture of the option ${option.kind}`)
  return [
    { bits: 8, name: 'timestamps', value: '8' },
    { bits: 8, name: 'length', value: '10' },
    { bits: 32, name: 'timestamp of the sender', value: `${option.value}` },
    { bits: 32, name: 'the last timestamp of the peer', value: `${option.echo}` },
  ]
}

function drawHeader(
  picture: Picture,
  fields: readonly Field[],
  { payload, checksumVerdict }: TcpSegment | UdpDatagram,
): string {
  for (const bit of [0, 8, 16, 24, 31]) {
    picture.text('muted tiny', MARGIN + (bit + 0.5) * BIT, 24, `${bit}`, { anchor: 'middle' })
  }
  let y = drawRows(picture, rowsOf(fields), 32)
  const text = new TextDecoder().decode(payload)
  picture.rect('s-established', MARGIN, y, WIDTH - 2 * MARGIN, HEIGHT.row)
  picture.text('on small', MARGIN + 8, y + 17, `payload, ${payload.length} bytes`)
  picture.text('on', MARGIN + 8, y + 35, text)
  y += HEIGHT.row + 22
  const notes = ['Each row has 32 bits: 4 bytes.']
  if (checksumVerdict === 'offloaded') {
    notes.push('The checksum is incomplete: the loopback needs none.')
  }
  for (const note of notes) {
    picture.text('muted small', MARGIN, y, note)
    y += 18
  }
  return picture.render(y)
}

/** @throws {Error} when a field does not end where a row does. */
function rowsOf(fields: readonly Field[]): Field[][] {
  const rows: Field[][] = []
  let room = 0
  for (const field of fields) {
    if (room === 0) {
      rows.push([])
      room = ROW_BITS
    }
    rows.at(-1)!.push(field)
    room -= field.bits
    if (room < 0) throw new Error(`the field ${field.name} does not fit into its row of 32 bits`)
  }
  return rows
}

function drawRows(picture: Picture, rows: readonly (readonly Field[])[], top: number): number {
  let y = top
  for (const row of rows) {
    const height = row.some(({ bits }) => bits === 1) ? HEIGHT.flags : HEIGHT.row
    let x = MARGIN
    for (const field of row) {
      drawField(picture, field, x, y, height)
      x += field.bits * BIT
    }
    y += height
  }
  return y
}

function drawField(picture: Picture, field: Field, x: number, y: number, height: number): void {
  const { bits, name, value, isSet } = field
  const width = bits * BIT
  picture.rect(isSet ? 's-asking rule' : 'ground rule', x, y, width, height, 0)
  if (bits === 1) {
    const ink = isSet ? 'on' : 'muted'
    picture.text(`${ink} tiny`, x + width / 2 + 4, y + 34, name, { upright: true })
    picture.text(isSet ? 'on head' : 'ink', x + width / 2, y + height - 8, value, {
      anchor: 'middle',
    })
    return
  }
  const left = x + (textWidth('muted tiny', name) > width - 8 ? 4 : 8)
  picture.text('muted tiny', left, y + 17, name, { room: width - 6 })
  picture.text('ink', x + 8, y + height - 9, value, { room: width - 8 })
}

const hex = (value: number, digits: number): string =>
  `0x${value.toString(16).padStart(digits, '0')}`
