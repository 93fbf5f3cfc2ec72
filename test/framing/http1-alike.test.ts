/**
 * Heads that are like the one before, in chunks that are large enough to compare the two.
 *
 * Byte by byte every head is parsed by itself, so that way says what must come out.
 */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameError } from '#lib/framing/frame.ts'
import {
  type Http1Message,
  type Http1Options,
  http1Request,
  http1Response,
} from '#lib/framing/http1.ts'

type Message = { first: string; fields: string[]; body: string }
type Kind = 'requests' | 'responses'

const firsts: Record<Kind, string[]> = {
  requests: ['POST /items HTTP/1.1', 'POST /itemz HTTP/1.1', 'PUT /items HTTP/1.0', 'GET  / HTTP'],
  responses: ['HTTP/1.1 200 OK', 'HTTP/1.1 200 Ok', 'HTTP/1.0 404 Not Found', 'HTTP/1.1 2000 OK'],
}
const base: Record<Kind, string[]> = {
  requests: ['Host: a.example', 'User-Agent: kit/1.0', 'Accept: */*', 'TE: trailers'],
  responses: ['Date: Sun, 06 Nov 1994 08:49:37 GMT', 'Server: kit', 'Age: 7', 'X-Long-Name: v'],
}
/** What a line may become, or what may come between two lines. */
const lines = [
  'Date: Sun, 06 Nov 1994 08:49:38 GMT',
  'Server: kit of another length',
  'Server:kit',
  'server: kit',
  'Serves: kit',
  'Server : kit',
  'Server: caf\xe9\tand\xff',
  'Server: \x7f',
  'Server: a\rb',
  'Server: a\nb',
  'Server: a\0b',
  'Host: a.example',
  'Host: b.example:80',
  'Host: a b',
  'Connection: close',
  'Connection: keep-alive',
  'Content-Length: 5',
  'Content-Length: 05',
  'Transfer-Encoding: chunked',
  'Transfer-Encoding: gzip',
  'Age: 70',
  'A:',
  ': a',
  ' folded',
  'no colon',
  '',
]

/** Each message is the one before with some lines changed, added or left out. */
const edit = fc.record({
  at: fc.nat(5),
  way: fc.constantFrom('change', 'add', 'drop', 'first'),
  line: fc.constantFrom(...lines),
  first: fc.nat(3),
  /** Most edits are harmless: a stream that ends at once shows little. */
  keep: fc.boolean(),
})
type Edit = typeof edit extends fc.Arbitrary<infer Value> ? Value : never

function withEdits(kind: Kind, { fields }: Message, edits: Edit[]): Message {
  const changed = [...fields]
  let first = firsts[kind][0]!
  for (const { at, way, line, first: which } of edits) {
    if (way === 'change') changed[at % changed.length] = line
    if (way === 'add') changed.splice(at, 0, line)
    if (way === 'drop') changed.splice(at, 1)
    if (way === 'first') first = firsts[kind][which]!
  }
  return { first, fields: changed, body: 'hello' }
}

function wireOf({ first, fields, body }: Message): string {
  const names = fields.map(line => line.split(':')[0]!.toLowerCase())
  const chunked = names.includes('transfer-encoding')
  const sized = names.includes('content-length') || chunked
  const own = sized ? [] : ['Content-Length: 5']
  const content = chunked ? `5\r\n${body}\r\n0\r\nDigest: ${fields.length}\r\n\r\n` : body
  return [first, ...fields, ...own, '', content].join('\r\n')
}

function streamOf(kind: Kind, edits: Edit[][]): Buffer {
  let message: Message = { first: firsts[kind][0]!, fields: base[kind], body: 'hello' }
  let wire = wireOf(message).repeat(8)
  for (const some of edits) {
    const next = withEdits(kind, message, some)
    wire += wireOf(next)
    if (some.every(({ keep }) => keep)) message = next
  }
  return Buffer.from(wire + wireOf(message).repeat(2), 'latin1')
}

function shown({ body, headers, trailers, ...others }: Http1Message): string {
  const all = { ...others, headers: [...headers], trailers: [...trailers] }
  return `${JSON.stringify(all)} ${Buffer.from(body).toString('latin1')}`
}

/** All that comes out, looked at when everything has been read, and the error at the end. */
function outcome(kind: Kind, chunks: Iterable<Uint8Array>, options: Http1Options): string[] {
  const decoder = (kind === 'requests' ? http1Request(options) : http1Response(options)).decoder()
  const frames: Http1Message[] = []
  let end = 'no error'
  try {
    for (const chunk of chunks) {
      decoder.push(chunk)
      for (let frame = decoder.read(); frame !== null; frame = decoder.read()) frames.push(frame)
    }
    decoder.end()
    for (let frame = decoder.read(); frame !== null; frame = decoder.read()) frames.push(frame)
  } catch (error) {
    if (!(error instanceof FrameError)) throw error
    end = `${error.code} ${error.message} ${error.offset} ${error.status}`
  }
  return [...frames.map(shown), end]
}

/** The same with `next()`, where nothing is kept; `look` says which headers are asked for. */
function nextOutcome(kind: Kind, chunk: Uint8Array, look: (message: number) => boolean): string[] {
  const codec = kind === 'requests' ? http1Request() : http1Response()
  const decoder = codec.decoder()
  const found: string[] = []
  const drain = (): void => {
    while (decoder.next()) {
      const body = Buffer.from(decoder.bytes.subarray(decoder.start, decoder.endOffset))
      const headers = look(found.length) ? JSON.stringify([...decoder.headers]) : ''
      found.push(`${headers} ${decoder.keepAlive} ${body.toString('latin1')}`)
    }
  }
  try {
    decoder.push(chunk)
    drain()
    decoder.end()
    drain() // the last one may end with the stream
  } catch (error) {
    found.push((error as FrameError).message)
  }
  return found
}

const single = (stream: Buffer) => Array.from(stream, byte => Buffer.of(byte))
const edits = fc.array(fc.array(edit, { maxLength: 2 }), { maxLength: 12 })

describe.each(['requests', 'responses'] as const)('%s that are alike', kind => {
  test('come out of a large chunk as they come out byte by byte', () => {
    let seen = 0
    const property = fc.property(edits, fc.boolean(), (changes, few) => {
      const stream = streamOf(kind, changes)
      const options = few ? { maxHeaderFields: 6, maxHeaderBytes: 140 } : {}
      const whole = outcome(kind, [stream], options)
      expect(whole).toEqual(outcome(kind, single(stream), options))
      seen = Math.max(seen, whole.length)
    })
    fc.assert(property, { numRuns: 600, seed: 12 })
    expect(seen).toBeGreaterThan(15)
  })

  test('come out of chunks that end inside a head as they come out byte by byte', () => {
    const property = fc.property(edits, fc.integer({ min: 1024, max: 1500 }), (changes, size) => {
      const stream = streamOf(kind, changes)
      const pieces: Buffer[] = []
      for (let at = 0; at < stream.length; at += size) pieces.push(stream.subarray(at, at + size))
      expect(outcome(kind, pieces, {})).toEqual(outcome(kind, single(stream), {}))
    })
    fc.assert(property, { numRuns: 300, seed: 13 })
  })

  test('have the same headers with next(), whichever of them are asked for', () => {
    const property = fc.property(edits, fc.integer({ min: 1, max: 4 }), (changes, every) => {
      const stream = streamOf(kind, changes)
      const all = nextOutcome(kind, stream, () => true)
      const some = nextOutcome(kind, stream, message => message % every === 0)
      expect(some.length).toBe(all.length)
      for (const [i, message] of some.entries()) expect(all[i]!.endsWith(message)).toBe(true)
      const read = outcome(kind, [stream], {})
      expect(all.length).toBe(read.at(-1) === 'no error' ? read.length - 1 : read.length)
      for (const [i, message] of read.slice(0, -1).entries()) {
        const { headers } = JSON.parse(message.slice(0, message.lastIndexOf('}') + 1)) as {
          headers: unknown
        }
        expect(all[i]!.startsWith(JSON.stringify(headers))).toBe(true)
      }
    })
    fc.assert(property, { numRuns: 300, seed: 14 })
  })
})

test('a head that was like the last one is not, when the request is another', () => {
  const answer = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: kit\r\n\r\n'
  const decoder = http1Response().decoder()
  for (const method of ['GET', 'HEAD', 'GET', 'CONNECT']) decoder.expect(method)
  const pad = 'x'.repeat(1024)
  decoder.push(Buffer.from(`${answer}hello${answer}${answer}hello${answer}${pad}`))
  const bodies = Array.from({ length: 4 }, () => decoder.read()?.body.toString())
  expect(bodies).toEqual(['hello', '', 'hello', ''])
  expect(decoder.rest().length).toBe(1024)
})
