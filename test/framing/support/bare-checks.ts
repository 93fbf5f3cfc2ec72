/**
 * What the no-Buffer test runs inside a context that has nothing but the language, `TextEncoder`
 * and `TextDecoder`. There is nothing to test with, so every check is an `if` and a `throw`; and it is
 * compiled without the kit's package.json, so its imports are relative.
 */
// biome-ignore lint/style/noRestrictedImports: '#lib' is known to the kit's package.json only
import { FrameError } from '../../../lib/framing/frame.ts'
// biome-ignore lint/style/noRestrictedImports: '#lib' is known to the kit's package.json only
import * as framing from '../../../lib/framing/index.ts'
import { byteCodecs } from './byte-codecs.ts'

declare const report: (line: string) => void

const text = (ascii: string) => Uint8Array.from(ascii, letter => letter.charCodeAt(0))
const plain = [text('left'), Uint8Array.of(0xc0, 0xdb, 0, 255), text('righ')]

const done = new Set<string>()

for (const name of ['Buffer', 'process', 'require', 'setTimeout', 'performance']) {
  check(!(name in globalThis), `${name} is there`)
}
for (const [name, codec] of byteCodecs()) {
  const wires = plain.map(frame => codec.encode(frame))
  for (const wire of wires) check(wire.constructor === Uint8Array, `${name} encodes a Uint8Array`)
  const seen = runAllCuts(name, codec, join(wires), frame => {
    check(frame.constructor === Uint8Array, `${name} decodes a Uint8Array`)
    return String(frame)
  })
  check(seen === JSON.stringify(plain.map(String)), `${name} returns ${seen}`)
  const slab = new Uint8Array(100)
  const end = plain.reduce((offset, frame) => codec.encodeInto(frame, slab, offset), 0)
  check(String(slab.subarray(0, end)) === String(join(wires)), `${name} encodes into a slab`)
  done.add(name)
}
const lines = ['one', '', 'caf\u00e9 \u2603 \u{1f600}']
const lineWires = lines.map(line => framing.lines().encode(line))
const seenLines = runAllCuts('lines', framing.lines(), join(lineWires), line => line)
check(seenLines === JSON.stringify(lines), `lines returns ${seenLines}`)
done.add('lines')

const request = framing.http1Request()
const get = text('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
const post = text(
  'POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n',
)
const seenRequests = runAllCuts<framing.Http1Request>(
  'http1Request',
  request,
  join([get, post]),
  frame => {
    return `${frame.method} ${frame.target} ${frame.headers.get('host')} ${String(frame.body)}`
  },
)
check(seenRequests === '["GET / a ","POST /x a 104,105"]', `http1Request returns ${seenRequests}`)
done.add('http1Request')

const response = framing.http1Response()
const ok = text('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.0 404 No\r\n\r\nbye')
const seenResponses = runAllCuts<framing.Http1Response>('http1Response', response, ok, frame => {
  return `${frame.status} ${frame.reason} ${String(frame.body)}`
})
check(seenResponses === '["200 OK 104,105","404 No 98,121,101"]', `they are ${seenResponses}`)
done.add('http1Response')

for (const [name, value] of Object.entries(framing)) {
  if (typeof value === 'function' && name !== 'FrameError') check(done.has(name), `${name} is run`)
}
report([...done].sort().join(' '))

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(`not so: ${what}`)
}

function join(parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap(part => [...part]))
}

/** Decodes `stream` whole, at each cut and byte by byte; cut off it must be refused. */
function runAllCuts<Frame>(
  name: string,
  codec: framing.FrameCodec<Frame>,
  stream: Uint8Array,
  show: (frame: Frame) => string,
): string {
  const whole = run(codec, [stream], show)
  for (let cut = 0; cut <= stream.length; cut++) {
    const halves = run(codec, [stream.subarray(0, cut), stream.subarray(cut)], show)
    check(halves === whole, `${name} returns ${whole} when cut at ${cut}, not ${halves}`)
  }
  const single = Array.from(stream, byte => Uint8Array.of(byte))
  check(run(codec, single, show) === whole, `${name} returns the same byte by byte`)
  const decoder = codec.decoder()
  decoder.push(stream.subarray(0, 1))
  try {
    while (decoder.read() !== null);
    decoder.end()
    // Only SLIP may start with an END that belongs to no frame.
    check(name === 'byteStuffing', `${name} says that a frame is cut off`)
  } catch (error) {
    check(error instanceof FrameError, `${name} fails with a FrameError, not ${error}`)
  }
  return whole
}

function run<Frame>(
  codec: framing.FrameCodec<Frame>,
  chunks: Uint8Array[],
  show: (frame: Frame) => string,
): string {
  const decoder = codec.decoder()
  const found: string[] = []
  const drain = () => {
    for (let frame = decoder.read(); frame !== null; frame = decoder.read()) {
      found.push(show(frame))
    }
  }
  for (const chunk of chunks) {
    decoder.push(chunk)
    drain()
  }
  decoder.end()
  drain()
  return JSON.stringify(found)
}
