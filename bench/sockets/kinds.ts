/** The servers that are measured over loopback, and the bytes that are exchanged with them. */

import {
  base128,
  endedBy,
  randomBytes,
  randomText,
  slipEscaped,
  uint32be,
  type Writer,
} from '../input.ts'

/** What a client and a server of one protocol write for one message. */
export interface Wire {
  /** Sent once before the first message; the server answers it with a head of its own. */
  opening?: string
  request: Writer
  /** `null`: learnt from the first answer, whose body must be the payload. */
  reply: Writer | null
  payload: (bytes: number, seed: number) => Buffer
  /** The server answers with one fixed payload instead of the one that it got. */
  fixed?: boolean
}

export interface Kind {
  id: string
  label: string
  /** The npm package that is measured, if it is one. */
  package?: string
  /** A program that must be installed, and the command that installs it. */
  needs?: { program: string; install: string }
  wire: Wire
}

const asIs: Writer = payload => payload
const bytesWire = (write: Writer): Wire => ({ request: write, reply: write, payload: randomBytes })
const textWire = (write: Writer): Wire => ({ request: write, reply: write, payload: randomText })

const netstring: Writer = payload =>
  Buffer.concat([Buffer.from(`${payload.length}:`), payload, Buffer.from(',')])

/** RFC 1055 advises an END in front too, and this kit writes it. */
const slip: Writer = payload => Buffer.concat([Buffer.of(0xc0), slipEscaped(payload)])

/** RFC 6455 section 5.2: FIN and a binary frame; a client also masks. */
function webSocketFrame(payload: Buffer, mask: Buffer | null): Buffer {
  const { length } = payload
  const sizeBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8
  const head = Buffer.alloc(2 + sizeBytes)
  head[0] = 0x82
  head[1] = sizeBytes === 0 ? length : sizeBytes === 2 ? 126 : 127
  if (sizeBytes === 2) head.writeUInt16BE(length, 2)
  if (sizeBytes === 8) head.writeBigUInt64BE(BigInt(length), 2)
  if (mask === null) return Buffer.concat([head, payload])
  head[1] |= 0x80
  const masked = Buffer.from(payload)
  for (let i = 0; i < length; i++) masked[i] = payload[i]! ^ mask[i % 4]!
  return Buffer.concat([head, mask, masked])
}

const webSocket: Wire = {
  opening:
    'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  request: payload => webSocketFrame(payload, Buffer.of(0x37, 0xfa, 0x21, 0x3d)),
  reply: payload => webSocketFrame(payload, null),
  payload: randomBytes,
}

/** `GET /<bytes>`, which every server answers with the same text of that size. */
const http: Wire = {
  request: payload =>
    Buffer.from(
      `GET /${payload.length} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: bench\r\n` +
        'Accept: */*\r\n\r\n',
    ),
  reply: null,
  payload: randomText,
  fixed: true,
}

const go = { program: 'go', install: 'apt-get install golang-go' }
const linesWire = textWire(endedBy('\n'))

export const kinds: readonly Kind[] = [
  { id: 'raw', label: 'raw echo, write() in "data"', wire: bytesWire(asIs) },
  { id: 'pipe', label: 'bare net, socket.pipe(socket)', wire: bytesWire(asIs) },
  { id: 'fixed-length', label: 'framed(), fixedLength()', wire: bytesWire(asIs) },
  { id: 'length-prefix', label: 'framed(), lengthPrefix()', wire: bytesWire(uint32be) },
  { id: 'varint-prefix', label: 'framed(), varintPrefix()', wire: bytesWire(base128) },
  { id: 'delimiter', label: 'framed(), delimiter()', wire: linesWire },
  { id: 'lines', label: 'framed(), lines()', wire: linesWire },
  { id: 'byte-stuffing', label: 'framed(), byteStuffing()', wire: bytesWire(slip) },
  { id: 'netstring', label: 'framed(), netstring()', wire: bytesWire(netstring) },
  {
    id: 'by-hand',
    label: 'lengthPrefix(), encodeInto() by hand',
    wire: bytesWire(uint32be),
  },
  { id: 'http1', label: 'http1Request(), next() by hand', wire: http },
  { id: 'node-http', label: 'node:http', wire: http },
  { id: 'ws', label: 'ws', package: 'ws', wire: webSocket },
  { id: 'go-raw', label: 'Go, raw echo, 64 KiB buffer', needs: go, wire: bytesWire(asIs) },
  {
    id: 'go-length-prefix',
    label: 'Go, 4-byte length, bufio 64 KiB',
    needs: go,
    wire: bytesWire(uint32be),
  },
  { id: 'go-http', label: 'Go, net/http', needs: go, wire: http },
]

export function kindOf(id: string): Kind {
  const kind = kinds.find(known => known.id === id)
  if (kind === undefined) throw new Error(`no server '${id}' to measure`)
  return kind
}

/** The codecs of this kit that echo through `framed()`. */
export const framedIds = kinds.filter(({ label }) => label.startsWith('framed()')).map(k => k.id)
