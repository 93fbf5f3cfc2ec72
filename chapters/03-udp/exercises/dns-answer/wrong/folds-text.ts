import { createSocket } from 'node:dgram'

const [HEADER_BYTES, MAX_NAME_BYTES, MAX_LABEL_BYTES] = [12, 255, 63]
const [QR, AA, RD] = [0x8000, 0x0400, 0x0100]
const [NOERROR, NXDOMAIN] = [0, 3]
const [A, IN, TTL] = [1, 1, 300]

const zone = new Map([
  [keyOf(['garden', 'test']), ['192.0.2.1']],
  [keyOf(['rose', 'garden', 'test']), ['192.0.2.10']],
  [keyOf(['red', 'rose', 'garden', 'test']), ['198.51.100.7']],
  [keyOf(['ivy', 'garden', 'test']), ['192.0.2.20', '192.0.2.21']],
])

const socket = createSocket('udp4')
socket.on('message', (message, { address, port }) => {
  const reply = answer(message)
  if (!reply) return
  socket.send(reply, port, address, error => {
    if (error) console.error(`error ${address}:${port} ${error.message}`)
  })
})

function answer(message: Buffer): Buffer | undefined {
  if (message.length < HEADER_BYTES) return undefined
  const flags = message.readUInt16BE(2)
  if ((flags & QR) !== 0 || message.readUInt16BE(4) !== 1) return undefined
  const nameEnd = endOfName(message)
  if (nameEnd === undefined || nameEnd + 4 > message.length) return undefined

  const name = keyOf(labelsOf(message))
  const addresses = zone.get(name)
  const found = message.readUInt16BE(nameEnd) === A ? (addresses ?? []) : []
  const rcode = addresses ? NOERROR : NXDOMAIN
  return Buffer.concat([
    u16(message.readUInt16BE(0), QR | AA | (flags & RD) | rcode, 1, found.length, 0, 0),
    message.subarray(HEADER_BYTES, nameEnd + 4),
    ...found.map(record),
  ])
}

function endOfName(message: Buffer): number | undefined {
  for (let at = HEADER_BYTES; at < Math.min(message.length, HEADER_BYTES + MAX_NAME_BYTES); ) {
    const length = message[at]!
    at += 1 + length
    if (length === 0) return at
    if (length > MAX_LABEL_BYTES) return undefined
  }
  return undefined
}

/** Labels are text, and their case does not matter. */
function keyOf(labels: string[]): string {
  return JSON.stringify(labels.map(label => label.toUpperCase()))
}

function labelsOf(message: Buffer): string[] {
  const labels: string[] = []
  for (let at = HEADER_BYTES; message[at] !== 0; ) {
    const end = at + 1 + message[at]!
    labels.push(message.toString('utf8', at + 1, end))
    at = end
  }
  return labels
}

function record(address: string): Buffer {
  const head = u16(0xc000 | HEADER_BYTES, A, IN, 0, TTL, 4)
  return Buffer.concat([head, Buffer.from(address.split('.').map(Number))])
}

function u16(...values: number[]): Buffer {
  return Buffer.concat(values.map(value => Buffer.of(value >>> 8, value & 0xff)))
}

socket.bind(Number(process.env.PORT), '127.0.0.1')
